//! Who may do what with which repositories.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::*;

const RIGHTS: &str =
    "anonymous pull public/\n* pull shared\nalice push team/ public/\nbob pull team/app\nroot push,delete *\n";
const REALM: &str = "http://registry.example/token";

/// A registry with users whose passwords are their names, and rights.
struct Divided {
    rules: Rules,
    folder: TempDir,
}

impl Divided {
    fn new(realm: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let users =
            ["alice", "bob", "root", "carol"].map(|user| format!("{user}:{}\n", bcrypt::hash(user, 4).unwrap()));
        let (htpasswd, rights) = (folder.path().join("htpasswd"), folder.path().join("rights"));
        fs::write(&htpasswd, users.concat()).unwrap();
        fs::write(&rights, RIGHTS).unwrap();
        let rules = Rules::with(Users {
            htpasswd: Some(htpasswd),
            rights: Some(rights),
            token_realm: realm.map(str::to_owned),
        });
        Self { rules, folder }
    }

    /// As this user, or as nobody.
    fn send(&self, user: &str, line: &str, body: &[u8]) -> Answer {
        let proof = format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{user}")));
        let headers = [proof.as_str(), &format!("Content-Type: {IMAGE}")];
        self.rules
            .send(line, if user.is_empty() { &headers[1..] } else { &headers }, body)
    }

    fn ask(&self, user: &str, line: &str) -> Answer {
        self.send(user, line, b"")
    }

    fn put_blob(&self, user: &str, repository: &str, bytes: &[u8]) -> Answer {
        let line = format!("POST /v2/{repository}/blobs/uploads/?digest={}", Digest::of(bytes));
        self.send(user, &line, bytes)
    }

    /// An image with this layer, as root.
    fn put_image(&self, repository: &str, layer: &str) -> Digest {
        for blob in ["{}", layer] {
            self.put_blob("root", repository, blob.as_bytes()).is(201);
        }
        let image = image(layer).to_string();
        self.send("root", &format!("PUT /v2/{repository}/manifests/1"), image.as_bytes())
            .is(201);
        Digest::of(image.as_bytes())
    }

    fn token(&self, user: &str, scopes: &[&str]) -> Value {
        let scopes = scopes.join("&scope=");
        self.ask(user, &format!("GET /token?service=rdock&scope={scopes}"))
            .is(200)
            .json()
    }

    fn bear(&self, token: &Value, line: &str) -> Answer {
        let proof = format!("Authorization: Bearer {}", token["token"].as_str().unwrap());
        self.rules.send(line, &[&proof], b"")
    }
}

fn image(layer: &str) -> Value {
    json!({"schemaVersion": 2, "mediaType": IMAGE, "config": described(CONFIG, b"{}"),
        "layers": [described(LAYER, layer.as_bytes())]})
}

#[test]
fn each_user_may_what_the_file_says_and_no_more() {
    let divided = Divided::new(None);
    for repository in ["public/a", "team/app", "team/other", "shared", "private"] {
        divided.put_image(repository, repository);
    }
    for (user, repository, pull, push, delete) in [
        ("", "public/a", 200, 401, 401),
        ("", "team/app", 401, 401, 401),
        ("carol", "public/a", 200, 403, 403),
        ("carol", "shared", 200, 403, 403),
        ("carol", "private", 403, 403, 403),
        ("carol", "no/such", 403, 403, 403),
        ("bob", "team/app", 200, 403, 403),
        ("bob", "team/other", 403, 403, 403),
        ("alice", "team/other", 200, 202, 403),
        ("root", "private", 200, 202, 404),
    ] {
        let line = format!("GET /v2/{repository}/manifests/1");
        assert_eq!(divided.ask(user, &line).status, pull, "{user} pulls {repository}");
        let line = format!("POST /v2/{repository}/blobs/uploads/");
        assert_eq!(divided.ask(user, &line).status, push, "{user} pushes {repository}");
        let line = format!("DELETE /v2/{repository}/manifests/none");
        assert_eq!(divided.ask(user, &line).status, delete, "{user} deletes {repository}");
    }
    divided.ask("carol", "GET /v2/private/tags/list").refuses(403, "DENIED");
    // A user of that name is nobody in particular.
    divided.ask("anonymous", "GET /v2/team/app/manifests/1").is(401);
    divided.ask("", "GET /v2/").is(401);
    let refused = divided
        .ask("", "GET /v2/private/tags/list")
        .refuses(401, "UNAUTHORIZED")
        .json();
    let detail = json!([{"Type": "repository", "Class": "", "Name": "", "Action": "pull"}]);
    assert_eq!(refused["errors"][0]["detail"], detail);
}

