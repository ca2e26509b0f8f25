//! One entry of `auths`: how Docker writes a login into JSON.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use serde_json::value::RawValue;

use super::members::Members;
use super::{Credential, Secret};

/// Standard base64 with padding; like Go, unused bits at the end may hold anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));
/// The members that together are the login.
const LOGIN: [&str; 5] = ["auth", "username", "password", "identitytoken", "registrytoken"];

/// The login in an entry, `None` when it is a mere marker. The error is Docker's text.
pub(super) fn read(entry: &RawValue) -> Result<Option<Credential>, String> {
    let Ok(entry) = Members::parse(entry.get().as_bytes()) else {
        return Err("an entry of auths is not an object".to_owned());
    };
    let [auth, username, password, identity_token, registry_token] = LOGIN.map(|name| {
        entry
            .text(name)
            .ok_or_else(|| format!("{name} in an entry of auths is not a string"))
    });
    let (username, password) = match auth?.as_str() {
        "" => (username?, password?),
        auth => decode(auth)?,
    };
    let (identity_token, registry_token) = (identity_token?, registry_token?);
    Ok(if !registry_token.is_empty() {
        Some(Credential::RegistryToken(Secret::new(registry_token)))
    } else if !identity_token.is_empty() {
        Some(Credential::IdentityToken(Secret::new(identity_token)))
    } else if username.is_empty() {
        None
    } else {
        let password = Secret::new(password);
        Some(Credential::Basic { username, password })
    })
}

/// Whether the entry holds more than the marker that a helper's login leaves.
pub(super) fn has_login(entry: &RawValue) -> bool {
    Members::parse(entry.get().as_bytes()).is_ok_and(|entry| LOGIN.iter().any(|name| entry.get(name).is_some()))
}

/// The entry with this login, or as a marker with none; other members stay as they are.
pub(super) fn written(old: Option<&RawValue>, login: Option<&Credential>) -> serde_json::Result<Members> {
    let mut entry = old
        .and_then(|old| Members::parse(old.get().as_bytes()).ok())
        .unwrap_or_default();
    let new = login.map(|login| match login {
        Credential::Basic { username, password } => ("auth", encode(username, password)),
        Credential::IdentityToken(token) => ("identitytoken", token.expose().to_owned()),
        Credential::RegistryToken(token) => ("registrytoken", token.expose().to_owned()),
    });
    let kept = new.as_ref().map_or("", |(name, _)| name);
    entry.retain(|name, _| name == kept || !LOGIN.iter().any(|known| known.eq_ignore_ascii_case(name)));
    if let Some((name, value)) = new {
        entry.put(name, &value)?;
    }
    Ok(entry)
}

/// `base64(user:password)`, as in the file and in Basic authentication.
pub(super) fn encode(username: &str, password: &Secret) -> String {
    BASE64.encode(format!("{username}:{}", password.expose()))
}

/// User name and password of an `auth` member: split at the first colon, without NULs around the password.
pub(super) fn decode(auth: &str) -> Result<(String, String), String> {
    let auth: String = auth.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = BASE64.decode(&auth).map_err(|e| {
        let at = match e {
            base64::DecodeError::InvalidByte(at, _) => at,
            // Go names the start of the incomplete group.
            _ => auth.len() / 4 * 4,
        };
        format!("illegal base64 data at input byte {at}")
    })?;
    let text = String::from_utf8(bytes).map_err(|_| "Invalid auth configuration file".to_owned())?;
    match text.split_once(':') {
        Some((username, password)) if !username.is_empty() => {
            Ok((username.to_owned(), password.trim_matches('\0').to_owned()))
        }
        _ => Err("Invalid auth configuration file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(entry: &str) -> Result<Option<Credential>, String> {
        read(&RawValue::from_string(entry.to_owned()).unwrap())
    }

    fn basic(username: &str, password: &str) -> Credential {
        Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    #[test]
    fn every_way_to_write_a_login_is_read() {
        let bob = encode("bob", &Secret::new("hunter2:with:colons"));
        let nul = encode("alice", &Secret::new("pw\0\0"));
        for (entry, expected) in [
            (
                r#"{"auth":"YWxpY2U6czNjcmV0LXB3"}"#.to_owned(),
                Some(basic("alice", "s3cret-pw")),
            ),
            (
                r#"{"AUTH":"YWxpY2U6\r\nczNjcmV0LXB3"}"#.to_owned(),
                Some(basic("alice", "s3cret-pw")),
            ),
            (
                format!(r#"{{"auth":"{bob}"}}"#),
                Some(basic("bob", "hunter2:with:colons")),
            ),
            (format!(r#"{{"auth":"{nul}"}}"#), Some(basic("alice", "pw"))),
            (
                r#"{"username":"alice","password":"pw"}"#.to_owned(),
                Some(basic("alice", "pw")),
            ),
            (
                r#"{"auth":"YmFkOmNyZWRz","username":"alice","password":"pw"}"#.to_owned(),
                Some(basic("bad", "creds")),
            ),
            (
                r#"{"auth":"YWxpY2U6","identitytoken":"t"}"#.to_owned(),
                Some(Credential::IdentityToken(Secret::new("t"))),
            ),
            (
                r#"{"registrytoken":"t"}"#.to_owned(),
                Some(Credential::RegistryToken(Secret::new("t"))),
            ),
            ("{}".to_owned(), None),
            ("null".to_owned(), None),
            (r#"{"email":"a@b"}"#.to_owned(), None),
        ] {
            assert_eq!(login(&entry), Ok(expected), "{entry}");
        }
    }

    #[test]
    fn a_bad_auth_is_named_as_docker_does() {
        for (entry, expected) in [
            (r#"{"auth":"bm9jb2xvbg=="}"#, "Invalid auth configuration file"),
            (r#"{"auth":"OnB3"}"#, "Invalid auth configuration file"),
            (r#"{"auth":"!!!"}"#, "illegal base64 data at input byte 0"),
            (
                r#"{"auth":"YWxpY2U6czNjcmV0LXB3="}"#,
                "illegal base64 data at input byte 20",
            ),
            (r#"{"auth":"YWx"}"#, "illegal base64 data at input byte 0"),
            (r#"{"auth":7}"#, "auth in an entry of auths is not a string"),
            (r#""czNjcmV0""#, "an entry of auths is not an object"),
        ] {
            assert_eq!(login(entry), Err(expected.to_owned()), "{entry}");
        }
    }

    #[test]
    fn a_new_login_replaces_the_old_one_and_nothing_else() {
        let old = RawValue::from_string(r#"{"email":"a@b","auth":"eA==","weird":1e3,"identitytoken":"t"}"#.to_owned())
            .unwrap();
        let text = |entry: &Members| serde_json::to_string(entry).unwrap();
        let new = written(Some(&old), Some(&basic("alice", "s3cret-pw"))).unwrap();
        assert_eq!(
            text(&new),
            r#"{"email":"a@b","auth":"YWxpY2U6czNjcmV0LXB3","weird":1e3}"#
        );
        assert_eq!(
            text(&written(Some(&old), None).unwrap()),
            r#"{"email":"a@b","weird":1e3}"#
        );
    }

    #[test]
    fn a_secret_shows_stars() {
        assert_eq!(
            format!("{:?}", basic("alice", "pw")),
            r#"Basic { username: "alice", password: *** }"#
        );
    }
}
