use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn no_token_server_makes_a_token_last_for_ever() {
    let seeds = [
        r#"{"token":"a","expires_in":300}"#,
        r#"{"access_token":"b","expires_in":"60","refresh_token":"c"}"#,
    ];
    let words = [
        "\"token\":",
        "\"access_token\":",
        "\"expires_in\":",
        "\"refresh_token\":",
        "1e308",
        "-0",
        "\"NaN\"",
        "\"inf\"",
    ];
    Target::text("tokens", seeds, &words).check(|input| {
        let answer: TokenAnswer = serde_json::from_slice(input).ok()?;
        let life = life(answer.expires_in.as_ref());
        assert!((SHORTEST_LIFE..=LONGEST_LIFE).contains(&life), "{life:?}");
        let is_fit = |token: Option<String>| {
            let token = token.map(Secret::new);
            token.map(|token| Authorization::bearer(&token, "x").is_ok())
        };
        Some((
            is_fit(answer.token),
            is_fit(answer.access_token),
            is_fit(answer.refresh_token),
            life.as_secs().ilog2(),
        ))
    });
}
