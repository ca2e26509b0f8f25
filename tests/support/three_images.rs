//! A store with three small images, for the commands that work on what is there.

use super::image::{Built, Image};
use super::layer::Layer;
use super::process::Run;
use super::registry::Registry;
use super::sandbox::Sandbox;

pub(crate) const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
pub(crate) const NOTHING: &str = "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n";

/// A store with `HOST/team/nginx:latest`, the older `HOST/team/nginx:1.14` on the same base, and `HOST/hello`.
pub(crate) struct ThreeImages {
    pub(crate) sandbox: Sandbox,
    pub(crate) host: String,
    pub(crate) new: Built,
    pub(crate) old: Built,
    pub(crate) hello: Built,
}

impl ThreeImages {
    pub(crate) fn new() -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        let base = || Image::new().layer(Layer::text("base", "the same below both\n"));
        let write = |image: Image, name: &str| image.write(&sandbox.root().join(name));
        let new = write(
            base()
                .layer(Layer::text("nginx", "1.15\n"))
                .created("2019-03-26T23:14:53Z"),
            "new",
        );
        let old = write(
            base()
                .layer(Layer::text("nginx", "1.14\n"))
                .created("2018-11-06T16:11:33Z"),
            "old",
        );
        let hello = Image::new()
            .layer(Layer::text("hello", "hi\n"))
            .created("2021-09-23T23:47:57Z");
        let hello = write(hello, "hello");
        let host = registry.host();
        for (name, tag, image) in [
            ("team/nginx", "latest", &new),
            ("team/nginx", "1.14", &old),
            ("hello", "latest", &hello),
        ] {
            registry.push(name, tag, image);
            sandbox.rdock(&["pull", "-q", &format!("{host}/{name}:{tag}")]).ok();
        }
        Self {
            sandbox,
            host,
            new,
            old,
            hello,
        }
    }

    /// Runs rdock with `HOST` in its arguments filled in.
    pub(crate) fn rdock(&self, arguments: &[&str]) -> Run {
        let arguments: Vec<String> = arguments.iter().map(|it| it.replace("HOST", &self.host)).collect();
        self.sandbox
            .rdock(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// `REPOSITORY:TAG ID` of each row, with `HOST` for the host.
    #[track_caller]
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<String> {
        let run = self.rdock(&[&["images"][..], arguments].concat()).ok();
        let row = |line: &str| {
            let cells: Vec<&str> = line
                .split("   ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect();
            format!("{}:{} {}", cells[0], cells[1], cells[2]).replace(&self.host, "HOST")
        };
        run.stdout.lines().skip(1).map(row).collect()
    }

    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], stderr: &str) {
        let run = self.rdock(arguments).fails(1);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("", format!("{stderr}\n").as_str()),
            "{run}"
        );
    }

    /// Removes, and compares the lines with `HOST` in them.
    #[track_caller]
    pub(crate) fn removes(&self, arguments: &[&str], lines: &[String]) {
        let run = self.rdock(&[&["rmi"][..], arguments].concat()).ok();
        let said: Vec<String> = run
            .stdout
            .lines()
            .map(|line| line.replace(&self.host, "HOST"))
            .collect();
        assert_eq!((said.as_slice(), run.stderr.as_str()), (lines, ""), "{run}");
    }
}

pub(crate) fn short(image: &Built) -> &str {
    &image.config_digest["sha256:".len()..][..12]
}

/// `Untagged:` lines for the names, then `Deleted:` for the image and so many of its upper layers.
pub(crate) fn gone(names: &[&str], image: Option<&Built>, layers: usize) -> Vec<String> {
    let untagged = names.iter().map(|name| format!("Untagged: {name}"));
    let deleted = image.into_iter().flat_map(|image| {
        let chain = chain_ids(&image.diff_ids);
        let upper: Vec<String> = chain.into_iter().rev().take(layers).collect();
        std::iter::once(image.config_digest.clone()).chain(upper)
    });
    untagged.chain(deleted.map(|id| format!("Deleted: {id}"))).collect()
}

/// <https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid>
fn chain_ids(diff_ids: &[String]) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            None => diff_id.clone(),
            Some(below) => super::layer::digest(format!("{below} {diff_id}").as_bytes()),
        });
    }
    chain
}
