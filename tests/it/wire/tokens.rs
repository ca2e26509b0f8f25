//! Bearer tokens: which are asked for, how, how long they last, and what too weak a one leads to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{assert_discreet, configure, first_line, log_in};
use crate::support::hub::Hub;
use crate::support::image::{Built, Image};
use crate::support::recorder::Recorded;
use crate::support::sandbox::Sandbox;
use crate::support::token::{pairs, value};

const HUB_KEY: &str = "https://index.docker.io/v1/";

fn hub() -> (Hub, Sandbox, Built) {
    let hub = Hub::new();
    let mut sandbox = Sandbox::new();
    hub.internet().apply(&mut sandbox);
    let image = Image::small().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "latest", &image);
    (hub, sandbox, image)
}

/// The scopes that a token request asked for, sorted.
fn scopes(request: &Recorded) -> Vec<String> {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let mut scopes: Vec<String> = pairs(query)
        .into_iter()
        .chain(pairs(&form))
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, scopes)| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    scopes.sort();
    scopes
}

#[test]
fn a_public_image_needs_no_login() {
    let (hub, sandbox, _) = hub();
    sandbox.rdock(&["pull", "nginx"]).ok();
    let asked = hub.auth().requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(scopes(&asked[0]), ["repository:library/nginx:pull"]);
}

#[test]
fn a_push_asks_for_what_it_needs_and_a_mount_for_its_source() {
    let (hub, sandbox, _) = hub();
    log_in(&sandbox, HUB_KEY);
    sandbox.rdock(&["pull", "nginx"]).ok();
    sandbox.rdock(&["tag", "nginx", "alice/web"]).ok();
    hub.auth().clear();
    // Whatever the registry behind shares between its repositories.
    hub.registry()
        .on_path("HEAD", "/v2/alice/web/blobs/")
        .answer(404, &[], "");
    sandbox.rdock(&["push", "alice/web"]).ok();
    let asked: Vec<_> = hub.auth().requests().iter().map(scopes).collect();
    let own = "repository:alice/web:pull,push".to_owned();
    let source = "repository:library/nginx:pull".to_owned();
    assert!(asked.contains(&vec![own.clone()]), "{asked:?}");
    assert!(asked.contains(&vec![own, source]), "{asked:?}");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        hub.auth()
            .requests()
            .iter()
            .all(|r| r.header("authorization").is_some())
    );
}

#[test]
fn an_identity_token_is_traded_by_post_and_stands_in_no_url() {
    let (hub, mut sandbox, _) = hub();
    hub.internet().apply(&mut sandbox);
    hub.give_refresh_tokens();
    let login = sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin"], super::PASSWORD)
        .ok();
    assert_discreet(&login);
    let config = std::fs::read_to_string(sandbox.config_path()).unwrap();
    assert!(config.contains("\"identitytoken\": \"refresh-"), "{config}");
    assert!(!config.contains(&STANDARD.encode("alice:s3cret-pw")), "{config}");
    hub.auth().clear();
    sandbox.rdock(&["pull", "nginx"]).ok();
    let asked = hub.auth().requests();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/token"));
    assert_eq!(asked[0].header("authorization"), None);
    let form = pairs(&String::from_utf8_lossy(&asked[0].body));
    assert_eq!(value(&form, "grant_type"), "refresh_token");
    assert_eq!(value(&form, "service"), "registry.docker.io");
    assert!(!value(&form, "client_id").is_empty());
    assert_eq!(value(&form, "scope"), "repository:library/nginx:pull");
}

#[test]
fn an_identity_token_that_is_no_good_is_a_refused_login() {
    let (_hub, sandbox, _) = hub();
    let auth = STANDARD.encode("alice:");
    configure(
        &sandbox,
        &json!({"auths": {HUB_KEY: {"auth": auth, "identitytoken": "secret-identity"}}}),
    );
    let pulled = sandbox.rdock(&["pull", "nginx"]).fails(1);
    assert_eq!(
        pulled.stderr,
        "Head \"https://registry-1.docker.io/v2/library/nginx/manifests/latest\": unauthorized: incorrect username or \
         password\nhint: docker.io refuses the stored login, which may have expired: rdock login, or for public images rdock \
         logout\n"
    );
    assert_discreet(&pulled);
}

#[test]
fn what_is_hidden_or_missing_is_denied_in_docker_s_words() {
    let (hub, sandbox, image) = hub();
    hub.seed("alice/secret", "latest", &image);
    for name in ["alice/secret", "nobody/nothing"] {
        let pulled = sandbox.rdock(&["pull", name]).fails(1);
        assert_eq!(
            first_line(&pulled),
            format!(
                "pull access denied for {name}, repository does not exist or may require 'docker login': denied: \
                 requested access to the resource is denied"
            )
        );
        assert!(
            pulled
                .stderr
                .ends_with("\nhint: docker.io wants a login: rdock login\n"),
            "{pulled}"
        );
    }
    log_in(&sandbox, HUB_KEY);
    sandbox.rdock(&["pull", "alice/secret"]).ok();
    sandbox.rdock(&["tag", "alice/secret", "bob/theirs"]).ok();
    let pushed = sandbox.rdock(&["push", "bob/theirs"]).fails(1);
    assert_eq!(
        first_line(&pushed),
        "denied: requested access to the resource is denied"
    );
    // Nobody is asked again and again.
    assert!(hub.auth().requests().len() < 12, "{}", hub.auth().requests().len());
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_pull_is_renewed() {
    let (hub, sandbox, image) = hub();
    hub.registry().on_path("GET", "/blobs/").times(1).respond({
        // The first blob is refused as if its token had just ended.
        let challenge = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
                         scope=\"repository:library/nginx:pull\",error=\"invalid_token\"";
        move |_| Some(crate::support::fault::Reply::new(401, "").header("WWW-Authenticate", challenge))
    });
    hub.redirect_blobs();
    let pulled = sandbox.rdock(&["pull", "nginx"]).ok();
    assert!(pulled.stdout.contains("Downloaded newer image"), "{pulled}");
    assert!(hub.cdn().count(|r| r.status == 200) > image.layers.len());
}

#[test]
fn tokens_that_live_no_time_at_all_still_move_an_image() {
    let (hub, sandbox, _) = hub();
    log_in(&sandbox, HUB_KEY);
    sandbox.rdock(&["pull", "nginx"]).ok();
    sandbox.rdock(&["tag", "nginx", "alice/web"]).ok();
    hub.set_expiry(1);
    hub.registry().throttle(Some(12_000));
    hub.registry().on_path("POST", "mount=").answer(403, &[], "");
    let pushed = sandbox.rdock(&["push", "alice/web"]);
    assert_discreet(&pushed);
    pushed.ok();
}
