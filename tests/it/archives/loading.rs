//! `load`: docker's words, every packing, from files, pipes and folders.

use std::fs;

use crate::support::archive_maker::{ArchiveMaker, image};
use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

#[test]
fn every_packing_is_read_from_a_file_and_from_a_pipe() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("app:1", &image(5));
    let archive = maker.save("a.tar", &["app:1"]);
    for program in ["cat", "gzip", "zstd", "xz", "bzip2"] {
        let far = Sandbox::new();
        let script = format!("{program} {} < {archive}", if program == "cat" { "" } else { "-c" });
        let packed = maker.sandbox.run("sh", &["-c", &script]).ok().bytes;
        let file = maker.path("packed");
        fs::write(&file, &packed).unwrap();
        for run in [
            far.rdock_stdin(&["load"], &packed),
            far.rdock(&["image", "load", "-q", "-i", file.to_str().unwrap()]),
        ] {
            let run = run.ok();
            assert_eq!(
                (run.stdout.as_str(), run.stderr.as_str()),
                ("Loaded image: app:1\n", ""),
                "{program}"
            );
        }
        let id = far.rdock(&["images", "-q", "--no-trunc", "app:1"]).ok();
        assert_eq!(id.stdout.trim(), built.config_digest);
    }
}

#[test]
fn an_archive_in_any_order_and_unpacked_into_a_folder_is_the_same_archive() {
    let maker = ArchiveMaker::new();
    maker.stock("app:1", &image(10));
    let archive = maker.save("a.tar", &["app:1"]);
    let whole = fs::read(&archive).unwrap();
    let folder = maker.path("unpacked");
    fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    maker.sandbox.run("tar", &["xf", &archive, "-C", folder]).ok();
    let backwards = format!("cd {folder}; find . -type f | sort -r | tar cf - -T -");
    let docker_only = format!("cd {folder}; tar cf - --exclude=index.json --exclude=oci-layout ./blobs manifest.json");
    for script in [
        format!("tar cf - -C {folder} ."),
        backwards,
        format!("tar c --format=pax -C {folder} ."),
    ] {
        let packed = maker.sandbox.run("sh", &["-c", &script]).ok().bytes;
        let far = Sandbox::new();
        let loaded = far.rdock_stdin(&["load"], &packed).ok();
        assert_eq!(loaded.stdout, "Loaded image: app:1\n", "{script}");
        assert_eq!(far.rdock(&["save", "app:1"]).ok().bytes, whole, "{script}");
    }
    let far = Sandbox::new();
    let loaded = far.rdock(&["load", "-i", folder]).ok();
    assert_eq!(loaded.stdout, "Loaded image: app:1\n");
    assert_eq!(far.rdock(&["save", "app:1"]).ok().bytes, whole);
    // Without the layout it is an archive of docker's; its layers are the same, its manifest is made.
    let packed = maker.sandbox.run("sh", &["-c", &docker_only]).ok().bytes;
    let other = Sandbox::new();
    other.rdock_stdin(&["load"], &packed).ok();
    let ids = |sandbox: &Sandbox| sandbox.rdock(&["images", "-q", "--no-trunc"]).ok().stdout;
    assert_eq!(ids(&other), ids(&far));
    assert_ne!(other.rdock(&["save", "app:1"]).ok().bytes, whole);
}

