//! What `--rights` gives to whom, as clients see it.

use std::fs;

use serde_json::json;

use crate::support::image::Image;
use crate::support::layout::{Access, push_raw};
use crate::support::registry::users_file;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// `alice` and `bob` with their passwords, and these rights.
fn files(sandbox: &Sandbox, rights: &str) -> (String, String) {
    let users = users_file(sandbox.root(), &["alice", "bob"].map(|user| (user, "s3cret-pw")));
    let file = sandbox.root().join("rights");
    fs::write(&file, rights).unwrap();
    (users.to_str().unwrap().to_owned(), file.to_str().unwrap().to_owned())
}

#[test]
fn users_push_and_pull_what_the_file_gives_them_with_tokens_and_without() {
    let sandbox = Sandbox::new();
    let (users, rights) = files(
        &sandbox,
        "anonymous pull public/\nalice push team/ public/\nbob pull team/app\n",
    );
    let mut serve = Serve::with(&["--htpasswd", &users, "--rights", &rights]);
    let image = Image::small().write(&sandbox.root().join("image"));
    for repository in ["team/app", "public/app"] {
        push_raw(
            &Access::default().user("alice", "s3cret-pw"),
            &serve.host(),
            repository,
            "1",
            &image,
        );
    }
    for tokens in [false, true] {
        if tokens {
            let realm = format!("http://{}/token", serve.host());
            serve.kill();
            serve.start(&["--htpasswd", &users, "--rights", &rights, "--token-realm", &realm]);
        }
        let name = |path: &str| format!("{}/{path}", serve.host());
        let rdock = |arguments: &[&str]| sandbox.rdock(arguments);
        rdock(&["logout", &serve.host()]);
        // Without a password what is public, and nothing else.
        rdock(&["pull", &name("public/app:1")]).ok();
        rdock(&["pull", &name("team/app:1")]).fails(1);
        sandbox
            .rdock_stdin(&["login", "-u", "bob", "--password-stdin", &serve.host()], "s3cret-pw")
            .ok();
        rdock(&["pull", &name("team/app:1")]).ok();
        rdock(&["tag", &name("team/app:1"), &name("team/new:1")]).ok();
        let refused = rdock(&["push", &name("team/new:1")]).fails(1);
        assert!(refused.stderr.contains("denied"), "{refused}");
        sandbox
            .rdock_stdin(
                &["login", "-u", "alice", "--password-stdin", &serve.host()],
                "s3cret-pw",
            )
            .ok();
        rdock(&["push", &name("team/new:1")]).ok();
        rdock(&["tag", &name("team/app:1"), &name("else/where:1")]).ok();
        rdock(&["push", &name("else/where:1")]).fails(1);
    }
    // Who shows nothing sees the names of what everybody may pull, and no others.
    assert_eq!(
        serve.get("/v2/_catalog").is(200).json(),
        json!({"repositories": ["public/app"]})
    );
}

#[test]
fn a_wrong_line_is_refused_at_the_start_and_named() {
    let sandbox = Sandbox::new();
    let (users, rights) = files(&sandbox, "alice pull team/\nbob write *\n");
    let serve = |flags: &[&str]| sandbox.rdock(&[&["serve"], flags, &["127.0.0.1:0"]].concat());
    let refused = serve(&["--htpasswd", &users, "--rights", &rights]).fails(1);
    let why = format!("{rights}, line 2: \"write\" is no action: give pull, push or delete");
    assert!(refused.stderr.contains(&why), "{refused}");
    let none = serve(&["--htpasswd", &users, "--rights", "/none"]).fails(1);
    assert!(none.stderr.contains("reading /none"), "{none}");
    assert_ne!(serve(&["--rights", &rights]).code, 0, "rights without users");
}
