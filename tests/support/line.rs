//! One image at a registry, behind a recorder that sees and spoils what goes over the line.

use super::image::{Built, Image};
use super::process::Run;
use super::recorder::Recorder;
use super::registry::Registry;
use super::sandbox::Sandbox;

/// The image is `team/app:latest` of an open registry on loopback.
pub(crate) struct Line {
    pub(crate) sandbox: Sandbox,
    pub(crate) image: Built,
    pub(crate) recorder: Recorder,
    pub(crate) registry: Registry,
}

impl Line {
    pub(crate) fn new(image: &Image) -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        let image = image.write(&sandbox.root().join("image"));
        registry.push("team/app", "latest", &image);
        let recorder = Recorder::front(&registry.host());
        Self {
            sandbox,
            image,
            recorder,
            registry,
        }
    }

    /// A line with a small image.
    pub(crate) fn small() -> Self {
        Self::new(&Image::small())
    }

    /// The image's name by way of the recorder.
    pub(crate) fn name(&self) -> String {
        format!("{}/team/app", self.recorder.host())
    }

    /// The same with its tag.
    pub(crate) fn tagged(&self) -> String {
        format!("{}:latest", self.name())
    }

    #[track_caller]
    pub(crate) fn pull(&self) -> Run {
        self.sandbox.rdock(&["pull", &self.name()])
    }

    /// The store has all of the image, unharmed.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        self.sandbox.assert_holds(&self.image);
    }

    /// Pulls the image and pushes it under another name of the same registry, where the registry has none of it.
    #[track_caller]
    pub(crate) fn push(&self) -> Run {
        self.push_with(&[])
    }

    pub(crate) fn push_with(&self, options: &[&str]) -> Run {
        let elsewhere = format!("{}/team/app", self.registry.host());
        self.sandbox.rdock(&["pull", &elsewhere]).ok();
        let copy = format!("{}/team/copy", self.recorder.host());
        self.sandbox.rdock(&["tag", &elsewhere, &copy]).ok();
        self.sandbox.rdock(&[&["push", &copy], options].concat())
    }
}
