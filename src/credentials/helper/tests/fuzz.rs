use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn what_a_helper_answers_is_a_login_or_nothing() {
    let seeds = [
        r#"{"ServerURL":"h","Username":"alice","Secret":"s3cret-pw"}"#,
        r#"{"username":"<token>","SECRET":null}"#,
        "credentials not found in native keychain\n",
        "no credentials server URL",
    ];
    let words = [
        "\"Username\":",
        "\"Secret\":",
        "\"ServerURL\":",
        "<token>",
        "s3cret-pw",
        "null",
    ];
    Target::text("helpers", seeds, &words).check(|input| {
        let login = read_login(input);
        let told = failure(
            "error storing credentials",
            "exit status 1".to_owned(),
            input,
            &["s3cret-pw"],
        )
        .to_string();
        assert!(!told.contains("s3cret-pw"), "{told}");
        let asked = failure("error getting credentials", "exit status 1".to_owned(), input, &[]).to_string();
        assert!(!asked.to_ascii_lowercase().contains("\"secret\""), "{asked}");
        login.map(|(username, secret)| (username.len().min(3), secret.expose().len().min(3)))
    });
}
