use super::*;
use reqwest::header::HeaderValue;

fn failure(status: u16, body: &str) -> Refusal {
    Refusal::new(
        StatusCode::from_u16(status).unwrap(),
        &HeaderMap::new(),
        body.as_bytes(),
    )
}

/// Status and body of an answer, what docker shows of it, and of which kind it is.
const RECORDED: &[(u16, &str, &str, Kind)] = &[
    (
        404,
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"nope"}}]}"#,
        "manifest unknown: manifest unknown",
        Kind::NotFound,
    ),
    (
        403,
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
        "denied",
        Kind::Denied,
    ),
    (
        403,
        r#"{"errors":[{"code":"DENIED","message":"no"}]}"#,
        "denied: no",
        Kind::Denied,
    ),
    (
        401,
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
        "unauthorized",
        Kind::Unauthorized,
    ),
    (
        401,
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"x"}]}]}"#,
        "unauthorized: authentication required",
        Kind::Unauthorized,
    ),
    (
        401,
        r#"{"details":"incorrect username or password"}"#,
        "unauthorized: incorrect username or password",
        Kind::Unauthorized,
    ),
    (
        401,
        "<html>",
        "unauthorized: authentication required",
        Kind::Unauthorized,
    ),
    (
        404,
        "<html>not here</html>",
        r#"error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>not here</html>""#,
        Kind::NotFound,
    ),
    (
        405,
        "",
        r#"error parsing HTTP 405 response body: unexpected end of JSON input: """#,
        Kind::Unsupported,
    ),
    (
        400,
        "{}",
        r#"error parsing HTTP 400 response body: no error details found in HTTP response body: "{}""#,
        Kind::Unsupported,
    ),
    (
        500,
        "internal server error",
        "received unexpected HTTP status: 500 Internal Server Error",
        Kind::Unavailable,
    ),
    (
        503,
        r#"{"errors":[{"code":"UNAVAILABLE","message":"service unavailable"}]}"#,
        "received unexpected HTTP status: 503 Service Unavailable",
        Kind::Unavailable,
    ),
    (
        429,
        r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#,
        "toomanyrequests: You have reached your pull rate limit.",
        Kind::RateLimited,
    ),
    (
        403,
        r#"{"errors":[{"status":403,"message":"Artifactory says no"}]}"#,
        "unknown: Artifactory says no",
        Kind::Denied,
    ),
    (
        400,
        r#"{"errors":[{"code":"DIGEST_INVALID","message":"x"}]}"#,
        "digest invalid: x",
        Kind::Corrupt,
    ),
];

#[test]
fn recorded_answers_read_as_docker_shows_them() {
    for &(status, body, text, kind) in RECORDED {
        let failure = failure(status, body);
        assert_eq!(
            (failure.whole().to_string().as_str(), failure.kind()),
            (text, kind),
            "{body}"
        );
    }
}

#[test]
fn a_challenge_s_own_words_stand_in_front() {
    let mut headers = HeaderMap::new();
    let challenge = r#"Bearer realm="r",scope="repository:a:pull",error="insufficient_scope""#;
    headers.insert("www-authenticate", HeaderValue::from_static(challenge));
    let body = br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[]}]}"#;
    let failure = Refusal::new(StatusCode::UNAUTHORIZED, &headers, body);
    assert_eq!(
        failure.first().to_string(),
        "denied: requested access to the resource is denied"
    );
    assert_eq!(
        failure.whole().to_string(),
        "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n"
    );
    assert_eq!(failure.kind(), Kind::Denied);
}

#[test]
fn a_server_s_words_cannot_steer_the_terminal() {
    let failure = failure(403, r#"{"errors":[{"code":"DENIED","message":"a\u001b[2Jb\r\nc"}]}"#);
    assert_eq!(failure.whole().to_string(), "denied: a [2Jb  c");
    assert_eq!(quoted(b"a\"\\\n\x1b"), r#""a\"\\\n\x1b""#);
    assert!(quoted(&[b'x'; 10_000]).len() < 600);
}

#[test]
fn what_a_registry_lacks_is_found_in_its_words_and_in_their_detail() {
    let [a, b, c] = ["a", "b", "c"].map(|letter| format!("sha256:{}", letter.repeat(64)));
    let body = format!(
        r#"{{"errors":[
            {{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown","detail":{{"Name":"x","Digest":"{a}"}}}},
            {{"code":"BLOB_UNKNOWN","message":"no blob with digest:{b}: sha256:short, shard","detail":[]}},
            {{"code":"MANIFEST_INVALID","message":"{c}","detail":"{c}"}},
            {{"code":"MANIFEST_UNKNOWN","detail":["unknown manifest={c}"]}}
        ]}}"#
    );
    let said = failure(404, &body);
    let lacking: Vec<&str> = said.lacking().map(Digest::as_str).collect();
    assert_eq!(lacking, [a, b, c]);
    assert_eq!(failure(400, "sha256").lacking().count(), 0);
}

#[test]
fn endless_words_are_cut_and_read_in_one_pass() {
    let digest = Digest::of(b"x");
    let body =
        |message: &str| serde_json::json!({"errors": [{"code": "BLOB_UNKNOWN", "message": message}]}).to_string();
    let long = format!("{}:{digest} s3cret-pw", "sha".repeat(20_000));
    let mut refusal = failure(404, &body(&long));
    assert_eq!(refusal.lacking().collect::<Vec<_>>(), [&digest]);
    refusal.hide(&["s3cret-pw".to_owned()]);
    assert!(refusal.first().to_string().len() < 2100 && refusal.first_in_full().ends_with("sh..."));
    // A secret is taken out before anything is cut off.
    let mut refusal = failure(404, &body(&format!("{} s3cret-pw", "x".repeat(1995))));
    refusal.hide(&["s3cret-pw".to_owned()]);
    assert!(refusal.first().to_string().ends_with("x ***"));
    let many = serde_json::json!({"errors": vec![serde_json::json!({"code": "DENIED", "message": "no"}); 1000]});
    assert_eq!(failure(403, &many.to_string()).whole().to_string().lines().count(), 17);
}
