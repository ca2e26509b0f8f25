//! `image prune`, `system prune` and `system check`: docker's questions and words, and a store that mends.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::recorder::Recorder;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// A store with two images of one repository, of which the older has lost its tag, and one of another.
struct Setup {
    sandbox: Sandbox,
    recorder: Recorder,
    old: Built,
    new: Built,
    other: Built,
    _registry: Registry,
}

impl Setup {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let registry = Registry::open();
        let recorder = Recorder::front(&registry.host());
        let image = |seed, year: &str, label: &str| {
            let image = Image::new()
                .layer(Layer::seeded(1, 2, 500))
                .layer(Layer::seeded(seed, 2, 900));
            let image = image.created(&format!("{year}-01-01T00:00:00Z"));
            let image = image.config(json!({"Labels": {"stage": label}}));
            image.write(&sandbox.root().join(format!("image{seed}")))
        };
        let [old, new, other] = [
            image(2, "2019", "old"),
            image(3, "2021", "new"),
            image(4, "2023", "other"),
        ];
        for (built, repository) in [(&old, "team/web"), (&new, "team/web"), (&other, "team/other")] {
            registry.push(repository, "latest", built);
            let name = format!("{}/{repository}", recorder.host());
            sandbox.rdock(&["pull", "-q", &name]).ok();
        }
        // The older one is left with its digest alone, which docker takes for dangling.
        let setup = Self {
            sandbox,
            recorder,
            old,
            new,
            other,
            _registry: registry,
        };
        assert_eq!(setup.ids().len(), 3);
        setup
    }

    fn ids(&self) -> Vec<String> {
        let images = self.sandbox.rdock(&["images", "-q", "--no-trunc"]).ok();
        images.stdout.lines().map(str::to_owned).collect()
    }

    fn blob(&self, digest: &str) -> PathBuf {
        self.sandbox.store().join("blobs").join(digest.replace(':', "/"))
    }

    fn size(&self) -> u64 {
        fn of(folder: &Path) -> u64 {
            let sizes = fs::read_dir(folder).unwrap().map(|entry| {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                if metadata.is_dir() {
                    of(&entry.path())
                } else {
                    metadata.len()
                }
            });
            sizes.sum()
        }
        of(&self.sandbox.store().join("blobs")) + of(&self.sandbox.store().join("ingest"))
    }
}

/// How many bytes the last line says came free, which docker rounds to four digits.
fn reclaimed(run: &Run) -> f64 {
    let last = run.stdout.lines().last().unwrap();
    let size = last
        .strip_prefix("Total reclaimed space: ")
        .unwrap_or_else(|| panic!("{run}"));
    size.strip_suffix("kB").unwrap().parse::<f64>().unwrap() * 1000.0
}

#[test]
fn prune_asks_in_docker_s_words_and_takes_only_what_is_dangling() {
    let setup = Setup::new();
    let question = "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ";
    for answer in ["n\n", "yes\n", "\n", ""] {
        let run = setup.sandbox.rdock_stdin(&["image", "prune"], answer).ok();
        assert_eq!(run.stdout, question, "{run}");
    }
    let all = setup.sandbox.rdock_stdin(&["image", "prune", "-a"], "N\n").ok();
    let asked = "WARNING! This will remove all images without at least one container associated to them.\n";
    assert!(all.stdout.starts_with(asked), "{all}");
    assert_eq!(setup.ids().len(), 3);

    let before = setup.size();
    let run = setup.sandbox.rdock_stdin(&["image", "prune"], "Y\n").ok();
    let name = format!("{}/team/web@{}", setup.recorder.host(), setup.old.digest);
    let head = format!(
        "{question}Deleted Images:\nuntagged: {name}\ndeleted: {}\ndeleted: sha256:",
        setup.old.config_digest
    );
    assert!(run.stdout.starts_with(&head), "{run}");
    // The base layer is the other images' too: one chain ID goes, then a blank line.
    assert_eq!(run.stdout.matches("deleted: ").count(), 2, "{run}");
    assert!(run.stdout.contains("\n\nTotal reclaimed space: "), "{run}");
    let freed = f64::from(u32::try_from(before - setup.size()).unwrap());
    assert!((reclaimed(&run) - freed).abs() <= freed / 1000.0, "{freed}: {run}");
    assert!(!setup.blob(&setup.old.layers[1].digest).exists() && setup.blob(&setup.old.layers[0].digest).exists());
    let nothing = setup.sandbox.rdock(&["image", "prune", "-f"]).ok();
    assert_eq!(nothing.stdout, "Total reclaimed space: 0B\n");
    assert_eq!(setup.ids().len(), 2);
}

