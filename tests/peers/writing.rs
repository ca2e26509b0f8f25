//! All commands that write, and a scene in which each of them has something to do: what it holds before can be had again
//! and again.

pub(crate) mod commands;
pub(crate) mod strace;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use rdock::image::{Descriptor, Digest, Reference};
use rdock::store::{Repair, Store};
use serde_json::{Value, json};

use crate::support::http;
use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::layout::Layout;
use crate::support::process::{Run, finish};
use crate::support::sandbox::Sandbox;
use crate::support::scale;
use crate::support::serve::Serve;
use commands::Command;

/// What commands change, below the root of the sandbox.
const CHANGED: [&str; 3] = ["store", "home", "out"];
/// Files that are not rdock's, in folders to which it writes.
const STRANGERS: [&str; 4] = [
    "out/thesis.tex",
    "out/.tmp-thesis",
    "home/thesis.tex",
    "home/.docker/notes.txt",
];
const PASSWORD: &str = "secret";

/// A store, a home and a folder for what is saved, with images, files of other people, and two registries.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) registry: Serve,
    pub(crate) guarded: Serve,
    /// What a push at this point sends; no other one has it.
    pushed: Option<(String, Built)>,
    points: usize,
}

/// What can be asked of a scene from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// Names with their digests.
    pub(crate) names: BTreeSet<(String, String)>,
    /// `config.json`, parsed.
    pub(crate) config: Value,
    /// The files below `home` and `out`.
    pub(crate) files: BTreeSet<String>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let registry = Serve::open();
        let users = crate::support::registry::users_file(sandbox.root(), &[("bob", PASSWORD)]);
        let guarded = Serve::with(&["--htpasswd", users.to_str().unwrap(), "--insecure"]);
        let scene = Self {
            sandbox,
            registry,
            guarded,
            pushed: None,
            points: 0,
        };
        scene.furnish();
        scene
    }

    fn furnish(&self) {
        let (root, rdock) = (self.sandbox.root(), |arguments: &[&str]| {
            self.sandbox.rdock(arguments).ok()
        });
        let image = |seed: u64| {
            Image::new()
                .layer(Layer::text("etc/shared", "the same below all"))
                .layer(Layer::seeded(seed, 2, 40_000))
        };
        for (name, seed) in [("new", 1), ("a", 2), ("b", 3)] {
            let built = image(seed).write(&root.join(format!("made-{name}")));
            self.registry.push(&format!("team/{name}"), "1", &built);
        }
        for (name, seed) in [("app:1", 4), ("old:1", 5), ("loaded:1", 6)] {
            let folder = root.join(format!("made-{seed}"));
            let built = image(seed).write(&folder);
            rdock(&["load", "-q", "-i", folder.to_str().unwrap()]);
            rdock(&["tag", &built.config_digest, name]);
        }
        rdock(&["save", "-o", &self.path("loaded.tar"), "loaded:1"]);
        rdock(&["rmi", "loaded:1"]);
        // An image without a name.
        rdock(&["tag", "app:1", "old:1"]);
        rdock(&["tag", "app:1", "app:2"]);
        fs::create_dir(root.join("out")).unwrap();
        fs::create_dir(root.join("home/.docker")).unwrap();
        let config = json!({"auths": {"other.example": {"auth": "YTpi"}}, "foreign": [1, 2.50]});
        fs::write(self.sandbox.config_path(), config.to_string()).unwrap();
        for stranger in STRANGERS {
            fs::write(root.join(stranger), stranger).unwrap();
        }
        let built = image(7).write(&root.join("made-tree"));
        fs::copy(built.blob(&built.layers[1].digest), root.join("tree.tar")).unwrap();
        for changed in CHANGED {
            copy(&root.join(changed), &root.join("before").join(changed));
        }
    }

    /// A path below the root.
    pub(crate) fn path(&self, name: &str) -> String {
        self.sandbox.root().join(name).to_str().unwrap().to_owned()
    }

    /// All is as it was, with something new to push.
    pub(crate) fn restore(&mut self, command: &Command) {
        let root = self.sandbox.root();
        for changed in CHANGED {
            let _ = fs::remove_dir_all(root.join(changed));
            copy(&root.join("before").join(changed), &root.join(changed));
        }
        self.points += 1;
        self.pushed = command.is_push().then(|| {
            let layer = Layer::text("etc/own", &self.points.to_string());
            let image = Image::new()
                .layer(layer)
                .layer(Layer::seeded(self.points as u64, 1, 40_000));
            let built = image.store(&Layout::open(&self.sandbox.store()));
            let name = format!("{}/pushed/p{}:1", self.registry.host(), self.points);
            let digest = Digest::parse(&built.digest).unwrap();
            let manifest = Descriptor::new(built.media_type.clone(), digest, built.manifest.len() as u64);
            let reference = Reference::parse(&name).unwrap();
            self.store().names().set(&reference, &manifest).unwrap();
            (name, built)
        });
    }

    /// The name of what is to be pushed.
    pub(crate) fn pushed(&self) -> String {
        self.pushed.as_ref().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// The command, not started yet, perhaps by way of another program.
    pub(crate) fn process(&self, command: &Command, by: &[&str]) -> Process {
        let program = scale::program();
        let own = command.arguments(self);
        let mut words: Vec<&str> = by.to_vec();
        words.push(&program);
        words.extend(own.iter().map(String::as_str));
        self.sandbox.program(words[0], &words[1..])
    }

    /// Runs the command to its end.
    #[track_caller]
    pub(crate) fn run(&self, command: &Command, by: &[&str]) -> Run {
        finish(self.process(command, by), command.input.as_bytes())
    }

    fn store(&self) -> Store {
        Store::at(self.sandbox.store())
    }

    pub(crate) fn state(&self) -> State {
        let root = self.sandbox.root();
        let text = fs::read_to_string(self.sandbox.config_path()).unwrap();
        let mut files = BTreeSet::new();
        list(root, &root.join("home"), &mut files);
        list(root, &root.join("out"), &mut files);
        State {
            names: self.names(),
            config: serde_json::from_str(&text).unwrap_or_else(|e| panic!("config.json: {e}: {text}")),
            files,
        }
    }

    fn names(&self) -> BTreeSet<(String, String)> {
        let text = fs::read_to_string(self.sandbox.store().join("index.json")).unwrap();
        let index: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("index.json: {e}: {text}"));
        let entries = index["manifests"].as_array().unwrap().iter();
        let named = entries.filter_map(|entry| {
            let name = entry["annotations"]["io.containerd.image.name"].as_str()?.to_owned();
            Some((name, entry["digest"].as_str().unwrap().to_owned()))
        });
        named.collect()
    }

    /// The store and every layout and archive that is there are whole, and what is other people's is untouched.
    #[track_caller]
    pub(crate) fn assert_whole(&self, when: &str) {
        let mut stores = vec![self.sandbox.store()];
        stores.extend(Some(self.sandbox.root().join("out/layout")).filter(|it| it.join("index.json").exists()));
        for store in stores {
            let checked = Store::at(store.clone()).check(Repair::No);
            let checked = checked.unwrap_or_else(|e| panic!("{when}: {}: {e}", store.display()));
            assert!(
                checked.faults.is_empty(),
                "{when}: {}: {:?}",
                store.display(),
                checked.faults
            );
        }
        for stranger in STRANGERS {
            let text = fs::read_to_string(self.sandbox.root().join(stranger));
            assert_eq!(text.ok().as_deref(), Some(stranger), "{when}");
        }
        for archive in ["out/app.tar", "out/oci.tar"] {
            let path = self.path(archive);
            if Path::new(&path).exists() {
                let store = self.path("elsewhere");
                let mut load = self.sandbox.command(&["load", "-q", "-i", &path]);
                load.env("RDOCK_HOME", &store);
                let run = finish(load, b"");
                assert_eq!(run.code, 0, "{when}: {archive}: {run}");
                fs::remove_dir_all(store).unwrap();
            }
        }
    }

    /// What a push that ended well has brought is there.
    #[track_caller]
    pub(crate) fn assert_pushed(&self, when: &str) {
        if let Some((name, built)) = &self.pushed {
            assert_eq!(http::manifest(name), built.manifest, "{when}");
        }
    }

    /// What is left half-done is freed by who is asked to, and there is nothing else.
    #[track_caller]
    pub(crate) fn assert_tidy(&self, when: &str) {
        let store = self.store();
        store.sweep().prune(|_| false, std::time::Duration::ZERO).unwrap();
        let left = fs::read_dir(self.sandbox.store().join("ingest")).unwrap();
        let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{when}: {left:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The files and folders below `folder`, by their paths below `root`; of a layout only that it is there.
fn list(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        // What a killed `manifest` left is swept when it is old: docker's own command may be at it.
        if path.file_name().unwrap().as_encoded_bytes().starts_with(b".new-") {
            continue;
        }
        files.insert(path.strip_prefix(root).unwrap().display().to_string());
        if path.is_dir() && !path.ends_with("layout") {
            list(root, &path, files);
        }
    }
}
