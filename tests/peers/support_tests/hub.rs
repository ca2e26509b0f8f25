//! The fake Docker Hub: tokens, scopes, search.

use super::curl;
use crate::support::hub::Hub;
use crate::support::image::Image;
use serde_json::Value;

const TOKEN: &str = "https://auth.docker.io/token?service=registry.docker.io";

/// Asks a host of the Hub with curl; answers headers and body.
fn ask(hub: &Hub, arguments: &[&str]) -> String {
    let certificate = hub.internet().certificate().to_str().unwrap().to_owned();
    let proxy = hub.internet().proxy();
    let common = [
        "-i",
        "--suppress-connect-headers",
        "--proxy",
        &proxy,
        "--cacert",
        &certificate,
    ];
    curl(&[&common, arguments].concat()).ok().stdout
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap()
}

/// The outcome of a request to the registry with a token for these scopes.
fn with_token(hub: &Hub, login: &[&str], scopes: &str, arguments: &[&str]) -> String {
    let url = format!("{TOKEN}{scopes}");
    let token = body(&ask(hub, &[login, &[&url]].concat()));
    let header = format!("Authorization: Bearer {}", token["token"].as_str().unwrap());
    ask(hub, &[&["-H", &header], arguments].concat())
}

#[test]
fn the_hub_gives_tokens_and_asks_for_them() {
    let hub = Hub::new();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small().docker().write(folder.path());
    hub.seed("library/nginx", "latest", &image);
    hub.seed("alice/secret", "1", &image);
    hub.seed("bob/hidden", "1", &image);
    hub.make_private("bob/hidden");
    assert!(hub.storage().is_dir());
    assert!(hub.backend().log().contains("PUT"));

    let nginx = "https://registry-1.docker.io/v2/library/nginx/manifests/latest";
    let refused = ask(&hub, &[nginx]);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let challenge = "Bearer realm=\"https://auth.docker.io/token\",\
         service=\"registry.docker.io\",scope=\"repository:library/nginx:pull\"";
    assert!(refused.contains(challenge), "{refused}");
    let pull = "&scope=repository:library/nginx:pull";
    let accept = format!("Accept: {}", image.media_type);
    let good = with_token(&hub, &[], pull, &["-H", &accept, nginx]);
    assert!(
        good.starts_with("HTTP/1.1 200") && good.contains(&image.digest),
        "{good}"
    );
    let uploads = "https://registry-1.docker.io/v2/library/nginx/blobs/uploads/";
    let alice = ["-u", "alice:s3cret-pw"];
    let both = "&scope=repository:library/nginx:pull,push&scope=repository:alice/app:pull,push";
    let weak = with_token(&hub, &alice, both, &["-X", "POST", uploads]);
    assert!(weak.contains("error=\"insufficient_scope\""), "{weak}");
    let own = "https://registry-1.docker.io/v2/alice/app/blobs/uploads/";
    let pushed = with_token(&hub, &alice, both, &["-X", "POST", own]);
    assert!(pushed.starts_with("HTTP/1.1 202"), "{pushed}");
    for (login, name, code) in [
        (&[][..], "alice/secret", "401"),
        (&alice[..], "alice/secret", "200"),
        (&["-u", "bob:hunter2:with:colons"], "alice/secret", "401"),
        (&alice, "bob/hidden", "401"),
        (&alice, "library/nosuch", "401"),
    ] {
        let url = format!("https://registry-1.docker.io/v2/{name}/tags/list");
        let scope = format!("&scope=repository%3A{name}%3Apull");
        let answer = with_token(&hub, login, &scope, &[&url]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{name} {answer}");
    }
    let wrong = ask(&hub, &["-u", "alice:wrong", TOKEN]);
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    assert_eq!(body(&wrong)["details"], "incorrect username or password");

    let hosts: Vec<String> = hub.authorizations().into_iter().map(|(host, _)| host).collect();
    assert!(hosts.contains(&"auth.docker.io".to_owned()), "{hosts:?}");
    assert!(hub.auth().count(|request| request.status == 401) == 1);
    assert!(hub.internet().refused().is_empty());
}

#[test]
fn the_hub_speaks_oauth_and_its_tokens_end() {
    let hub = Hub::new();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small().write(folder.path());
    hub.seed("library/nginx", "latest", &image);
    let grant = "grant_type=password&service=registry.docker.io&client_id=rdock&access_type=offline";
    let user = "username=alice&password=s3cret-pw";
    let token = |form: &str| ask(&hub, &["-d", form, "https://auth.docker.io/token"]);
    let none = body(&token(&format!("{grant}&{user}")));
    assert!(none["refresh_token"].is_null(), "{none}");
    hub.give_refresh_tokens();
    let some = body(&token(&format!("{grant}&{user}")));
    let refresh = some["refresh_token"].as_str().unwrap();
    let again = format!("grant_type=refresh_token&refresh_token={refresh}&scope=repository:library/nginx:pull");
    let again = body(&token(&again));
    assert_eq!(again["scope"], "repository:library/nginx:pull");
    let offline = format!("{TOKEN}&offline_token=true&account=alice&client_id=docker");
    let offline = body(&ask(&hub, &["-u", "alice:s3cret-pw", &offline]));
    assert!(offline["refresh_token"].is_string(), "{offline}");
    let wrong = token(&format!("{grant}&username=alice&password=wrong"));
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    hub.refuse_oauth(405, "method not allowed");
    assert!(token(&format!("{grant}&{user}")).starts_with("HTTP/1.1 405"));

    let bearer = format!("Authorization: Bearer {}", again["access_token"].as_str().unwrap());
    let tags = "https://registry-1.docker.io/v2/library/nginx/tags/list";
    assert!(ask(&hub, &["-H", &bearer, tags]).starts_with("HTTP/1.1 200"));
    hub.set_expiry(0);
    assert!(ask(&hub, &["-H", &bearer, tags]).contains("invalid_token"));
    hub.set_expiry(300);
    hub.revoke_tokens();
    assert!(ask(&hub, &["-H", &bearer, tags]).contains("invalid_token"));

    hub.redirect_blobs();
    let blob = &image.layers[0].digest;
    let url = format!("https://registry-1.docker.io/v2/library/nginx/blobs/{blob}");
    let pull = "&scope=repository:library/nginx:pull";
    with_token(&hub, &[], pull, &["-L", "-o", "/dev/null", &url]);
    with_token(&hub, &[], pull, &["--location-trusted", "-o", "/dev/null", &url]);
    let got = hub.cdn().requests();
    // Like S3, the content network refuses a token beside the signature.
    assert_eq!((got[0].status, got[1].status), (200, 400));
    assert!(got[0].path.ends_with("X-Amz-Signature=s1gn3d"));
    assert_eq!(hub.registry().count(|request| request.status == 307), 2);
}

#[test]
fn the_hub_finds_images() {
    let hub = Hub::new();
    let found = body(&ask(&hub, &["https://index.docker.io/v1/search?q=nginx&n=25"]));
    assert_eq!(found["num_results"], 9);
    assert!(found.to_string().contains("日本語") && found.to_string().contains("中文"));
    let two = body(&ask(&hub, &["https://docker.io/v1/search?q=nginx&n=2"]));
    assert_eq!(two["results"].as_array().unwrap().len(), 2);
    assert_eq!(
        body(&ask(&hub, &["https://index.docker.io/v1/_ping"]))["standalone"],
        true
    );
    assert_eq!(hub.index().requests().len(), 3);
}