#[test]
fn filters_choose_what_prune_takes_and_system_prune_takes_leftovers_along() {
    let setup = Setup::new();
    let prune = |arguments: &[&str]| setup.sandbox.rdock(&[&["image", "prune", "-f"], arguments].concat());
    for kept in [
        ["--filter", "label=stage=new"],
        ["--filter", "until=2018-01-01T00:00:00Z"],
        ["--filter", "label!=stage=old"],
    ] {
        assert_eq!(prune(&kept).ok().stdout, "Total reclaimed space: 0B\n", "{kept:?}");
    }
    let bad = prune(&["--filter", "before=x"]).fails(1);
    assert!(
        bad.stderr.to_lowercase().starts_with("invalid filter 'before'"),
        "{bad}"
    );
    let run = prune(&[
        "-a",
        "--filter",
        "until=2022-01-01T00:00:00Z",
        "--filter",
        "label!=stage=old",
    ])
    .ok();
    assert!(
        run.stdout.contains(&format!("deleted: {}\n", setup.new.config_digest)),
        "{run}"
    );
    assert_eq!(setup.ids().len(), 2);

    let partial = setup
        .sandbox
        .store()
        .join("ingest")
        .join(format!("sha256-{}", "a".repeat(64)));
    fs::write(&partial, vec![b'x'; 5000]).unwrap();
    let asked = setup
        .sandbox
        .rdock_stdin(&["system", "prune", "--filter", "label=stage=nosuch"], "")
        .ok();
    let question = "WARNING! This will remove:\n  - all dangling images\n  - all leftovers of interrupted transfers\n\n  \
                    Items to be pruned will be filtered with:\n  - label=stage=nosuch\n\nAre you sure you want to \
                    continue? [y/N] ";
    assert_eq!(asked.stdout, question);
    assert!(partial.exists());
    let run = setup
        .sandbox
        .rdock(&["system", "prune", "-f", "--volumes", "--filter", "label=stage=nosuch"])
        .ok();
    assert_eq!(run.stdout, "Total reclaimed space: 5kB\n", "{run}");
    assert!(!partial.exists());
    let run = setup.sandbox.rdock(&["system", "prune", "-af"]).ok();
    assert!(
        run.stdout
            .contains(&format!("deleted: {}\n", setup.other.config_digest)),
        "{run}"
    );
    assert!(setup.ids().is_empty());
    assert_eq!(setup.size(), 0);
    let empty = Sandbox::new();
    assert_eq!(
        empty.rdock(&["system", "prune", "-af"]).ok().stdout,
        "Total reclaimed space: 0B\n"
    );
    assert_eq!(
        fs::read_dir(empty.store()).unwrap().count(),
        0,
        "no store is made to be pruned"
    );
}

#[test]
fn check_names_a_damaged_blob_and_repair_lets_the_next_pull_fetch_it() {
    let setup = Setup::new();
    let sound = setup.sandbox.rdock(&["system", "check"]).ok();
    assert!(
        sound.stdout.starts_with("Checked ") && sound.stdout.ends_with(": 0 faults\n"),
        "{sound}"
    );
    let layer = &setup.new.layers[1].digest;
    let path = setup.blob(layer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let lost = &setup.other.layers[1].digest;
    fs::remove_file(setup.blob(lost)).unwrap();

    let run = setup.sandbox.rdock(&["system", "check"]).fails(1);
    let (web, other) = (
        format!("{}/team/web", setup.recorder.host()),
        format!("{}/team/other", setup.recorder.host()),
    );
    let named = |what: &str, digest: &str, name: &str| {
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{what}: {digest} (needed by ")));
        assert!(
            line.is_some_and(|line| line.contains(&format!("{name}:latest"))),
            "{run}"
        );
    };
    named("damaged", layer, &web);
    named("missing", lost, &other);
    assert!(run.stdout.ends_with(": 2 faults\n"), "{run}");
    assert!(run.stderr.starts_with("hint: run rdock system check --repair"), "{run}");
    assert!(path.exists(), "a check changes nothing");

    setup.sandbox.rdock(&["system", "check", "--repair"]).ok();
    assert!(!path.exists());
    setup.recorder.clear();
    setup.sandbox.rdock(&["pull", "-q", &web, &other]).ok();
    assert_eq!(setup.recorder.count(|request| request.is("GET", "/blobs/")), 2);
    setup.sandbox.rdock(&["system", "check"]).ok();

    // A manifest whose bytes changed is found as well, though its size is right.
    let manifest = setup.blob(&setup.new.digest);
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("layer", "Layer", 1)).unwrap();
    let run = setup.sandbox.rdock(&["system", "check", "--repair"]).ok();
    assert!(run.stdout.contains(&format!("damaged: {}", setup.new.digest)), "{run}");
    setup.sandbox.rdock(&["pull", "-q", &web]).ok();
    setup.sandbox.rdock(&["system", "check"]).ok();
    assert_eq!(
        Sandbox::new().rdock(&["system", "check"]).ok().stdout,
        "Checked 0 blobs, 0B: 0 faults\n"
    );
}
