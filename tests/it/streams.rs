//! Scripts and odd surroundings: JSON lines, readers that leave, full disks, closed streams, no home.

use serde_json::Value;

use crate::support::image::{Built, Image};
use crate::support::process::Run;
use crate::support::registry::Registry;
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

struct Setup {
    sandbox: Sandbox,
    registry: Registry,
    image: Built,
}

impl Setup {
    fn new() -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        let image = Image::small().write(&sandbox.root().join("image"));
        registry.push("team/web", "latest", &image);
        let sandbox = sandbox.env("RDOCK", env!("CARGO_BIN_EXE_rdock"));
        Self {
            sandbox,
            registry,
            image,
        }
    }

    fn name(&self) -> String {
        format!("{}/team/web:latest", self.registry.host())
    }

    /// Runs a shell's line, in which `$RDOCK` is rdock.
    #[track_caller]
    fn sh(&self, line: &str) -> Run {
        self.sandbox.run("bash", &["-c", &format!("set -o pipefail; {line}")])
    }

    /// Gives the image so many names that a listing of them fills any pipe.
    fn with_many_names(self) -> Self {
        let name = self.name();
        self.sandbox.rdock(&["pull", "-q", &name]).ok();
        let path = self.sandbox.store().join("index.json");
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let manifests = index["manifests"].as_array_mut().unwrap();
        let mut entry = manifests[0].clone();
        for number in 0..2000 {
            let name = format!("registry.example.com/team/a-rather-long-name-for-an-image:{number}");
            for key in ["io.containerd.image.name", "org.opencontainers.image.ref.name"] {
                entry["annotations"][key] = Value::from(name.as_str());
            }
            manifests.push(entry.clone());
        }
        std::fs::write(path, index.to_string()).unwrap();
        self
    }
}

#[test]
fn json_lines_are_objects_with_stable_fields() {
    let setup = Setup::new();
    let name = setup.name();
    let run = setup.sandbox.rdock(&["pull", "--progress=json", &name]).ok();
    let events: Vec<Value> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "planned");
    let planned = events[0]["layers"].as_array().unwrap();
    assert_eq!(planned.len(), setup.image.layers.len());
    for (event, layer) in planned.iter().zip(&setup.image.layers) {
        assert_eq!(
            (event["digest"].as_str(), event["size"].as_u64()),
            (Some(&*layer.digest), Some(layer.size))
        );
        assert_eq!(event["present"], false);
        let of_layer = |kind: &str| {
            let mut found = events
                .iter()
                .filter(|e| e["event"] == kind && e["digest"] == *layer.digest);
            found
                .next_back()
                .unwrap_or_else(|| panic!("{kind} of {}: {run}", layer.digest))
        };
        assert_eq!(of_layer("started")["offset"], 0);
        assert_eq!(of_layer("advanced")["bytes"], layer.size);
        assert_eq!(of_layer("finished")["outcome"], "copied");
    }
    let digest = format!("Digest: {}", setup.image.digest);
    let status = format!("Status: Downloaded newer image for {name}");
    let around = format!("latest: Pulling from team/web\n{digest}\n{status}\n{name}\n");
    assert_eq!(run.stdout, around);

    let target = format!("{}/other/web:v1", setup.registry.host());
    setup.sandbox.rdock(&["tag", &name, &target]).ok();
    let pushed = setup.sandbox.rdock(&["push", "-q", "--progress", "json", &target]).ok();
    assert_eq!(pushed.stdout, format!("{target}\n"));
    let events: Vec<Value> = pushed
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["layers"][0]["diffId"], setup.image.diff_ids[0]);
    let there = events.iter().filter(|e| e["outcome"] == "alreadyPresent").count();
    assert!(there >= setup.image.layers.len(), "{pushed}");

    for mode in ["tty", "auto", "plain"] {
        setup.sandbox.rdock(&["rmi", "-f", &name, &target]).ok();
        let run = setup.sandbox.rdock(&["pull", "--progress", mode, &name]).ok();
        assert!(
            !run.stdout.contains('\u{1b}') && run.stdout.contains(": Pull complete\n"),
            "{run}"
        );
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let setup = Setup::new().with_many_names();
    let run = setup.sh("$RDOCK images | head -1").ok();
    assert!(run.stdout.starts_with("REPOSITORY "), "{run}");
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""), "{run}");
    for line in [
        "$RDOCK images -q | head -1",
        "$RDOCK images --help | head -1",
        "$RDOCK images --no-trunc | true",
    ] {
        assert_eq!(setup.sh(line).ok().stderr, "");
    }
}

