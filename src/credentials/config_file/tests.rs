mod fuzz;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::*;
use crate::credentials::Secret;

fn file(text: &str) -> ConfigFile {
    ConfigFile::parse(text.as_bytes(), "Error parsing config file (PATH)".to_owned())
}

fn alice() -> Credential {
    let password = Secret::new("s3cret-pw");
    Credential::Basic {
        username: "alice".to_owned(),
        password,
    }
}

/// A config.json with this text, in a folder of its own.
fn on_disk(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn log_in(path: &Path, key: &str) -> Result<Change> {
    ConfigFile::edit(path, |file| file.put(key, Some(&alice())))
}

#[test]
fn every_historic_key_leads_to_the_login() {
    for (domain, keys) in [
        (
            "127.0.0.1:5102",
            &[
                "127.0.0.1:5102",
                "http://127.0.0.1:5102",
                "https://127.0.0.1:5102",
                "HTTPS://127.0.0.1:5102",
                "https://127.0.0.1:5102/v1/",
                "127.0.0.1:5102/v2",
                "127.0.0.1:5102/x/nginx",
            ] as &[&str],
        ),
        (
            "docker.io",
            &[
                "https://index.docker.io/v1/",
                "https://index.docker.io/v1",
                "index.docker.io",
                "docker.io",
                "https://docker.io",
                "registry-1.docker.io",
                "https://registry-1.docker.io/v2/",
            ],
        ),
    ] {
        for key in keys {
            let text =
                format!(r#"{{"auths":{{"other":{{"auth":"eDp5"}},"{key}":{{"auth":"YWxpY2U6czNjcmV0LXB3"}}}}}}"#);
            assert_eq!(file(&text).login(domain).unwrap().1, alice(), "{key}");
        }
    }
    for key in ["127.0.0.1", "//127.0.0.1:5102"] {
        let text = format!(r#"{{"auths":{{"{key}":{{"auth":"YWxpY2U6czNjcmV0LXB3"}}}}}}"#);
        assert_eq!(file(&text).login("127.0.0.1:5102"), None, "{key}");
    }
}

#[test]
fn the_nearest_key_that_holds_a_login_wins() {
    let text = r#"{"auths":{"h/ns":{"auth":"bnM6eA=="},"https://h/v1/":{"auth":"dXJsOng="},"h":{"auth":"aG9zdDp4"}}}"#;
    let username = |text: &str| match file(text).login("h").map(|(_, login)| login) {
        Some(Credential::Basic { username, .. }) => username,
        other => panic!("{other:?}"),
    };
    assert_eq!(username(text), "host");
    assert_eq!(username(&text.replace("aG9zdDp4", "")), "url");
    assert_eq!(username(&text.replace("aG9zdDp4", "!!!").replace("dXJsOng=", "")), "ns");
}

#[test]
fn names_are_taken_in_any_case() {
    let read = file(r#"{"AUTHS":{"h":{"Auth":"YWxpY2U6czNjcmV0LXB3"}},"CredsSTORE":"x"}"#);
    assert_eq!(read.login("h").unwrap().1, alice());
    assert!(matches!(read.storage("h"), Storage::Helper { name, .. } if name == "x"));
}

#[test]
fn the_keeper_is_credhelpers_then_credsstore_then_the_file() {
    let helper = |name: &str, named_by| Storage::Helper {
        name: name.to_owned(),
        named_by,
    };
    let text = r#"{"credsStore":"all","credHelpers":{"h:1":"one","quiet":"","https://index.docker.io/v1/":"hub"}}"#;
    let read = file(text);
    assert_eq!(read.storage("h:1"), helper("one", NamedBy::ForHost("h:1".to_owned())));
    assert_eq!(read.storage("h"), helper("all", NamedBy::ForAll));
    assert_eq!(read.storage("quiet"), Storage::File);
    assert_eq!(
        read.storage("docker.io"),
        helper("hub", NamedBy::ForHost("https://index.docker.io/v1/".to_owned()))
    );
    assert_eq!(
        file(r#"{"credHelpers":{"h/ns":"one","x":"y"}}"#).storage("h"),
        Storage::File
    );
    assert_eq!(file(r#"{"auths":{"h":{}}}"#).storage("h"), Storage::File);
    for unset in [
        "",
        "{}",
        r#"{"auths":{},"credHelpers":null,"credsStore":"","psFormat":"x"}"#,
    ] {
        assert_eq!(file(unset).storage("h"), Storage::Unset, "{unset}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_used() {
    let begin = "WARNING: Error parsing config file (PATH): ";
    let good = r#""good":{"auth":"YWxpY2U6czNjcmV0LXB3"}"#;
    for (text, reason) in [
        ("{bad json".to_owned(), "key must be a string at line 1 column 2"),
        ("[]".to_owned(), "the file is not a JSON object"),
        (r#"{"auths":[]}"#.to_owned(), "auths is not a JSON object"),
        (
            r#"{"auths":{"h":{"auth":"bm9jb2xvbg=="}}}"#.to_owned(),
            "Invalid auth configuration file",
        ),
        (
            format!(r#"{{"auths":{{"h":{{"auth":"!!!"}},{good}}}}}"#),
            "illegal base64 data at input byte 0",
        ),
        (
            format!(r#"{{"auths":{{{good}}},"credsStore":7}}"#),
            "credsStore is not a string",
        ),
        (
            format!(r#"{{"auths":{{{good}}},"credHelpers":{{"x":7}}}}"#),
            r#"credHelpers["x"] is not a string"#,
        ),
        (
            format!(r#"{{"auths":{{{good}}}}} x"#),
            "the file goes on after its JSON object",
        ),
    ] {
        let read = file(&text);
        assert_eq!(
            read.warning(Path::new("PATH")),
            Some(format!("{begin}{reason}")),
            "{text}"
        );
        let found = read.login("good").map(|(_, login)| login);
        assert_eq!(found, text.contains("good").then(alice), "{text}");
    }
    for fine in ["", "{}", r#"{"auths":null}"#, r#"{"auths":{"h":{}}}"#] {
        assert_eq!(file(fine).warning(Path::new("PATH")), None, "{fine}");
    }
}

#[test]
fn a_folder_in_the_file_s_place_is_told() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.json");
    fs::create_dir(&path).unwrap();
    let shown = path.display();
    let line = format!("WARNING: Error parsing config file ({shown}): read {shown}: is a directory");
    assert_eq!(ConfigFile::load(&path).warning(&path), Some(line));
    assert!(log_in(&path, "h").is_err());
}

#[test]
fn a_new_file_is_laid_out_as_docker_does() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("made/config.json");
    assert_eq!(log_in(&path, "127.0.0.1:5102").unwrap(), Change::Made);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\n\t\"auths\": {\n\t\t\"127.0.0.1:5102\": {\n\t\t\t\"auth\": \"YWxpY2U6czNjcmV0LXB3\"\n\t\t}\n\t}\n}"
    );
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    ConfigFile::edit(&path, |file| Ok(file.remove(|_, _| true))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\n\t\"auths\": {}\n}");
}

#[test]
fn members_of_others_keep_their_order_and_text() {
    let foreign = "{\n\t\"zzUnknown\": {\n\t\t\"a\": 1.10,\n\t\t\"big\": 12345678901234567890123\n\t},\n\t\"HttpHeaders\": {\n\t\t\"User-Agent\": \"f\\u006fo\"\n\t},\n\t\"auths\": {NEW\n\t\t\"old\": {\n\t\t\t\"email\": \"a@b.c\",\n\t\t\t\"weird\": 1e3,\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t},\n\t\"aliases\": {\n\t\t\"builder\": \"buildx\"\n\t}\n}";
    let (_home, path) = on_disk(&foreign.replace("NEW", ""));
    log_in(&path, "h").unwrap();
    // Docker sorts the servers.
    let new = "\n\t\t\"h\": {\n\t\t\t\"auth\": \"YWxpY2U6czNjcmV0LXB3\"\n\t\t},";
    assert_eq!(fs::read_to_string(&path).unwrap(), foreign.replace("NEW", new));
    ConfigFile::edit(&path, |file| Ok(file.remove(|key, _| key == "h"))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), foreign.replace("NEW", ""));
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    for (text, key) in [
        (r#"{"auths":{"h":{"auth":"YWxpY2U6czNjcmV0LXB3","x":1}}}"#, "h"),
        (r#"{"auths":{"h":{"username":"alice","password":"s3cret-pw"}}}"#, "h"),
    ] {
        let (_home, path) = on_disk(text);
        let before = fs::metadata(&path).unwrap();
        assert_eq!(log_in(&path, key).unwrap(), Change::None);
        ConfigFile::edit(&path, |file| Ok(file.remove(|key, _| key == "other"))).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_malformed_file_is_never_written() {
    for text in [
        "{bad json",
        "[]",
        r#"{"auths":[]}"#,
        r#"{"credsStore":7}"#,
        "{} x",
        r#"{"auths":{}"#,
    ] {
        let (_home, path) = on_disk(text);
        let error = log_in(&path, "h").unwrap_err();
        let shown = path.display().to_string();
        assert!(error.to_string().starts_with(&shown), "{error}");
        assert_eq!(error.clue(), Some(&Clue::BrokenFile { path: shown }));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let (_home, path) = on_disk("{\n  \"auths\": {\n    oops\n  }\n}");
    assert!(
        log_in(&path, "h")
            .unwrap_err()
            .to_string()
            .contains("at line 3 column 5")
    );
}

#[test]
fn the_bad_entry_of_another_registry_is_kept() {
    let (_home, path) = on_disk(r#"{"auths":{"bad":{"auth":"!!!"},"odd":7}}"#);
    log_in(&path, "h").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("\"auth\": \"!!!\"") && text.contains("\"odd\": 7"),
        "{text}"
    );
}

#[test]
fn all_of_many_logins_at_once_stay() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("folder/config.json");
    std::thread::scope(|scope| {
        for n in 0..16 {
            let path = &path;
            scope.spawn(move || log_in(path, &format!("h:{n}")).unwrap());
        }
    });
    let read = ConfigFile::load(&path);
    for n in 0..16 {
        assert_eq!(read.login(&format!("h:{n}")).unwrap().1, alice());
    }
    let names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["config.json"]);
}

#[test]
fn a_reader_never_sees_half_a_file() {
    let (_home, path) = on_disk("{}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..50 {
                log_in(&path, &format!("h:{n}")).unwrap();
            }
        });
        while !writer.is_finished() {
            assert!(ConfigFile::load(&path).understood(&path).is_ok());
        }
    });
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
}

#[test]
fn a_write_that_fails_names_the_file() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("plain"), "").unwrap();
    let path = home.path().join("plain/config.json");
    let said = log_in(&path, "h").unwrap_err().to_string();
    assert!(
        said.starts_with(&format!("cannot write {}: ", path.display())),
        "{said}"
    );
}
