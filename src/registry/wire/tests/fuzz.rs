//! What a server may write into its answers: challenges, addresses, ranges, tokens, refusals.

use std::time::Duration;

use reqwest::header::{
    CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{StatusCode, Url};

use super::super::challenge::{Challenge, Scope};
use super::super::headers;
use super::super::mirror::Mirror;
use super::super::next_page::{NextPage, next_page};
use super::super::no_proxy::NoProxy;
use super::super::origin::{encrypted_again, same_origin, same_owner};
use super::super::refusal::Refusal;
use super::super::server_text::{printable, quoted};
use super::super::trust::{Insecure, Trust};
use super::super::url_policy::{UrlPolicy, has_login};
use super::super::zone::Zone;
use crate::tests::fuzz::Target;

fn line(name: HeaderName, bytes: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(bytes).ok()?;
    Some(HeaderMap::from_iter([(name, value)]))
}

/// The places that addresses lead to, as they are written.
const PLACES: [&str; 14] = [
    "/v2/a/blobs/uploads/1?_state=x%3D",
    "https://cdn.example/x?sig=1#f",
    "http://h:5000/v2/",
    "//other/x",
    "?digest=1",
    "http://169.254.169.254/latest",
    "http://[::ffff:127.0.0.1]:80/",
    "https://u:p@h/",
    "file:///etc/passwd",
    "http://0x7f.1/",
    "https://h./x",
    "http://[64:ff9b::a9fe:a9fe]/",
    "javascript:alert(1)",
    "http://\u{ff41}.example/",
];
const PLACE_WORDS: [&str; 20] = [
    "http://",
    "https://",
    "//",
    "\\",
    "@",
    ":",
    "[::1]",
    "127.1",
    "0x7f000001",
    "%31",
    "localhost",
    ".",
    "..",
    "/v2/",
    "?",
    "#",
    "xn--",
    "\u{3002}",
    "169.254.169.254",
    ":99999",
];

#[test]
fn challenges_are_read_and_print_as_what_was_read() {
    let seeds = [
        r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        r#"Negotiate YII=, BASIC realm="Sonatype Nexus, 3" , Bearer realm = "r\"\\" ,service=s,error="insufficient_scope""#,
        "Basic",
    ];
    let words = [
        "Bearer ",
        "Basic ",
        "realm=",
        "scope=",
        "repository:",
        ":pull",
        "\\\"",
        "\"",
        ", ",
        "error=",
        "service=",
    ];
    let mut target = Target::text("challenges", seeds, &words);
    target.longest = 16 << 10;
    target.check(|input| {
        let headers = line(WWW_AUTHENTICATE, input)?;
        let challenges = headers::challenges(&headers);
        for challenge in &challenges {
            assert_eq!(challenge.scheme, challenge.scheme.to_ascii_lowercase());
            assert!(
                challenge
                    .parameter("realm")
                    .is_none_or(|realm| !realm.is_empty() && realm.len() <= input.len() * 3)
            );
            let scopes = challenge.scopes();
            let merged = Scope::merge(scopes.iter().chain(&scopes).cloned());
            assert_eq!(merged, scopes, "a scope beside itself is the same");
            let shown: Vec<String> = scopes.iter().map(ToString::to_string).collect();
            let again = format!(
                "Bearer scope=\"{}\"",
                shown.join(" ").replace('\\', "\\\\").replace('"', "\\\"")
            );
            assert_eq!(Challenge::parse(&again)[0].scopes(), scopes, "{again}");
        }
        let schemes = challenges
            .iter()
            .take(3)
            .map(|it| it.scheme.clone())
            .collect::<Vec<_>>();
        Some((schemes, challenges.iter().map(|it| it.scopes().len()).max()))
    });
}

#[test]
fn a_list_goes_on_where_it_began_whatever_its_link_says() {
    let links = PLACES.map(|place| format!("<{place}>; rel=\"next\""));
    let seeds = links
        .into_iter()
        .chain([r#"</x>; rel="prev", <?last=b>; title="a, b"; Rel=next"#.to_owned()]);
    let words: Vec<&str> = PLACE_WORDS
        .into_iter()
        .chain(["<", ">", "; rel=next", ";", "rel=\"last next\"", ","])
        .collect();
    let asked = Url::parse("https://h:8443/v2/key/app/tags/list?n=3").unwrap();
    let mut target = Target::text("links", seeds, &words);
    target.longest = 40 << 10;
    target.check(|input| {
        let headers = line(LINK, input)?;
        Some(match next_page(&headers, &asked) {
            NextPage::None => 0,
            NextPage::At(url) => {
                assert!(same_origin(&url, &asked) && !has_login(&url), "{url}");
                assert!(url.as_str().len() <= asked.as_str().len() + 3 * (16 << 10));
                1 + usize::from(url.path() == asked.path())
            }
            NextPage::Unreadable(link) => {
                assert!(link.chars().count() <= 200 && !link.contains(char::is_control));
                3
            }
        })
    });
}

#[test]
fn no_location_leads_nearer_or_out_of_encryption() {
    let asked = Url::parse("https://h:5000/v2/a/blobs/uploads/").unwrap();
    let policy = |zone| UrlPolicy { insecure: false, zone };
    Target::text("locations", PLACES, &PLACE_WORDS).check(|input| {
        let headers = line(LOCATION, input)?;
        let url = match headers::location(&headers, &asked) {
            Ok(url) => encrypted_again(url, &asked),
            Err(e) => return Some(e.to_string()),
        };
        assert!(matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && !has_login(&url));
        let zone = Zone::of_url(&url);
        for nearest in [Zone::Public, Zone::Private, Zone::Loopback, Zone::Metadata] {
            let is_let = policy(nearest).check(&asked, &url).is_ok();
            assert_eq!(is_let, url.scheme() == "https" && zone <= nearest, "{url} {nearest:?}");
        }
        assert!(
            same_owner(&url, &url) && same_owner(&asked, &url) == same_owner(&url, &asked)
                || url.host() != asked.host()
        );
        Some(format!("{zone:?} {}", same_origin(&url, &asked)))
    });
}

#[test]
fn ranges_and_waits_are_read_without_a_slip() {
    let seeds = [
        "bytes 5-9/10",
        "bytes */10",
        "0-9",
        "bytes=0-0",
        "Wed, 21 Oct 2065 07:28:00 GMT",
        "7",
        "0;w=21600",
        "bytes 0-18446744073709551615/*",
    ];
    let words = [
        "bytes ",
        "bytes=",
        "-",
        "/",
        "*",
        ";w=",
        "GMT",
        "Wed, 21 Oct 9999 23:59:60 +2400",
    ];
    Target::text("ranges", seeds, &words).check(|input| {
        let content = line(CONTENT_RANGE, input).and_then(|it| headers::content_range(&it));
        let received = line(RANGE, input).and_then(|it| headers::received(&it));
        let wait = line(RETRY_AFTER, input).and_then(|it| headers::requested_wait(StatusCode::TOO_MANY_REQUESTS, &it));
        let quota = line(HeaderName::from_static("ratelimit-remaining"), input);
        let quota = quota.and_then(|it| headers::requested_wait(StatusCode::TOO_MANY_REQUESTS, &it));
        assert!(quota.is_none_or(|wait| wait >= Duration::from_hours(1)));
        (
            content.is_some(),
            received.map(|it| it.min(2)),
            wait.is_some(),
            quota.is_some(),
        )
    });
}

#[test]
fn refusals_steer_no_terminal_and_show_no_secret() {
    let seeds = [
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}},{"code":"DENIED"}]}"#,
        r#"{"detail":"x","message":null}"#,
        "<html>no</html>",
        r#"{"errors":[{"code":"BLOB_UNKNOWN","detail":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a s3cret-pw"}]}"#,
    ];
    let words = [
        "\"errors\":[",
        "\"code\":",
        "\"message\":\"",
        "\"detail\":",
        "DENIED",
        "sha256:",
        "sha",
        "s3cret-pw",
        "\\u001b[31m",
    ];
    let secrets = ["s3cret-pw".to_owned()];
    Target::text("refusals", seeds, &words).check(|input| {
        let mut shown = Vec::new();
        for status in [
            StatusCode::UNAUTHORIZED,
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::BAD_GATEWAY,
        ] {
            let mut refusal = Refusal::new(status, &HeaderMap::new(), input);
            refusal.hide(&secrets);
            for error in [refusal.first(), refusal.whole()] {
                let text = error.to_string();
                assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
                assert!(!text.contains("s3cret-pw"), "{text}");
            }
            shown.push((refusal.code(), refusal.lacking().count().min(2), refusal.lacks_blobs()));
        }
        assert!(!quoted(input).contains(char::is_control));
        assert!(!printable(&String::from_utf8_lossy(input)).contains(char::is_control));
        shown
    });
}