#[test]
fn a_full_disk_behind_stdout_is_told() {
    let setup = Setup::new();
    let name = setup.name();
    for arguments in [
        format!("pull {name}"),
        "images".to_owned(),
        format!("tags {name}"),
        format!("catalog {}", setup.registry.host()),
        format!("rmi {name}"),
    ] {
        let run = setup.sh(&format!("$RDOCK {arguments} >/dev/full")).fails(1);
        assert!(run.stderr.starts_with("write to standard output: "), "{run}");
        assert_eq!(run.stderr.lines().count(), 1, "{run}");
    }
}

#[test]
fn closed_streams_hurt_nobody() {
    let setup = Setup::new();
    let name = setup.name();
    assert_eq!(setup.sh(&format!("$RDOCK pull {name} >&-")).ok().stderr, "");
    for line in [
        "$RDOCK images >&-".to_owned(),
        format!("$RDOCK pull {name} >&- 2>&- <&-"),
        "$RDOCK --help >&-".to_owned(),
        "$RDOCK images 2>&-".to_owned(),
        format!("$RDOCK pull --progress=json {name} 2>/dev/full"),
    ] {
        setup.sh(&line).ok();
    }
    setup.sh("$RDOCK pull nosuch:bad:ref 2>&-").fails(1);
    setup.sh("$RDOCK --nosuch 2>/dev/full").fails(125);
    let login = setup
        .sh(&format!("$RDOCK login {} <&-", setup.registry.host()))
        .fails(1);
    assert_eq!(
        login.stderr,
        "Error: Cannot perform an interactive login from a non TTY device\n"
    );
    assert_eq!(setup.sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
}

#[test]
fn the_locale_changes_nothing() {
    let setup = Setup::new();
    let name = setup.name();
    for locale in ["C", "tr_TR.UTF-8", "", "nonsense"] {
        let line = format!("LC_ALL={locale} LANG={locale} $RDOCK pull {name} && LC_ALL={locale} $RDOCK images");
        let run = setup.sh(&line).ok();
        assert!(run.stdout.contains("\nREPOSITORY "), "{run}");
        assert_eq!(run.stderr, "");
    }
}

/// What a command needs nothing of it does not open. `images` looks into config.json for docker's `imagesFormat`.
#[test]
fn local_commands_read_no_daemon_files_and_only_images_the_config() {
    let setup = Setup::new();
    for path in [".docker/config.json", ".config/docker/daemon.json"] {
        let path = setup.sandbox.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{ broken").unwrap();
    }
    for line in ["--version", "version", "help"] {
        let run = setup.sh(&format!("$RDOCK {line}")).ok();
        assert_eq!(run.stderr, "", "{run}");
    }
    let listed = setup.sh("$RDOCK images").ok();
    let warning = "WARNING: Error parsing config file (";
    assert!(listed.stderr.starts_with(warning), "{listed}");
    assert_eq!(listed.stderr.lines().count(), 1, "{listed}");
    // Whoever opened one of these would wait for ever.
    setup.sh(
        "rm .docker/config.json .config/docker/daemon.json && mkfifo .docker/config.json .config/docker/daemon.json",
    )
    .ok();
    for line in ["--version", "--config . images", "--config . image ls -q"] {
        setup.sh(&format!("timeout 10 $RDOCK {line}")).ok();
    }
    for line in ["tag a b", "rmi a"] {
        setup.sh(&format!("timeout 10 $RDOCK {line}")).fails(1);
    }
}

#[test]
fn a_pipe_in_the_store_is_refused_and_not_waited_for() {
    let setup = Setup::new();
    setup.sandbox.rdock(&["pull", "-q", &setup.name()]).ok();
    let index = setup.sandbox.store().join("index.json");
    setup.sh(&format!("rm {0} && mkfifo {0}", index.display())).ok();
    let refused = setup.sandbox.rdock(&["images"]).fails(1);
    assert!(refused.stderr.contains(index.to_str().unwrap()), "{refused}");
}

#[test]
fn ctrl_c_ends_a_pull_that_waits_for_another_rdock() {
    let setup = Setup::new();
    setup.sandbox.rdock(&["pull", "-q", &setup.name()]).ok();
    let other = format!("{}/other/web:v1", setup.registry.host());
    setup.registry.push("other/web", "v1", &setup.image);
    let held = std::fs::File::open(setup.sandbox.store().join("index.lock")).unwrap();
    held.lock().unwrap();
    let mut terminal = Terminal::start(&setup.sandbox.command(&["pull", &other]), 80, 24);
    let asked = || setup.registry.log().matches("/v2/other/web/manifests/v1").count();
    wait_for("the manifest", || (asked() > 0).then_some(()));
    terminal.wait_text("Pulling from other/web");
    terminal.interrupt();
    assert_eq!(terminal.finish().code, 130, "{}", terminal.text());
    drop(held);
    assert!(!setup.sandbox.rdock(&["images"]).ok().stdout.contains("other/web"));
    setup.sandbox.rdock(&["pull", &other]).ok();
}