#[test]
fn another_spelling_of_a_name_opens_nothing() {
    let divided = Divided::new(None);
    divided.put_image("shared", "layer");
    divided.put_image("private", "layer");
    for spelling in [
        "library/shared",
        "docker.io/shared",
        "docker.io/library/shared",
        "%73hared",
    ] {
        divided.ask("carol", &format!("GET /v2/{spelling}/manifests/1")).is(200);
    }
    for spelling in [
        "library/private",
        "docker.io/library/private",
        "public/../private",
        "public%2f..%2fprivate",
    ] {
        let status = divided.ask("carol", &format!("GET /v2/{spelling}/manifests/1")).status;
        assert!([400, 403].contains(&status), "{spelling}: {status}");
    }
}

#[test]
fn lists_name_what_the_user_may_pull() {
    let divided = Divided::new(None);
    for repository in ["public/a", "team/app", "shared"] {
        divided.put_image(repository, "layer");
    }
    for (user, names) in [
        ("", json!(["public/a"])),
        ("carol", json!(["public/a", "shared"])),
        ("bob", json!(["public/a", "shared", "team/app"])),
    ] {
        assert_eq!(
            divided.ask(user, "GET /v2/_catalog").is(200).json()["repositories"],
            names
        );
        let found = divided.ask(user, "GET /v1/search?q=").is(200).json();
        assert_eq!(found["num_results"], names.as_array().unwrap().len());
    }
    let page = divided.ask("carol", "GET /v2/_catalog?n=1").is(200);
    assert_eq!(
        page.header("link"),
        Some("</v2/_catalog?n=1&last=public/a>; rel=\"next\"")
    );
}

#[test]
fn a_blob_is_shown_mounted_and_named_where_it_may_be_pulled_alone() {
    let divided = Divided::new(None);
    divided.put_image("private", "secret");
    divided.put_image("shared", "open");
    let (secret, open) = (Digest::of(b"secret"), Digest::of(b"open"));
    for method in ["GET", "HEAD"] {
        assert_eq!(
            divided
                .ask("alice", &format!("{method} /v2/team/x/blobs/{secret}"))
                .status,
            404
        );
    }
    let mount = |digest: &Digest, from: &str| {
        divided
            .ask("alice", &format!("POST /v2/team/x/blobs/uploads/?mount={digest}{from}"))
            .status
    };
    for (digest, from, status) in [
        (&secret, "&from=private", 202),
        (&secret, "&from=shared", 202),
        (&secret, "", 202),
        (&open, "", 202),
        (&open, "&from=library/shared", 201),
    ] {
        assert_eq!(mount(digest, from), status, "{digest} {from}");
    }
    assert_eq!(mount(&open, ""), 201, "it is the repository's own now");
    // Nor does a manifest bring another repository's blob in.
    divided.put_blob("alice", "team/x", b"{}").is(201);
    let put = |layer: &str| {
        divided.send(
            "alice",
            "PUT /v2/team/x/manifests/1",
            image(layer).to_string().as_bytes(),
        )
    };
    put("secret").refuses(400, "MANIFEST_BLOB_UNKNOWN");
    put("open").is(201);
    // Who has the bytes may have them here too.
    divided.put_blob("alice", "team/x", b"secret").is(201);
    put("secret").is(201);
    divided.ask("bob", &format!("GET /v2/team/app/blobs/{secret}")).is(404);
}

