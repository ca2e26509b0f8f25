//! What Tab offers, in the real shells: the commands of the tree, the images of the store, the hosts of config.json.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use clap::CommandFactory;
use rdock::cli::Cli;

use crate::support::image::Image;
use crate::support::process::write_program;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// A home with an image under one name, two hosts in config.json, and on its `PATH` an rdock that completes and notes
/// down how it was called otherwise. The answer is the image's short ID.
fn furnish(sandbox: &Sandbox) -> String {
    let registry = Registry::open();
    let image = Image::small().docker().write(&sandbox.root().join("image"));
    registry.push("library/nginx", "1.17.5", &image);
    let name = format!("{}/library/nginx:1.17.5", registry.host());
    sandbox.rdock(&["pull", "-q", &name]).ok();
    sandbox.rdock(&["tag", &name, "team/web:blue"]).ok();
    sandbox.rdock(&["rmi", &name]).ok();
    fs::create_dir(sandbox.home().join(".docker")).unwrap();
    let logins = r#"{"auths":{"https://registry.example.com/v1/":{}},"credHelpers":{"ghcr.example.com":"pass"}}"#;
    fs::write(sandbox.config_path(), logins).unwrap();
    let rdock = env!("CARGO_BIN_EXE_rdock");
    let script = format!("#!/bin/sh\n[ -z \"$COMPLETE\" ] || exec {rdock} \"$@\"\necho \"$*\" >>~/calls\n");
    let program = sandbox.bin().join("rdock");
    write_program(&program, script.as_bytes());
    image.config_digest[7..19].to_owned()
}

/// Types the beginnings of commands, each with a Tab behind it, and looks how rdock is called.
fn type_and_see(shell: &[&str], load: &str) {
    let sandbox = Sandbox::new();
    let id = furnish(&sandbox);
    let scripts = format!("{}/completions", env!("CARGO_MANIFEST_DIR"));
    let mut terminal = Terminal::start(&sandbox.program(shell[0], &shell[1..]), 200, 50);
    terminal.send(&format!("{}; echo rea''dy\r", load.replace("DIR", &scripts)));
    terminal.wait_text("ready");
    let typed_and_called = [
        ("logo", "logout"),
        ("image pul", "image pull"),
        ("pull --plat", "pull --platform"),
        ("rmi te", "rmi team/web:blue"),
        ("rmi team/web:b", "rmi team/web:blue"),
        (&format!("tag {}", &id[..6]), &format!("tag {id}")),
        ("push team/web:", "push team/web:blue"),
        ("logout reg", "logout registry.example.com"),
        ("catalog gh", "catalog ghcr.example.com"),
        ("search reg", "search registry.example.com/"),
        ("images -q team/w", "images -q team/web"),
    ];
    let mut expected = Vec::new();
    for (typed, called) in typed_and_called {
        terminal.send(&format!("rdock {typed}\t\r"));
        expected.push(called.to_owned());
        wait_for(&format!("the call of {called}"), || {
            let calls = fs::read_to_string(sandbox.home().join("calls")).unwrap_or_default();
            (calls.lines().count() == expected.len()).then_some(())
        });
    }
    let calls = fs::read_to_string(sandbox.home().join("calls")).unwrap();
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn bash_completes_commands_images_and_hosts() {
    type_and_see(&["bash", "--norc", "--noprofile", "-i"], "source DIR/rdock.bash");
}

#[test]
fn zsh_completes_commands_images_and_hosts() {
    type_and_see(
        &["zsh", "-f", "-i"],
        "fpath=(DIR $fpath); autoload -Uz compinit; compinit -u -D",
    );
}

#[test]
fn fish_completes_commands_images_and_hosts() {
    type_and_see(&["fish", "--no-config", "-i"], "source DIR/rdock.fish");
}

#[test]
fn every_command_of_the_tree_is_offered() {
    let sandbox = Sandbox::new();
    let tree = Cli::command();
    let image = tree.find_subcommand("image").unwrap();
    for (path, command) in [(vec!["rdock"], &tree), (vec!["rdock", "image"], image)] {
        let mut words = vec!["--"];
        words.extend(&path);
        words.push("");
        let index = path.len().to_string();
        let run = sandbox.rdock_with(&words, |program| {
            program
                .env("COMPLETE", "bash")
                .env("_CLAP_COMPLETE_INDEX", index)
                .env("_CLAP_IFS", "\n");
        });
        let offered: BTreeSet<String> = run.ok().stdout.lines().map(str::to_owned).collect();
        for subcommand in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            // Of a command with several names one is offered.
            let mut names = subcommand.get_visible_aliases().chain([subcommand.get_name()]);
            assert!(
                names.any(|name| offered.contains(name)),
                "{} is not among {offered:?}",
                subcommand.get_name()
            );
        }
    }
}

#[test]
fn completion_prints_the_script_of_the_program_that_is_called() {
    let sandbox = Sandbox::new();
    symlink(env!("CARGO_BIN_EXE_rdock"), sandbox.bin().join("docker")).unwrap();
    for (shell, file) in [
        ("bash", "rdock.bash"),
        ("zsh", "_rdock"),
        ("fish", "rdock.fish"),
        ("powershell", "_rdock.ps1"),
    ] {
        let file = format!("{}/completions/{file}", env!("CARGO_MANIFEST_DIR"));
        let own = sandbox.rdock(&["completion", shell]).ok().stdout;
        assert_eq!(own, fs::read_to_string(file).unwrap());
        let docker_s = sandbox
            .run("docker", &["completion", shell, "--no-descriptions"])
            .ok()
            .stdout;
        assert_eq!(docker_s, own.replace("rdock", "docker"));
    }
    let load = "source <(docker completion bash); COMP_WORDS=(docker pul) COMP_CWORD=1 COMP_LINE='docker pul' COMP_TYPE=9; \
                _docker; echo \"${COMPREPLY[@]}\"";
    let offered = sandbox.run("bash", &["--norc", "-c", load]).ok().stdout;
    assert_eq!(offered, "pull\n");
}

#[test]
fn a_shell_that_is_not_known_is_named() {
    let run = Sandbox::new().rdock_with(&[], |program| {
        program.env("COMPLETE", "tcsh");
    });
    assert!(run.stderr.contains("tcsh") && run.stderr.contains("bash"), "{run}");
    assert_ne!(run.code, 0);
}
