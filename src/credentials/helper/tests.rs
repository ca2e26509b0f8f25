mod fuzz;

use std::path::Path;

use super::super::tests::scripts::{BROKEN, STORING, calls, install, install_helper};
use super::*;

fn helpers(folder: &Path) -> Helpers {
    Helpers::new(Some(folder.as_os_str().to_owned()))
}

fn alice() -> Credential {
    Credential::Basic {
        username: "alice".to_owned(),
        password: Secret::new("s3cret-pw"),
    }
}

fn with(body: &str) -> (tempfile::TempDir, Helper) {
    let folder = tempfile::tempdir().unwrap();
    install_helper(folder.path(), "test", body);
    let helper = helpers(folder.path()).named("test").unwrap();
    (folder, helper)
}

#[tokio::test]
async fn the_helper_gets_the_very_bytes_that_docker_sends() {
    let (folder, helper) =
        with(r#"printf '%s ' "$1" >> "$(dirname "$0")/log"; cat >> "$(dirname "$0")/log"; echo '{}'"#);
    helper.store("127.0.0.1:5102", &alice()).await.unwrap();
    helper.get("127.0.0.1:5102").await.unwrap();
    helper.erase("127.0.0.1:5102").await.unwrap();
    let token = Credential::IdentityToken(Secret::new("a&b"));
    helper.store("h", &token).await.unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path().join("log")).unwrap(),
        "store {\"ServerURL\":\"127.0.0.1:5102\",\"Username\":\"alice\",\"Secret\":\"s3cret-pw\"}\n\
         get 127.0.0.1:5102erase 127.0.0.1:5102\
         store {\"ServerURL\":\"h\",\"Username\":\"\\u003ctoken\\u003e\",\"Secret\":\"a\\u0026b\"}\n"
    );
}

#[tokio::test]
async fn what_is_stored_is_found_until_it_is_erased() {
    let (folder, helper) = with(STORING);
    assert_eq!(helper.get("h:1").await.unwrap(), None);
    for credential in [alice(), Credential::IdentityToken(Secret::new("opaque"))] {
        helper.store("h:1", &credential).await.unwrap();
        assert_eq!(helper.get("h:1").await.unwrap(), Some(credential));
    }
    helper.erase("h:1").await.unwrap();
    assert_eq!(helper.get("h:1").await.unwrap(), None);
    assert_eq!(calls(folder.path()).len(), 7);
}

#[test]
fn an_answer_is_found_among_what_a_wrapper_prints() {
    let login = r#"{"ServerURL":"h","Username":"alice","Secret":"s3cret-pw"}"#;
    for printed in [
        format!("{login}\nlogged out of the vault\n"),
        format!("Using profile [default]\n{login}"),
        format!("\u{feff}{login}\r\n"),
        format!("a {{brace}} in a line\n  {login}\n{{}}\n"),
    ] {
        assert_eq!(
            read_login(printed.as_bytes()).map(|(user, _)| user).as_deref(),
            Some("alice"),
            "{printed}"
        );
    }
    for nonsense in ["[]", "no", "x {", "[1]\n{"] {
        assert!(read_login(nonsense.as_bytes()).is_none(), "{nonsense}");
    }
    // Nothing at all is no login, and no failure.
    assert_eq!(read_login(b"").map(|(user, _)| user).as_deref(), Some(""));
}

#[tokio::test]
async fn failures_are_told_in_docker_s_words() {
    let (_folder, helper) = with(BROKEN);
    let out = "err: exit status 1, out: `boom: helper is broken`";
    let said = helper.store("h", &alice()).await.unwrap_err().to_string();
    assert_eq!(said, format!("error storing credentials - {out}"));
    let said = helper.get("h").await.unwrap_err().to_string();
    assert_eq!(said, format!("error getting credentials - {out}"));
    let said = helper.erase("h").await.unwrap_err().to_string();
    assert_eq!(said, format!("error erasing credentials - {out}"));

    let missing = helpers(Path::new("/nowhere")).named("missing").unwrap();
    assert_eq!(
        missing.store("h", &alice()).await.unwrap_err().to_string(),
        "error storing credentials - err: exec: \"docker-credential-missing\": executable file not found in $PATH, out: ``"
    );
    let (_folder, helper) = with("cat >/dev/null; echo no credentials username; exit 1");
    let said = helper.get("h").await.unwrap_err().to_string();
    assert_eq!(
        said,
        "error getting credentials - err: no credentials username, out: `no credentials username`"
    );
    let (_folder, helper) = with("kill -9 $$");
    let said = helper.get("h").await.unwrap_err().to_string();
    assert_eq!(said, "error getting credentials - err: signal: killed, out: ``");
}