#[test]
fn tokens_carry_no_more_than_the_rights_and_the_scopes() {
    let divided = Divided::new(Some(REALM));
    for repository in ["public/a", "team/app", "shared"] {
        divided.put_image(repository, "layer");
    }
    let challenge = divided.ask("", "GET /v2/team/app/tags/list").is(401);
    let challenge = challenge.header("www-authenticate").unwrap().to_owned();
    assert_eq!(
        challenge,
        format!("Bearer realm=\"{REALM}\",service=\"rdock\",scope=\"repository:team/app:pull\"")
    );
    let token = divided.token(
        "bob",
        &["repository:team/app:pull,push", "repository:private:*", "nonsense"],
    );
    assert_eq!(token["scope"], "repository:team/app:pull");
    divided.bear(&token, "GET /v2/team/app/tags/list").is(200);
    for (line, scope) in [
        ("POST /v2/team/app/blobs/uploads/", "repository:team/app:pull,push"),
        ("GET /v2/shared/tags/list", "repository:shared:pull"),
        ("GET /v2/_catalog", "registry:catalog:*"),
        ("GET /v1/search?q=a", "registry:catalog:*"),
    ] {
        let refused = divided.bear(&token, line).refuses(401, "UNAUTHORIZED");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(
            challenge.ends_with(&format!(",scope=\"{scope}\",error=\"insufficient_scope\"")),
            "{challenge}"
        );
    }
    let token = divided.token("bob", &["registry:catalog:*"]);
    let listed = divided.bear(&token, "GET /v2/_catalog").is(200).json();
    assert_eq!(listed["repositories"], json!(["public/a", "shared", "team/app"]));
    // Nobody in particular gets a token for what everybody may.
    let token = divided.token("", &["repository:public/a:pull,push", "repository:team/app:pull"]);
    assert_eq!(token["scope"], "repository:public/a:pull");
    divided.bear(&token, "GET /v2/public/a/tags/list").is(200);
    divided.bear(&token, "GET /v2/").is(200);
    divided.bear(&token, "GET /v2/team/app/tags/list").is(401);
    divided.ask("mallory", "GET /token").is(401);
    // A mount needs the scope of where it comes from.
    let mount = format!(
        "POST /v2/team/x/blobs/uploads/?mount={}&from=team/app",
        Digest::of(b"layer")
    );
    let narrow = divided.token("alice", &["repository:team/x:pull,push"]);
    divided.bear(&narrow, &mount).is(202);
    let wide = divided.token("alice", &["repository:team/x:pull,push", "repository:team/app:pull"]);
    divided.bear(&wide, &mount).is(201);
}

#[test]
fn rights_that_change_hold_at_once_and_a_broken_file_allows_nothing() {
    let divided = Divided::new(Some(REALM));
    divided.put_image("team/app", "layer");
    let rights = divided.folder.path().join("rights");
    let token = divided.token("bob", &["repository:team/app:pull"]);
    let pulls = || {
        let by_token = divided.bear(&token, "GET /v2/team/app/tags/list").status;
        [divided.ask("bob", "GET /v2/team/app/tags/list").status, by_token]
    };
    assert_eq!(pulls(), [200, 200]);
    fs::write(&rights, "root push *\n").unwrap();
    assert_eq!(pulls(), [403, 403]);
    fs::write(&rights, format!("{RIGHTS}broken\n")).unwrap();
    assert_eq!(pulls(), [403, 403]);
    assert_eq!(divided.ask("", "GET /v2/public/a/tags/list").status, 401);
    fs::write(&rights, RIGHTS).unwrap();
    assert_eq!(pulls(), [200, 200]);
    fs::remove_file(&rights).unwrap();
    assert_eq!(pulls(), [403, 403]);
}
