//! Debian's password store as a credential helper.

use crate::credential_helpers::{SECRET, config, registry, write_config};
use crate::support::credential_helper::PasswordStore;
use crate::support::sandbox::Sandbox;

#[test]
fn debian_s_password_store_keeps_a_login_from_login_to_logout() {
    let sandbox = Sandbox::new();
    let store = PasswordStore::new(&sandbox);
    let registry = registry(&sandbox);
    let host = registry.host();
    write_config(&sandbox, "{\"credsStore\":\"pass\"}");
    let options = ["login", "-u", "alice", "--password-stdin", &host];
    let login = sandbox.rdock_stdin(&options, SECRET).ok();
    assert_eq!(
        (login.stdout.as_str(), login.stderr.as_str()),
        ("Login Succeeded\n", "")
    );
    assert!(store.helper("get", &host).ok().stdout.contains(SECRET));
    assert!(!config(&sandbox).contains("auth\""), "{}", config(&sandbox));
    sandbox.rdock(&["pull", "-q", &format!("{host}/x/motd:v1")]).ok();
    sandbox.rdock(&["logout", &host]).ok();
    assert!(!store.helper("get", &host).stdout.contains(SECRET));
    assert_eq!(config(&sandbox), "{\n\t\"auths\": {},\n\t\"credsStore\": \"pass\"\n}");
    // It answers with an empty login where it has none: that is no login.
    let refused = sandbox.rdock(&["push", &format!("{host}/x/motd:v1")]).fails(1);
    assert!(refused.stderr.starts_with("no basic auth credentials\n"), "{refused}");
}
