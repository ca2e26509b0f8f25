use serde::de::IgnoredAny;

use super::super::*;
use crate::tests::fuzz::Target;

#[test]
fn a_daemon_json_is_read_or_named_in_a_warning() {
    let seeds = [
        r#"{"insecure-registries":["h:5000","10.0.0.0/8"],"registry-mirrors":["https://m.example/"],"debug":true}"#,
        r#"{"insecure-registries":null}"#,
        " ",
    ];
    let words = [
        "\"insecure-registries\":[",
        "\"registry-mirrors\":[",
        "\"http://h\"",
        "\"debug\":",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RIGHT_NAME);
    let mut target = Target::text("daemon-json", seeds, &words);
    target.cases = 500;
    target.check(|input| {
        fs::write(&path, input).unwrap();
        let read = DaemonFile::read(&[folder.path().to_owned()]);
        // What it does not look at may be any text; a list is read as its members in their order.
        let begins = input.trim_ascii().first().is_some_and(|first| b"{[".contains(first));
        let is_json = begins && serde_json::from_slice::<IgnoredAny>(input).is_ok();
        let is_blank = input.trim_ascii().is_empty();
        assert!(read.warnings.len() <= 1 && (is_json || is_blank || read.warnings.len() == 1));
        assert!(read.warnings.is_empty() || read.insecure_registries.is_empty());
        (
            read.insecure_registries.len().min(3),
            read.registry_mirrors.len().min(3),
            read.warnings.len(),
        )
    });
}
