//! Every command of the README runs, in its order.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::authority::Authority;
use crate::support::hub::Hub;
use crate::support::image::Image;
use crate::support::internet::Internet;
use crate::support::process;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;
use crate::support::terminal::Terminal;

/// The lines of the shell block below a heading.
fn block(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(str::to_owned).collect()
}

#[test]
fn the_tutorial_of_the_readme_runs_and_what_docker_has_not() {
    let (hub, registry) = (Hub::new(), Serve::open());
    let mut sandbox = Sandbox::new();
    hub.internet().apply(&mut sandbox);
    let image = Image::small().docker().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "1.17.5", &image);
    install(&sandbox);
    let tutorial = block("The tutorial in ten commands");
    assert_eq!(tutorial.len(), 10);
    // What the first line starts is running already, on a port of its own.
    assert_eq!(tutorial[0], "rdock serve --root registry &");
    let beyond = block("What docker has not");
    for command in tutorial.iter().skip(1).chain(&beyond) {
        let command = command.replace("localhost:5000", &registry.host());
        if command.starts_with("rdock login") {
            let words: Vec<&str> = command.split(' ').skip(1).collect();
            let mut terminal = Terminal::start(&sandbox.command(&words), 100, 30);
            terminal.wait_text("Username: ");
            terminal.send("alice\r");
            terminal.wait_text("Password: ");
            terminal.send("s3cret-pw\r");
            assert_eq!(terminal.finish().code, 0, "{command}");
        } else {
            sandbox.run("bash", &["-euc", &command]).ok();
        }
    }
}

/// Puts rdock on the sandbox's `PATH`.
fn install(sandbox: &Sandbox) {
    symlink(env!("CARGO_BIN_EXE_rdock"), sandbox.bin().join("rdock")).unwrap();
}

#[test]
fn the_ci_recipe_of_the_readme_runs() {
    let authority = Authority::new();
    let registry = Registry::htpasswd("alice", "s3cret-pw");
    let front = Recorder::start(
        Some(&registry.host()),
        Some(&authority.issue(&["registry.example.com"])),
    );
    let mut sandbox = Sandbox::new();
    let internet = Internet::new(&authority).host("registry.example.com:443", &front.host());
    let image = Image::small().docker().write(&sandbox.root().join("image"));
    registry.push("team/base", "1", &image);
    internet.apply(&mut sandbox);
    install(&sandbox);
    let script = format!("set -eu\n{}\n", block("In CI").join("\n"));
    let mut shell = sandbox.program("bash", &["-s"]);
    shell
        .env("REGISTRY_USER", "alice")
        .env("REGISTRY_PASSWORD", "s3cret-pw");
    let run = process::finish(shell, script.as_bytes()).ok();
    assert_eq!(
        run.stdout,
        "Login Succeeded\nregistry.example.com/team/base:1\nregistry.example.com/team/app:1\n\
         Removing login credentials for registry.example.com\n"
    );
}
