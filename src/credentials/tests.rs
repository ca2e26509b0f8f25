pub(super) mod scripts;

use std::fs;
use std::path::Path;

use scripts::{BROKEN, STORING, calls, install, install_helper};

use super::*;

const HUB: &str = "https://index.docker.io/v1/";

/// A folder with config.json and one with helpers.
struct Home {
    config: tempfile::TempDir,
    bin: tempfile::TempDir,
}

impl Home {
    fn new(config: &str) -> Self {
        let home = Self {
            config: tempfile::tempdir().unwrap(),
            bin: tempfile::tempdir().unwrap(),
        };
        if !config.is_empty() {
            fs::write(home.path(), config).unwrap();
        }
        install_helper(home.bin.path(), "fake", STORING);
        install_helper(home.bin.path(), "broken", BROKEN);
        home
    }

    fn path(&self) -> PathBuf {
        self.config.path().join("config.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn open(&self) -> Credentials {
        self.open_with(None)
    }

    fn open_with(&self, auth_config: Option<&str>) -> Credentials {
        let search_path = Some(self.bin.path().as_os_str().to_owned());
        Credentials::open(LoginPlaces {
            config_folder: self.config.path().to_owned(),
            auth_config: auth_config.map(Secret::new),
            search_path,
        })
    }

    fn calls(&self) -> Vec<String> {
        calls(self.bin.path())
    }
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::Basic {
        username: username.to_owned(),
        password: Secret::new(password),
    }
}

fn alice() -> Credential {
    basic("alice", "s3cret-pw")
}

#[tokio::test]
async fn without_any_file_there_is_no_login_and_no_complaint() {
    let credentials = Credentials::open(LoginPlaces {
        config_folder: "/nowhere".into(),
        ..LoginPlaces::default()
    });
    assert_eq!(credentials.find("docker.io").await.unwrap(), None);
    assert_eq!(credentials.take_warnings(), Vec::<String>::new());
    assert_eq!(credentials.erase(None).await.unwrap().server, HUB);
}

#[tokio::test]
async fn a_login_in_the_file_is_new_once_and_found_until_logout() {
    let home = Home::new("");
    let key = server_key(Some("http://127.0.0.1:5102/v2/"));
    let path = home.path();
    let stored = home.open().store(&key, &alice()).await.unwrap();
    assert_eq!(
        stored,
        Stored::File {
            path,
            plain_text_new: true
        }
    );
    assert_eq!(home.open().store(&key, &alice()).await.unwrap(), Stored::Unchanged);
    assert_eq!(home.open().find("127.0.0.1:5102").await.unwrap(), Some(alice()));
    assert_eq!(home.open().find("127.0.0.1:5103").await.unwrap(), None);
    let erased = home.open().erase(Some("https://127.0.0.1:5102/v2/")).await.unwrap();
    let server = "127.0.0.1:5102".to_owned();
    assert_eq!(
        erased,
        Erased {
            server,
            warnings: Vec::new()
        }
    );
    assert_eq!(home.text(), "{\n\t\"auths\": {}\n}");
}

#[tokio::test]
async fn an_identity_token_is_no_password_in_clear() {
    let home = Home::new("");
    let token = Credential::IdentityToken(Secret::new("opaque"));
    let stored = home.open().store(HUB, &token).await.unwrap();
    assert!(matches!(
        stored,
        Stored::File {
            plain_text_new: false,
            ..
        }
    ));
    assert!(home.text().contains("\"identitytoken\": \"opaque\""));
    assert_eq!(home.open().find("docker.io").await.unwrap(), Some(token));
}

#[tokio::test]
async fn a_helper_keeps_the_login_and_the_file_a_marker() {
    let home = Home::new(r#"{"credsStore":"fake"}"#);
    let key = "127.0.0.1:5102";
    assert_eq!(home.open().store(key, &alice()).await.unwrap(), Stored::Helper);
    let marked = "{\n\t\"auths\": {\n\t\t\"127.0.0.1:5102\": {}\n\t},\n\t\"credsStore\": \"fake\"\n}";
    assert_eq!(home.text(), marked);
    assert_eq!(
        home.calls(),
        [r#"store|{"ServerURL":"127.0.0.1:5102","Username":"alice","Secret":"s3cret-pw"}"#]
    );
    assert_eq!(home.open().find(key).await.unwrap(), Some(alice()));
    assert_eq!(home.calls(), ["get|127.0.0.1:5102"]);
    assert!(home.open().erase(Some(key)).await.unwrap().warnings.is_empty());
    assert_eq!(
        home.calls(),
        [
            "erase|127.0.0.1:5102",
            "erase|http://127.0.0.1:5102",
            "erase|https://127.0.0.1:5102"
        ]
    );
    assert_eq!(home.text(), "{\n\t\"auths\": {},\n\t\"credsStore\": \"fake\"\n}");
}

#[tokio::test]
async fn a_helper_for_the_host_comes_before_the_one_for_all() {
    let home = Home::new(r#"{"credsStore":"broken","credHelpers":{"h:1":"fake"}}"#);
    home.open().store("h:1", &alice()).await.unwrap();
    let credentials = home.open();
    assert_eq!(credentials.find("h:1").await.unwrap(), Some(alice()));
    assert_eq!(credentials.take_warnings(), Vec::<String>::new());
}

#[tokio::test]
async fn a_login_in_the_file_is_not_used_where_a_helper_is_set() {
    let home = Home::new(r#"{"auths":{"h":{"auth":"YWxpY2U6czNjcmV0LXB3"}},"credsStore":"fake"}"#);
    assert_eq!(home.open().find("h").await.unwrap(), None);
    home.open().store("h", &alice()).await.unwrap();
    assert!(!home.text().contains("YWxpY2U6"), "the secret left the file");
}

#[tokio::test]
async fn a_failing_helper_is_told_once_and_no_other_login_is_used() {
    for (name, reason) in [
        ("broken", "err: exit status 1, out: `boom: helper is broken`"),
        (
            "missing",
            "err: exec: \"docker-credential-missing\": executable file not found in $PATH, out: ``",
        ),
    ] {
        let home = Home::new(&format!(
            r#"{{"auths":{{"h":{{"auth":"YWxpY2U6czNjcmV0LXB3"}},"other":{{"auth":"eDp5"}}}},"credHelpers":{{"h":"{name}"}}}}"#
        ));
        let credentials = home.open();
        for _ in 0..2 {
            assert_eq!(credentials.find("h").await.unwrap(), None);
        }
        let path = home.path();
        let line = format!(
            "WARNING: docker-credential-{name} (credHelpers[\"h\"] in {}) failed, going on without credentials for h: error getting credentials - {reason}",
            path.display()
        );
        assert_eq!(credentials.take_warnings(), [line]);
        assert_eq!(credentials.take_warnings(), Vec::<String>::new());
        assert_eq!(credentials.find("other").await.unwrap(), Some(basic("x", "y")));

        let before = home.text();
        let error = home.open().store("h", &basic("bob", "pw")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Error saving credentials: error storing credentials - {reason}")
        );
        assert_eq!(home.text(), before);
        assert_eq!(home.calls(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_helper_s_name_that_cannot_be_one_is_refused() {
    for name in ["../fake", "fake;true", "a b"] {
        let home = Home::new(&format!(r#"{{"credsStore":"{name}"}}"#));
        let error = home.open().find("h").await.unwrap_err();
        assert!(error.to_string().starts_with("credsStore in "), "{error}");
        assert!(home.open().store("h", &alice()).await.is_err());
        assert!(home.open().erase(Some("h")).await.is_err());
    }
}

#[tokio::test]
async fn logout_tells_when_the_helper_erased_nothing() {
    let home = Home::new(r#"{"auths":{"h:1":{}},"credsStore":"broken"}"#);
    let erased = home.open().erase(Some("h:1")).await.unwrap();
    let failed = "error erasing credentials - err: exit status 1, out: `boom: helper is broken`";
    assert_eq!(
        erased.warnings,
        [
            "WARNING: could not erase credentials:".to_owned(),
            format!("h:1: {failed}"),
            format!("http://h:1: {failed}"),
            format!("https://h:1: {failed}"),
        ]
    );
    assert!(home.text().contains("h:1"), "it is still logged in");
}

#[tokio::test]
async fn logout_leaves_no_spelling_behind_and_other_hosts_alone() {
    let entry = r#"{"auth":"YWxpY2U6czNjcmV0LXB3"}"#;
    let keys = ["h:1", "https://h:1/v1/", "HTTP://h:1", "h", "h:1/ns", "h:12"];
    let entries = keys.map(|key| format!(r#""{key}":{entry}"#)).join(",");
    let home = Home::new(&format!(r#"{{"auths":{{{entries}}}}}"#));
    home.open().erase(Some("h:1")).await.unwrap();
    for other in ["h", "h:12"] {
        assert_eq!(home.open().find(other).await.unwrap(), Some(alice()));
    }
    for gone in ["\"h:1\"", "https://h:1/v1/", "HTTP://h:1"] {
        assert!(!home.text().contains(gone), "{gone} is still there: {}", home.text());
    }
    assert!(
        home.text().contains("h:1/ns"),
        "a namespace's login is another one: {}",
        home.text()
    );
    home.open().erase(Some("h:1/ns")).await.unwrap();
    assert!(!home.text().contains("h:1/ns"), "{}", home.text());
}

#[tokio::test]
async fn logout_of_the_hub_works_by_any_of_its_names() {
    let entry = r#"{"auth":"YWxpY2U6czNjcmV0LXB3"}"#;
    for argument in [
        None,
        Some("docker.io"),
        Some("index.docker.io"),
        Some("https://index.docker.io/v1/"),
    ] {
        let home = Home::new(&format!(
            r#"{{"auths":{{"{HUB}":{entry},"docker.io":{entry},"{HUB}access-token":{entry},"{HUB}refresh-token":{entry}}}}}"#
        ));
        home.open().erase(argument).await.unwrap();
        assert_eq!(home.text(), "{\n\t\"auths\": {}\n}", "{argument:?}");
    }
    let home = Home::new(r#"{"credsStore":"fake"}"#);
    home.open().erase(None).await.unwrap();
    assert_eq!(home.calls(), [format!("erase|{HUB}")]);
}

#[tokio::test]
async fn a_helper_is_asked_for_the_other_spellings_in_the_file() {
    let home = Home::new(r#"{"auths":{"docker.io":{}},"credsStore":"fake"}"#);
    fs::write(
        home.bin.path().join("db-docker.io"),
        r#"{"Username":"alice","Secret":"s3cret-pw"}"#,
    )
    .unwrap();
    assert_eq!(home.open().find("docker.io").await.unwrap(), Some(alice()));
    assert_eq!(home.calls(), [format!("get|{HUB}"), "get|docker.io".to_owned()]);
}

#[tokio::test]
async fn the_environment_comes_first_and_only_for_its_hosts() {
    let home = Home::new(r#"{"auths":{"h":{"auth":"eDp5"},"i":{"auth":"eDp5"}}}"#);
    let credentials = home.open_with(Some(r#"{"auths":{"https://h/v1/":{"auth":"YWxpY2U6czNjcmV0LXB3"}}}"#));
    assert_eq!(credentials.find("h").await.unwrap(), Some(alice()));
    assert_eq!(credentials.find("i").await.unwrap(), Some(basic("x", "y")));
    assert_eq!(credentials.take_warnings(), Vec::<String>::new());
    let credentials = home.open_with(Some(r#"{"x":1}"#));
    assert_eq!(
        credentials.take_warnings(),
        [r#"Failed to create credential store from DOCKER_AUTH_CONFIG:  json: unknown field "x""#]
    );
    assert_eq!(credentials.find("h").await.unwrap(), Some(basic("x", "y")));
    assert_eq!(home.open_with(Some("")).take_warnings(), Vec::<String>::new());
}

#[tokio::test]
async fn a_malformed_file_stops_login_and_logout_but_no_pull() {
    let home = Home::new("{bad json");
    let credentials = home.open();
    assert_eq!(credentials.take_warnings().len(), 1);
    assert_eq!(credentials.find("h").await.unwrap(), None);
    let error = credentials.store("h", &alice()).await.unwrap_err();
    assert!(matches!(error.clue(), Some(Clue::BrokenFile { .. })));
    assert!(credentials.erase(Some("h")).await.is_err());
    assert_eq!(home.text(), "{bad json");
}

#[tokio::test]
async fn the_default_store_is_used_and_named_for_the_next_time() {
    let home = Home::new("");
    install(home.bin.path(), "pass", "true");
    install_helper(home.bin.path(), "pass", STORING);
    assert_eq!(home.open().store("h", &alice()).await.unwrap(), Stored::Helper);
    assert_eq!(
        home.text(),
        "{\n\t\"auths\": {\n\t\t\"h\": {}\n\t},\n\t\"credsStore\": \"pass\"\n}"
    );
    assert_eq!(home.open().find("h").await.unwrap(), Some(alice()));
}

#[tokio::test]
async fn a_default_store_that_cannot_be_used_gives_way_to_the_file() {
    let home = Home::new("");
    install_helper(home.bin.path(), "secretservice", BROKEN);
    let credentials = home.open();
    assert_eq!(credentials.find("h").await.unwrap(), None);
    assert_eq!(credentials.take_warnings(), Vec::<String>::new());
    assert!(matches!(
        credentials.store("h", &alice()).await.unwrap(),
        Stored::File { .. }
    ));
    let warnings = credentials.take_warnings();
    assert!(matches!(&warnings[..], [line] if line.starts_with("WARNING: docker-credential-secretservice")));
    assert_eq!(home.open().find("h").await.unwrap(), Some(alice()));
    let erased = home.open().erase(Some("h")).await.unwrap();
    assert_eq!(erased.warnings, Vec::<String>::new());
}

/// The helper of docker-credential-helpers itself, with a store and a key of its own.
#[tokio::test]
async fn the_real_pass_keeps_a_login() {
    let is_here = |program| Path::new("/usr/bin").join(program).exists();
    if !["pass", "gpg", "docker-credential-pass"].into_iter().all(is_here) {
        return;
    }
    let home = Home::new("");
    let own = home.bin.path().display();
    let environment = format!("export HOME={own} GNUPGHOME={own}/gpg PASSWORD_STORE_DIR={own}/store");
    install(home.bin.path(), "pass", "true");
    install_helper(
        home.bin.path(),
        "pass",
        &format!("{environment}\nexec /usr/bin/docker-credential-pass \"$@\""),
    );

    // Not set up yet: as the default store it gives way to the file.
    assert_eq!(home.open().find("h:1").await.unwrap(), None);
    assert!(matches!(
        home.open().store("h:1", &alice()).await.unwrap(),
        Stored::File { .. }
    ));
    fs::write(home.path(), r#"{"credsStore":"pass"}"#).unwrap();
    let error = home.open().store("h:1", &alice()).await.unwrap_err();
    assert!(error.to_string().contains("pass not initialized"), "{error}");

    let shell = |script: &str| {
        let script = format!("{environment}\n{script}");
        std::process::Command::new("sh").args(["-c", &script]).output().unwrap()
    };
    let made = shell(
        "mkdir -m 700 $GNUPGHOME && gpg --batch --passphrase '' --quick-gen-key test default default never && pass init test",
    );
    assert!(made.status.success(), "{made:?}");
    assert_eq!(home.open().find("h:1").await.unwrap(), None);
    for credential in [alice(), Credential::IdentityToken(Secret::new("opaque&<>"))] {
        assert_eq!(home.open().store("h:1", &credential).await.unwrap(), Stored::Helper);
        let credentials = home.open();
        assert_eq!(credentials.find("h:1").await.unwrap(), Some(credential));
        assert_eq!(credentials.take_warnings(), Vec::<String>::new());
    }
    // The second time nothing is there, and `pass` refuses to erase it: no reason to warn.
    for _ in 0..2 {
        let erased = home.open().erase(Some("h:1")).await.unwrap();
        assert_eq!(erased.warnings, Vec::<String>::new());
        assert_eq!(home.open().find("h:1").await.unwrap(), None);
    }
    shell("gpgconf --kill all");
}