#[test]
fn load_says_what_docker_says() {
    let maker = ArchiveMaker::new();
    let (sandbox, old) = (&maker.sandbox, maker.stock("nginx:latest", &image(6)));
    let archive = maker.save("old.tar", &["nginx:latest"]);
    let by_id = maker.save("id.tar", &[&old.config_digest]);
    maker.stock("nginx:latest", &image(7));
    let new = sandbox
        .rdock(&["images", "-q", "--no-trunc", "nginx"])
        .ok()
        .stdout
        .trim()
        .to_owned();
    assert_ne!(new, old.config_digest);
    let moved = format!(
        "The image nginx:latest already exists, renaming the old one with ID {new} to empty string\n\
         Loaded image: nginx:latest\n"
    );
    assert_eq!(sandbox.rdock(&["load", "-i", &archive]).ok().stdout, moved);
    assert_eq!(
        sandbox.rdock(&["load", "-i", &archive]).ok().stdout,
        "Loaded image: nginx:latest\n"
    );
    let far = Sandbox::new();
    let id = format!("Loaded image ID: {}\n", old.config_digest);
    assert_eq!(far.rdock(&["load", "-i", &by_id]).ok().stdout, id);
    assert_eq!(
        far.rdock(&["images", "-q", "--no-trunc"]).ok().stdout.trim(),
        old.config_digest
    );

    let says = |run: Run, words: &str| {
        let run = run.fails(1);
        assert_eq!(run.stdout, "");
        assert_eq!(run.stderr.lines().next().unwrap(), words, "{run}");
    };
    says(
        sandbox.rdock(&["load", "-i", "nosuch.tar"]),
        "open nosuch.tar: no such file or directory",
    );
    let junk = "Error processing tar file(exit status 1): unexpected EOF";
    says(sandbox.rdock_stdin(&["load"], "junk\n"), junk);
    says(
        sandbox.rdock(&["load"]),
        "invalid archive: does not contain a manifest.json",
    );
    let header = "Error processing tar file(exit status 1): archive/tar: invalid tar header";
    says(sandbox.rdock_stdin(&["load"], vec![b'x'; 4096]), header);
    let wanted =
        "the archive holds an image for linux/amd64, but does not provide the specified platform (linux/s390x)";
    says(
        sandbox.rdock(&["load", "--platform", "linux/s390x", "-i", &archive]),
        wanted,
    );

    let mut terminal = Terminal::start(&sandbox.command(&["load"]), 80, 24);
    let ends = terminal.finish();
    let said = "requested load from stdin, but stdin is empty\r\n";
    assert_eq!((ends.code, String::from_utf8(ends.output).unwrap().as_str()), (1, said));
    let big = maker.stock("big:1", &Image::new().layer(Layer::seeded(8, 1, 300_000)));
    let big_archive = maker.save("big.tar", &["big:1"]);
    let far = Sandbox::new();
    let mut terminal = Terminal::start(&far.command(&["load", "-i", &big_archive]), 120, 24);
    let ends = terminal.finish();
    let shown = String::from_utf8(ends.output).unwrap();
    let line = format!(
        "{}: Loading layer [==================================================>] ",
        &big.layers[0].digest["sha256:".len()..][..12]
    );
    assert!(
        ends.code == 0 && shown.contains(&line) && shown.ends_with("Loaded image: big:1\r\n"),
        "{shown:?}"
    );
}

#[test]
fn a_layout_folder_is_loaded_with_all_platforms_that_are_there_or_the_one_asked_for() {
    let maker = ArchiveMaker::new();
    let multi = Index::multi_platform().write(&maker.path("multi"));
    let folder = multi.folder.to_str().unwrap();
    let loaded = maker.sandbox.rdock(&["load", "-i", folder]).ok();
    assert_eq!(
        loaded.stdout,
        format!("Loaded image ID: {}\n", multi.children[0].config_digest)
    );
    maker
        .sandbox
        .rdock(&["tag", &multi.children[0].config_digest, "multi:1"])
        .ok();
    let archive = maker.save("multi.tar", &["multi:1"]);
    let one = maker.save("one.tar", &["--platform", "linux/arm64", "multi:1"]);

    let far = Sandbox::new();
    far.rdock(&["load", "-i", &archive]).ok();
    for blob in multi.children.iter().flat_map(|child| &child.layers) {
        assert!(
            far.store()
                .join(blob.digest.replace("sha256:", "blobs/sha256/"))
                .is_file()
        );
    }
    assert_eq!(far.rdock(&["save", "multi:1"]).ok().bytes, fs::read(&archive).unwrap());
    let chosen = Sandbox::new();
    chosen
        .rdock(&["load", "--platform", "linux/arm64", "-i", &archive])
        .ok();
    assert_eq!(chosen.rdock(&["save", "multi:1"]).ok().bytes, fs::read(&one).unwrap());
    let run = chosen
        .rdock(&["load", "--platform", "linux/s390x", "-i", &archive])
        .fails(1);
    assert!(
        run.stderr
            .starts_with("no matching manifest for linux/s390x in the manifest list entries\n"),
        "{run}"
    );

    // Of what buildx or docker left incomplete, the one that is whole.
    let arm = &multi.children[1];
    for child in [&multi.children[0], &multi.children[2]] {
        fs::remove_file(child.blob(&child.digest)).unwrap();
    }
    let partial = Sandbox::new();
    let loaded = partial.rdock(&["load", "-i", folder]).ok();
    assert_eq!(loaded.stdout, format!("Loaded image ID: {}\n", arm.config_digest));
}