#[test]
fn what_people_write_of_hosts_is_read_or_refused() {
    let seeds = [
        "h.example.com:5000",
        "*.example.com,10.0.0.0/8",
        "http://h/docker_hub/",
        "[fd00::1]:5000",
        "0.0.0.0/0",
        "fd00::/129",
    ];
    let words = [
        "http://",
        "https://",
        "*",
        ".",
        ",",
        "/",
        ":",
        "[",
        "]",
        "::",
        "/32",
        "/129",
        "localhost",
        "@",
        "?",
    ];
    let urls = [
        "https://h.example.com:5000/",
        "http://[fd00::1]:5000/",
        "http://10.0.0.1/",
    ]
    .map(|url| Url::parse(url).unwrap());
    let addresses = ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"].map(|it| it.parse().unwrap());
    Target::text("hosts", seeds, &words).check_texts(|text| {
        let no_proxy = NoProxy::parse(text);
        let covered = urls.iter().filter(|url| no_proxy.covers(url)).count();
        let mirror = text.parse::<Mirror>().map(|mirror| {
            let again: Mirror = mirror.to_string().parse().unwrap();
            assert_eq!(again, mirror);
            assert!(mirror.to_string().ends_with('/') && !has_login(mirror.url()));
        });
        let insecure = text.parse::<Insecure>().map(|entry| {
            let trust = Trust {
                insecure: vec![entry],
                ..Trust::default()
            };
            trust.is_insecure("10.0.0.1", &addresses)
        });
        (covered, mirror.is_ok(), insecure.ok())
    });
}
