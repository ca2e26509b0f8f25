use super::super::*;
use super::{alice, file};
use crate::tests::fuzz::Target;

#[test]
fn a_login_changes_nothing_else_in_config_json() {
    let seeds = [
        r#"{"auths":{"h:5000":{"auth":"YWxpY2U6czNjcmV0LXB3"},"https://index.docker.io/v1/":{}},"credsStore":"pass"}"#,
        r#"{"credHelpers":{"h":"ecr-login","x":""},"HttpHeaders":{"a":"b"},"n":1.10,"auths":null}"#,
        r#"{"AUTHS":{"h/ns":{"username":"a","password":"b"},"h":{"identitytoken":"t"}},"auths":{"h":{"registrytoken":"r"}}}"#,
        "",
    ];
    let words = [
        "\"auths\":{",
        "\"credHelpers\":{",
        "\"credsStore\":",
        "\"auth\":\"",
        "YWxpY2U6",
        "\"identitytoken\":",
        "\"h:5000\":",
        "https://",
        "/v1/",
        "\"username\":",
        "\"password\":",
    ];
    let mut target = Target::text("config-json", seeds, &words);
    target.cases = 500;
    target.check_texts(|text| {
        let before = file(text);
        let path = Path::new("config.json");
        let warning = before.warning(path).is_some();
        let storage = [before.storage("h:5000"), before.storage("docker.io")];
        let logins = ["h:5000", "h", "docker.io"].map(|domain| before.login(domain).is_some());
        let Ok(mut changed) = before.understood(path) else {
            assert!(warning);
            return format!("refused {}", logins.iter().filter(|it| **it).count());
        };
        let others: Vec<(String, String)> = members(&changed.top, "auths");
        let neighbours: Vec<(String, String)> = members(&changed.auths, "h:5000");
        changed.put("h:5000", Some(&alice())).unwrap();
        let written = changed.text().unwrap();
        let after = file(&written);
        assert!(after.problem.is_none(), "{written}");
        assert_eq!(
            after.login("h:5000").map(|(_, login)| login),
            Some(alice()),
            "{written}"
        );
        assert_eq!(members(&after.top, "auths"), others);
        assert_eq!(members(&after.auths, "h:5000"), neighbours);
        let gone = after.erasable_keys("h:5000");
        assert!(gone.iter().any(|key| key == "h:5000"));
        format!("{storage:?} {logins:?} {warning}")
            .chars()
            .filter(char::is_ascii)
            .take(80)
            .collect()
    });
}

/// All members but one, without the blanks between their tokens.
fn members(of: &Members, but: &str) -> Vec<(String, String)> {
    let others = of.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(but));
    others
        .map(|(name, value)| (name.to_owned(), go_json::indented(value.get(), "")))
        .collect()
}
