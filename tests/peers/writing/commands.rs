//! The commands.

use super::{PASSWORD, Scene};

/// One command that writes.
pub(crate) struct Command {
    pub(crate) words: &'static [&'static str],
    pub(crate) input: &'static str,
    /// How it ends when all was done before: docker's words for that are an error of some.
    pub(crate) again: i32,
}

const fn plain(words: &'static [&'static str]) -> Command {
    Command {
        words,
        input: "",
        again: 0,
    }
}

const fn once(words: &'static [&'static str]) -> Command {
    Command {
        words,
        input: "",
        again: 1,
    }
}

/// `HOST`, `GUARDED` and `PUSHED` stand for the two registries and for what is pushed, `OUT` and `IN` for folders.
pub(crate) const COMMANDS: [Command; 15] = [
    plain(&["pull", "-q", "HOST/team/new:1"]),
    plain(&["push", "-q", "PUSHED"]),
    plain(&["tag", "app:1", "tagged:1"]),
    once(&["rmi", "app:1", "app:2", "old:1"]),
    plain(&["load", "-q", "-i", "IN/loaded.tar"]),
    plain(&["import", "IN/tree.tar", "imported:1"]),
    plain(&["save", "-o", "OUT/app.tar", "app:1"]),
    plain(&["copy", "-q", "rdock-store:app:1", "oci:OUT/layout:1"]),
    plain(&["copy", "-q", "rdock-store:app:1", "oci-archive:OUT/oci.tar"]),
    plain(&["copy", "-q", "HOST/team/new:1", "rdock-store:copied:1"]),
    Command {
        words: &["login", "-u", "bob", "--password-stdin", "GUARDED"],
        input: PASSWORD,
        again: 0,
    },
    plain(&["logout", "other.example"]),
    once(&["manifest", "create", "list:1", "HOST/team/a:1", "HOST/team/b:1"]),
    plain(&["image", "prune", "-f"]),
    plain(&["system", "prune", "-a", "-f"]),
];

impl Command {
    pub(crate) fn name(&self) -> String {
        self.words.join(" ")
    }

    pub(crate) fn is_push(&self) -> bool {
        self.words[0] == "push"
    }

    /// Whether what it brings has another digest each time.
    pub(crate) fn is_new_each_time(&self) -> bool {
        self.words[0] == "import"
    }

    pub(crate) fn arguments(&self, scene: &Scene) -> Vec<String> {
        let places = [
            ("HOST", scene.registry.host()),
            ("GUARDED", scene.guarded.host()),
            ("PUSHED", scene.pushed()),
            ("OUT", scene.path("out")),
            ("IN", scene.path("")),
        ];
        let filled = |word: &&str| {
            let place = places
                .iter()
                .find(|(place, _)| word.split([':', '/']).any(|part| part == *place));
            place.map_or_else(|| (*word).to_owned(), |(place, value)| word.replacen(place, value, 1))
        };
        self.words.iter().map(filled).collect()
    }
}