#[tokio::test]
async fn a_secret_never_comes_back_in_a_failure() {
    for body in [
        "cat; exit 1",
        "cat | sed 's/.*/bad: & &/'; exit 1",
        "cat >/dev/null; printf 'alice:s3cret\"pw' | base64; exit 1",
    ] {
        let (_folder, helper) = with(body);
        let password = Secret::new("s3cret\"pw");
        let credential = Credential::Basic {
            username: "alice".to_owned(),
            password,
        };
        let said = helper.store("h", &credential).await.unwrap_err().to_string();
        assert!(said.contains("***"), "{said}");
        for secret in ["s3cret", "YWxpY2U6czNjcmV0InB3"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    for body in [
        r#"cat >/dev/null; echo '{"Username":"a","Secret":"s3cret"}'; exit 1"#,
        r#"cat >/dev/null; echo '{"Username":"a","Secret":"s3cret"'"#,
        r#"cat >/dev/null; echo '"s3cret"'"#,
        "cat >/dev/null; echo s3cret",
    ] {
        let (_folder, helper) = with(body);
        let said = helper.get("h").await.unwrap_err().to_string();
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_or_floods_is_given_up() {
    let (_folder, mut helper) = with("exec sleep 600");
    helper.timeout = Duration::from_millis(100);
    let said = helper.get("h").await.unwrap_err().to_string();
    assert_eq!(said, "error getting credentials - err: no answer within 0 s, out: ``");
    let (_folder, helper) = with("cat >/dev/null; exec yes");
    let said = helper.get("h").await.unwrap_err().to_string();
    assert_eq!(
        said,
        "error getting credentials - err: the answer is longer than 1048576 bytes, out: ``"
    );
}

#[tokio::test]
async fn a_helper_that_reads_nothing_still_answers() {
    let (_folder, helper) = with(r#"echo '{"ServerURL":"h","Username":"alice","Secret":"s3cret-pw"}'"#);
    assert_eq!(helper.get(&"h".repeat(1 << 18)).await.unwrap(), Some(alice()));
}

#[tokio::test]
async fn an_empty_answer_is_no_login() {
    let (_folder, helper) = with(r#"cat >/dev/null; echo '{"ServerURL":"h","Username":"","Secret":""}'"#);
    assert_eq!(helper.get("h").await.unwrap(), None);
}

#[tokio::test]
async fn refusing_to_erase_what_is_not_there_is_no_failure() {
    let (_folder, helper) =
        with(r#"cat >/dev/null; [ "$1" = get ] && echo '{}' || { echo 'h is not in the store'; exit 1; }"#);
    helper.erase("h").await.unwrap();
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let helpers = helpers(Path::new("/nowhere"));
    for name in [
        "", "../x", "a/b", "a;b", "a b", "$(x)", "-x", ".", "..", "a\nb", "a|b", "ä", "x\0",
    ] {
        assert!(helpers.named(name).is_none(), "{name:?}");
    }
    for name in ["pass", "desktop.exe", "ecr-login", "my_helper2"] {
        assert!(helpers.named(name).is_some(), "{name:?}");
    }
}

#[test]
fn helpers_come_from_the_search_path_alone() {
    let folder = tempfile::tempdir().unwrap();
    install_helper(folder.path(), "here", "true");
    std::fs::write(folder.path().join("docker-credential-plain"), "").unwrap();
    std::fs::create_dir(folder.path().join("docker-credential-folder")).unwrap();
    let path = |folders: &[&Path]| Helpers::new(Some(env::join_paths(folders).unwrap()));
    let is_found = |helpers: &Helpers, name| helpers.named(name).unwrap().program.is_some();
    let helpers = path(&[Path::new("/nowhere"), folder.path()]);
    assert!(is_found(&helpers, "here"));
    for name in ["plain", "folder", "other"] {
        assert!(!is_found(&helpers, name), "{name}");
    }
    assert!(!is_found(&Helpers::new(None), "here"));
    assert!(!is_found(&path(&[Path::new(""), Path::new(".")]), "here"));
}

#[test]
fn the_default_store_is_pass_then_the_secret_service_then_none() {
    let folder = tempfile::tempdir().unwrap();
    let default = || helpers(folder.path()).default_store().map(|helper| helper.name);
    assert_eq!(default(), None);
    install(folder.path(), "pass", "true");
    assert_eq!(default(), None);
    install_helper(folder.path(), "secretservice", "true");
    assert_eq!(default().as_deref(), Some("secretservice"));
    install_helper(folder.path(), "pass", "true");
    assert_eq!(default().as_deref(), Some("pass"));
    std::fs::remove_file(folder.path().join("pass")).unwrap();
    assert_eq!(default().as_deref(), Some("secretservice"));
}

#[tokio::test]
async fn an_answer_is_read_in_any_case_and_with_null() {
    for answer in [
        r#"{"serverurl":"h","username":"alice","secret":"s3cret-pw"}"#,
        r#"{"ServerURL":null,"USERNAME":"alice","Secret":"s3cret-pw","Other":[1]}"#,
    ] {
        let (_folder, helper) = with(&format!("echo '{answer}'"));
        assert_eq!(helper.get("h").await.unwrap(), Some(alice()), "{answer}");
    }
    let (_folder, helper) = with(r#"echo '{"Username":null,"Secret":null}'"#);
    assert_eq!(helper.get("h").await.unwrap(), None);
    let (_folder, helper) = with(r#"echo '{"Username":1,"Secret":"s3cret-pw"}'"#);
    let said = helper.get("h").await.unwrap_err().to_string();
    assert!(said.contains("not the JSON") && !said.contains("s3cret"), "{said}");
}
