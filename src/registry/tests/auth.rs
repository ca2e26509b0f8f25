use super::super::wire::tests::fake::reply;
use super::*;
use crate::content::Sink;
use crate::error::{Clue, Kind};
use crate::image::Version;

fn unauthorized(challenge: &str) -> Act {
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[]}]}"#;
    reply(401).header("www-authenticate", challenge).body(body).into()
}

/// A registry whose token server is itself; the n-th token is `token-n`.
async fn with_tokens(grants: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Fake {
    fake(move |number, seen| {
        if seen.line.starts_with("GET /token") || seen.line.starts_with("POST /token") {
            let token = format!(r#"{{"token":"token-{number}","expires_in":300,"refresh_token":"id-secret"}}"#);
            return reply(200).body(token).into();
        }
        if grants(seen) {
            return reply(200).body(r#"{"tags":["x"],"repositories":["r"]}"#).into();
        }
        unauthorized(r#"Bearer realm="/token?keep=1",service="s",scope="repository:a/b:pull""#)
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_once_and_used_again() {
    let fake = with_tokens(|seen| seen.header("authorization") == Some("Bearer token-1")).await;
    let repository = known(&fake);
    assert_eq!(repository.tags().await.unwrap(), ["x"]);
    assert_eq!(repository.tags().await.unwrap(), ["x"]);
    let seen = fake.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(seen[1].header("authorization"), Some(BASIC));
    assert!(
        seen[1].line.starts_with("GET /token?keep=1&account=alice&"),
        "{}",
        seen[1].line
    );
    assert!(
        seen[1].line.contains("&scope=repository%3Aa%2Fb%3Apull&service=s"),
        "{}",
        seen[1].line
    );
}

#[tokio::test]
async fn many_requests_at_once_need_one_token() {
    let fake = with_tokens(|seen| seen.header("authorization").is_some()).await;
    let repository = known(&fake);
    let all = futures_util::future::join_all((0..5).map(|_| repository.tags())).await;
    assert!(all.iter().all(Result::is_ok));
    let tokens = fake.lines().iter().filter(|line| line.contains("/token")).count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_once() {
    let fake = with_tokens(|seen| seen.header("authorization") == Some("Bearer token-4")).await;
    let repository = known(&fake);
    // The first token is refused; a second one for the same scope would be no better.
    let refused = repository.tags().await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unauthorized);
    assert_eq!(
        refused.clue(),
        Some(&Clue::LoginRefused {
            host: fake.domain.clone()
        })
    );
    assert_eq!(fake.seen().len(), 3);
    // The kept token is refused: that one is dropped.
    assert_eq!(repository.tags().await.unwrap(), ["x"]);
    assert_eq!(fake.seen().len(), 6);
}

#[tokio::test]
async fn the_scope_that_the_challenge_names_is_tried_before_giving_up() {
    let fake = fake(|number, seen| match &*seen.line {
        line if line.starts_with("GET /token") => reply(200).body(format!(r#"{{"access_token":"t{number}"}}"#)).into(),
        _ => {
            let scope = if seen.header("authorization").is_some() {
                "repository:z:pull"
            } else {
                "repository:y:pull"
            };
            unauthorized(&format!(
                r#"Bearer realm="/token",scope="{scope}",error="insufficient_scope""#
            ))
        }
    })
    .await;
    let error = repository(&fake).resolve(Version::Tag("latest")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "pull access denied for {}/a/b, repository does not exist or may require 'docker login': \
             denied: requested access to the resource is denied",
            fake.domain
        )
    );
    assert_eq!(error.kind(), Kind::Denied);
    let lines = fake.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(
        lines[1],
        "GET /token?scope=repository%3Ay%3Apull&scope=repository%3Aa%2Fb%3Apull"
    );
    assert_eq!(
        lines[3],
        "GET /token?scope=repository%3Az%3Apull&scope=repository%3Aa%2Fb%3Apull"
    );
}

#[tokio::test]
async fn basic_goes_to_who_asked_and_its_lack_is_worded_as_docker_does() {
    let fake = fake(|_, seen| match seen.header("authorization") {
        Some(BASIC) => reply(200).body(r#"{"tags":null}"#).into(),
        _ => unauthorized("BASIC realm=\"x\""),
    })
    .await;
    assert_eq!(known(&fake).tags().await.unwrap(), [""; 0]);
    let error = repository(&fake).resolve(Version::Tag("latest")).await.unwrap_err();
    let domain = &fake.domain;
    assert_eq!(
        error.to_string(),
        format!("Head \"http://{domain}/v2/a/b/manifests/latest\": no basic auth credentials")
    );
    assert_eq!(error.clue(), Some(&Clue::LoginNeeded { host: domain.clone() }));
    let error = repository(&fake).receive(&blob(b"x"), &opener(b"x")).await.unwrap_err();
    assert_eq!(error.to_string(), "no basic auth credentials");
}

#[tokio::test]
async fn a_wrong_password_is_sent_once() {
    let fake = fake(|_, _| unauthorized("Basic realm=\"x\"")).await;
    let error = known(&fake).resolve(Version::Tag("latest")).await.unwrap_err();
    assert_eq!(error.to_string(), "unauthorized: authentication required");
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_realm_inside_the_cloud_is_never_asked() {
    for realm in [
        "http://169.254.169.254/token",
        "file:///etc/passwd",
        "ftp://h/token",
        "",
    ] {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
        let fake = fake(move |_, _| unauthorized(&challenge)).await;
        let error = known(&fake).tags().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{realm}: {error}");
        assert_eq!(fake.seen().len(), 1);
        assert!(!format!("{error:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn the_token_server_s_refusal_is_told() {
    let fake = fake(|_, seen| {
        if seen.line.starts_with("GET /token") {
            reply(401)
                .body(r#"{"details":"incorrect username or password"}"#)
                .into()
        } else {
            unauthorized("Bearer realm=\"/token\"")
        }
    })
    .await;
    let registry = registry(&fake, &|| CredentialSource::None);
    let error = registry
        .log_in(USER, &Secret::new(PASSWORD.to_owned()))
        .await
        .unwrap_err();
    let ping = format!("Get \"http://{}/v2/\"", fake.domain);
    assert_eq!(
        error.to_string(),
        format!("{ping}: unauthorized: incorrect username or password")
    );
}

#[tokio::test]
async fn a_login_is_proved_and_may_yield_an_identity_token() {
    let fake = with_tokens(|seen| seen.header("authorization").is_some()).await;
    let registry = registry(&fake, &|| CredentialSource::None);
    let login = registry.log_in(USER, &Secret::new(PASSWORD.to_owned())).await.unwrap();
    let identity = login.identity_token.unwrap();
    assert_eq!(identity.expose(), "id-secret");
    assert!(fake.lines()[1].contains("offline_token=true"), "{:?}", fake.lines());
    registry.log_in_with_token(&identity).await.unwrap();
    let posted = &fake.seen()[4];
    assert_eq!(posted.line, "POST /token?keep=1");
    let form = String::from_utf8(posted.body.clone()).unwrap();
    assert!(
        form.starts_with("grant_type=refresh_token&service=s&client_id=rdock&"),
        "{form}"
    );
    assert!(form.ends_with("&refresh_token=id-secret"), "{form}");
}

#[tokio::test]
async fn a_refused_login_names_the_status_and_an_open_registry_takes_all() {
    let closed = fake(|_, _| unauthorized("Basic realm=\"x\"")).await;
    let password = Secret::new(PASSWORD.to_owned());
    let error = registry(&closed, &|| CredentialSource::None)
        .log_in(USER, &password)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "login attempt to http://{}/v2/ failed with status: 401 Unauthorized",
            closed.domain
        )
    );
    let open = fake(|_, _| reply(200).into()).await;
    assert!(
        registry(&open, &|| CredentialSource::None)
            .log_in(USER, &password)
            .await
            .is_ok()
    );
    let site = fake(|_, _| reply(404).body("<html>").into()).await;
    let error = registry(&site, &|| CredentialSource::None)
        .log_in(USER, &password)
        .await
        .unwrap_err();
    assert!(matches!(error.clue(), Some(Clue::NoRegistry { .. })));
}

#[tokio::test]
async fn nothing_printed_for_debugging_holds_a_secret() {
    let fake = with_tokens(|seen| seen.header("authorization").is_some()).await;
    let registry = registry(&fake, &basic);
    let repository = named(&registry);
    repository.tags().await.unwrap();
    let printed = format!("{registry:?} {repository:?}");
    for secret in [PASSWORD, "YWxpY2U6", "token-1", "id-secret"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[tokio::test]
async fn a_token_beyond_all_measure_is_not_used() {
    let fake = fake(|_, seen| match &*seen.line {
        line if line.starts_with("GET /token") => {
            let token = "t".repeat((64 << 10) + 1);
            reply(200).body(format!(r#"{{"token":"{token}"}}"#)).into()
        }
        _ => unauthorized(r#"Bearer realm="/token",service="s""#),
    })
    .await;
    let error = known(&fake).tags().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(
        error.to_string().ends_with("the token is longer than 65536 bytes"),
        "{error}"
    );
    assert_eq!(fake.seen().len(), 2);
}
