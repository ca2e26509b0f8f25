//! Delta archives: what the far side has stays at home, and what is missing there is named.

use std::fs;

use crate::support::archive_maker::{ArchiveMaker, state_of};
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::sandbox::Sandbox;

fn base() -> Image {
    Image::new().layer(Layer::seeded(51, 2, 90_000))
}

#[test]
fn a_delta_archive_leaves_out_what_the_far_side_has_and_load_puts_both_together() {
    let maker = ArchiveMaker::new();
    let old = maker.stock("app:1", &base().layer(Layer::text("v", "1")));
    let new = maker.stock(
        "app:2",
        &base().layer(Layer::text("v", "2")).layer(Layer::seeded(52, 1, 30_000)),
    );
    let full = maker.save("full.tar", &["app:1"]);
    let whole = maker.save("whole.tar", &["app:2"]);
    let far = Sandbox::new();
    far.rdock(&["load", "-i", &full]).ok();
    let has = maker.path("has.txt");
    fs::write(&has, far.rdock(&["load", "--have"]).ok().stdout).unwrap();
    // Names a registry's digest, as an image does that was pulled there.
    let listed = maker.path("images.txt");
    fs::write(&listed, far.rdock(&["images", "--digests", "--no-trunc"]).ok().stdout).unwrap();

    for flags in [
        ["--since", &full],
        ["--have", has.to_str().unwrap()],
        ["--have", listed.to_str().unwrap()],
    ] {
        let delta = maker.path("delta.tar");
        let path = delta.to_str().unwrap();
        let run = maker
            .sandbox
            .rdock(&["save", flags[0], flags[1], "-o", path, "app:2"])
            .ok();
        assert_eq!(run.stdout, "");
        assert!(
            run.stderr.starts_with("Left out 1 layer (") && run.stderr.ends_with(") that the far side has\n"),
            "{run}"
        );
        let (less, all) = (fs::metadata(&delta).unwrap().len(), fs::metadata(&whole).unwrap().len());
        assert!(less + 150_000 < all, "{less} of {all}");

        let fresh = Sandbox::new();
        fresh.rdock(&["load", "-q", "-i", &full]).ok();
        let loaded = fresh.rdock(&["load", "-i", path]).ok();
        assert_eq!(
            (loaded.stdout.as_str(), loaded.stderr.as_str()),
            ("Loaded image: app:2\n", "")
        );
        assert_eq!(fresh.rdock(&["save", "app:2"]).ok().bytes, fs::read(&whole).unwrap());

        // Where the base is not, nothing changes, and what is missing is named.
        let empty = Sandbox::new();
        empty.rdock(&["load", "-q", "-i", old.folder.to_str().unwrap()]).ok();
        empty.rdock(&["rmi", &old.config_digest]).ok();
        let before = state_of(&empty.store());
        let run = empty.rdock(&["load", "-i", path]).fails(1);
        let layer = &new.layers[0];
        assert_eq!(
            run.stderr,
            format!(
                "app:2 needs 1 blob ({}) that neither the archive nor the store has: {}\n\
                 hint: nothing was loaded: load the archive that this one was saved against first, or save the image \
                 whole, without --since and --have\n",
                size(layer.size),
                layer.digest
            )
        );
        assert_eq!(state_of(&empty.store()), before);
    }
}

/// As docker writes kilobytes.
fn size(bytes: u64) -> String {
    format!("{}kB", bytes / 1000)
}

#[test]
fn a_delta_of_a_delta_counts_on_all_that_the_first_one_counted_on() {
    let maker = ArchiveMaker::new();
    maker.stock("app:1", &base());
    maker.stock("app:2", &base().layer(Layer::text("v", "2")));
    maker.stock(
        "app:3",
        &base().layer(Layer::text("v", "2")).layer(Layer::text("v", "3")),
    );
    let first = maker.save("1.tar", &["app:1"]);
    let second = maker.save("2.tar", &["--since", &first, "app:2"]);
    let third = maker.save("3.tar", &["--since", &second, "app:3"]);
    assert!(fs::metadata(&third).unwrap().len() < 20_000);
    let far = Sandbox::new();
    for (number, archive) in [first, second, third].iter().enumerate() {
        let loaded = far.rdock(&["load", "-i", archive]).ok();
        assert_eq!(loaded.stdout, format!("Loaded image: app:{}\n", number + 1));
    }
    let run = maker
        .sandbox
        .rdock(&["save", "--since", "nosuch.tar", "app:1", "-o", "x"])
        .fails(1);
    assert_eq!(
        run.stderr,
        "reading nosuch.tar: No such file or directory (os error 2)\n"
    );
    let nothing = maker.path("nothing");
    fs::write(&nothing, "no digest here\n").unwrap();
    let run = maker
        .sandbox
        .rdock(&["save", "--have", nothing.to_str().unwrap(), "app:1", "-o", "x"])
        .fails(1);
    assert!(
        run.stderr
            .contains("lists no digests: let the far side write it with \"rdock load --have\""),
        "{run}"
    );
    assert!(!maker.sandbox.home().join("x").exists());
}
