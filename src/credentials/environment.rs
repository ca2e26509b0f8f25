//! `DOCKER_AUTH_CONFIG`: `{"auths":{"HOST":{"auth":"base64"}}}` and nothing else, since Docker 28.3.

use super::members::{Members, ParseError};
use super::{Credential, Secret, entry};

/// The logins in the variable, by key. The error is Docker's text.
pub(super) fn parse(value: &str) -> Result<Vec<(String, Credential)>, String> {
    let top = object(value)?;
    allow_only("auths", &top)?;
    let Some(auths) = top.get("auths") else {
        return Ok(Vec::new());
    };
    object(auths.get())?
        .iter()
        .map(|(key, entry)| Ok((key.to_owned(), login(key, entry.get())?)))
        .collect()
}

fn login(key: &str, entry: &str) -> Result<Credential, String> {
    let members = object(entry)?;
    allow_only("auth", &members)?;
    let auth = members.text("auth").ok_or("auth is not a string")?;
    if auth.is_empty() {
        return Err(format!(
            "DOCKER_AUTH_CONFIG environment variable is missing key `auth` for {key}"
        ));
    }
    let (username, password) = entry::decode(&auth)?;
    let password = Secret::new(password);
    Ok(Credential::Basic { username, password })
}

fn object(text: &str) -> Result<Members, String> {
    Members::parse(text.as_bytes()).map_err(|fault| match fault {
        ParseError::Syntax(reason) => reason,
        ParseError::NotAnObject => "a value that should be a JSON object is not one".to_owned(),
        ParseError::MoreFollows(_) => "DOCKER_AUTH_CONFIG does not support more than one JSON object".to_owned(),
    })
}

fn allow_only(name: &str, members: &Members) -> Result<(), String> {
    match members.iter().find(|(other, _)| !other.eq_ignore_ascii_case(name)) {
        None => Ok(()),
        Some((other, _)) => Err(format!("json: unknown field {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_allowed_form_is_read() {
        let logins = parse(r#"{"auths":{"h:1":{"auth":"YWxpY2U6czNjcmV0LXB3"}}}"#).unwrap();
        let password = Secret::new("s3cret-pw");
        assert_eq!(
            logins,
            [(
                "h:1".to_owned(),
                Credential::Basic {
                    username: "alice".to_owned(),
                    password
                }
            )]
        );
        for empty in ["{}", r#"{"auths":null}"#, r#"{"auths":{}}"#] {
            assert_eq!(parse(empty), Ok(Vec::new()));
        }
    }

    #[test]
    fn anything_else_is_refused_in_docker_s_words() {
        for (value, expected) in [
            (r#"{"x":1}"#, r#"json: unknown field "x""#),
            (
                r#"{"auths":{"h":{"username":"a"}}}"#,
                r#"json: unknown field "username""#,
            ),
            (
                r#"{"auths":{"h":{}}}"#,
                "DOCKER_AUTH_CONFIG environment variable is missing key `auth` for h",
            ),
            ("{} {}", "DOCKER_AUTH_CONFIG does not support more than one JSON object"),
            (r#"{"auths":{"h":{"auth":"!"}}}"#, "illegal base64 data at input byte 0"),
        ] {
            assert_eq!(parse(value), Err(expected.to_owned()), "{value}");
        }
    }
}
