//! A load, a save and a push on a disk that is full.

use std::fs;
use std::path::Path;

use crate::support::archive_maker::{ArchiveMaker, image, state_of};
use crate::support::disk::Disk;
use crate::support::image::Image;
use crate::support::layer::{Layer, noise};
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

#[test]
fn a_full_disk_is_said_and_nothing_is_left_of_the_load_or_the_save() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("big:1", &Image::new().layer(Layer::seeded(63, 2, 3 << 20)));
    let archive = maker.save("big.tar", &["big:1"]);
    let at = maker.path("disk");
    let disk = Disk::mount(&at, "5m");
    let far = Sandbox::new().env("RDOCK_HOME", at.join("store"));
    far.rdock_stdin(&["load", "-q"], ArchiveMaker::new_archive(&image(64)))
        .ok();
    let before = state_of(&at.join("store"));
    for arguments in [
        &["load", "-i", &archive][..],
        &["load", "-i", built.folder.to_str().unwrap()],
    ] {
        let run = far.rdock(arguments).fails(1);
        assert!(
            run.stderr.contains("No space left on device") || run.stderr.contains("no storage space"),
            "{run}"
        );
        let hint = format!("\nhint: the disk that holds {} is full", at.join("store").display());
        assert!(run.stderr.contains(&hint), "{run}");
        assert_eq!(far.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
        if arguments[2] != archive {
            // What came out of a folder is kept for the next try, as in a pull.
            continue;
        }
        let blobs = |state: &[String]| {
            state
                .iter()
                .filter(|path| path.contains("/blobs/"))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(blobs(&state_of(&at.join("store")))[..], blobs(&before)[..]);
    }
    let target = at.join("out.tar");
    let run = maker
        .sandbox
        .rdock(&["save", "-o", target.to_str().unwrap(), "big:1"])
        .fails(1);
    assert!(
        run.stderr
            .contains(&format!("writing {}: No space left on device", target.display())),
        "{run}"
    );
    let hint = |folder: &Path| {
        format!(
            "\nhint: the disk that holds {} is full: make room on it",
            folder.display()
        )
    };
    assert!(run.stderr.contains(&hint(&at)), "{run}");
    let layout = at.join("layout");
    let to = format!("oci:{}", layout.display());
    let run = maker.sandbox.rdock(&["copy", "rdock-store:big:1", &to]).fails(1);
    assert!(run.stderr.contains(&hint(&layout)), "{run}");
    fs::remove_dir_all(layout).unwrap();
    let left: Vec<_> = fs::read_dir(disk.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left, ["store"]);
}

#[test]
fn a_full_disk_under_serve_is_an_answer_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let disk = Disk::mount(&sandbox.root().join("small"), "3m");
    let serve = Serve::over(&disk.path().join("root"), &[]);
    let kept = Image::new().layer(Layer::text("own", "kept"));
    let image = kept.write(&sandbox.root().join("kept"));
    serve.push("app", "1", &image);
    let bytes = noise(6, 6_000_000);
    let start = serve.ask("POST", "/v2/app/blobs/uploads/", &[]).is(202);
    let place = start.header("location").unwrap();
    let refused = serve.send("PATCH", place, &bytes, &[]);
    assert!(refused.text().contains("disk is full"), "{}", refused.text());
    refused.refuses(507, "UNKNOWN");
    // The session stands where it was acknowledged or later, and lets go of the room when told.
    serve.get(place).is(204);
    serve.ask("DELETE", place, &[]).is(204);
    serve.put_blob("app", &bytes[..1_000_000]);
    sandbox.rdock(&["pull", &format!("{}/app:1", serve.host())]).ok();
}
