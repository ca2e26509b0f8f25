//! A load that is killed, or that fills the disk, leaves nothing half-visible; so does a save.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::archive_maker::{ArchiveMaker, image, state_of};
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::process::finish;
use crate::support::runtime::wait_for;
use crate::support::sandbox::{Sandbox, bytes_below};

#[test]
fn a_load_that_is_killed_leaves_nothing_that_can_be_seen_and_the_next_one_clears_up() {
    let maker = ArchiveMaker::new();
    maker.stock("big:1", &Image::new().layer(Layer::seeded(61, 1, 3 << 20)));
    let archive = fs::read(maker.save("big.tar", &["big:1"])).unwrap();
    let far = Sandbox::new();
    far.rdock_stdin(&["load", "-q"], ArchiveMaker::new_archive(&image(62)))
        .ok();
    let before = state_of(&far.store());
    for signal in ["KILL", "TERM", "INT"] {
        let mut command = far.command(&["load"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&archive[..archive.len() - (1 << 20)]).unwrap();
        // It waits for the rest with most of the layer on the disk.
        wait_for("the layer to arrive", || {
            (bytes_below(&far.store().join("ingest")) > 1 << 20).then_some(())
        });
        let pid = child.id().to_string();
        finish(sh(&["kill", "-s", signal, &pid]), b"").ok();
        child.wait().unwrap();
        assert_eq!(far.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
        if signal != "KILL" {
            assert_eq!(state_of(&far.store()), before, "{signal}");
        }
        drop(pipe);
        let junk = far.rdock_stdin(&["load"], "junk").fails(1);
        assert!(junk.stderr.contains("unexpected EOF"));
        assert_eq!(state_of(&far.store()), before, "{signal}");
    }
    let loaded = far.rdock_stdin(&["load"], &archive).ok();
    assert_eq!(loaded.stdout, "Loaded image: big:1\n");
}

fn sh(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}
