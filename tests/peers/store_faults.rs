//! The store on a bad day: a full disk, broken files, missing blobs, somebody else's folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::disk::Disk;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::process::{Run, finish};

impl Line {
    /// Runs all kinds of commands on the store, none of which gets through.
    #[track_caller]
    fn all_fail(&self) -> [Run; 5] {
        let name = self.tagged();
        let commands = [
            &["images"][..],
            &["pull", &name],
            &["tag", &name, "x"],
            &["rmi", &name],
            &["push", &name],
        ];
        commands.map(|arguments| self.sandbox.rdock(arguments).fails(1))
    }

    fn digests(&self) -> Vec<String> {
        let layers = self.image.layers.iter().map(|blob| blob.digest.clone());
        layers
            .chain([self.image.config_digest.clone(), self.image.digest.clone()])
            .collect()
    }
}

#[test]
fn a_full_disk_is_said_with_its_folder_and_the_pull_resumes_when_there_is_room() {
    let mut line = Line::new(
        &Image::new()
            .layer(Layer::seeded(3, 1, 6 << 20))
            .layer(Layer::text("a", "b")),
    );
    let disk = Disk::mount(&line.sandbox.root().join("disk"), "5m");
    let (store, ballast) = (disk.path().join("store"), disk.path().join("ballast"));
    line.sandbox.set_env("RDOCK_HOME", &store);
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let run = line.pull().fails(1);
    assert!(run.stderr.contains("No space left on device"), "{run}");
    let hint = format!(
        "hint: the disk that holds {} is full: rdock system prune --partial frees ",
        store.display()
    );
    assert!(run.stderr.contains(&hint), "{run}");
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");

    let first = line.recorder.body_bytes_down();
    assert!(first > 2 << 20, "{first} bytes came");
    fs::remove_file(&ballast).unwrap();
    let mut remount = Command::new("mount");
    remount.args(["-o", "remount,size=32m"]).arg(disk.path());
    finish(remount, b"").ok();
    line.recorder.clear();
    line.pull().ok();
    let layer = line
        .recorder
        .wait_for(|request| request.is("GET", &line.image.layers[0].digest));
    assert!(layer.header("range").is_some(), "{layer:?}");
    assert!(
        layer.sent < line.image.layers[0].size - (2 << 20),
        "{} bytes were fetched again",
        layer.sent
    );
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
}

#[test]
fn a_broken_index_is_named_and_left_alone() {
    let line = Line::small();
    line.pull().ok();
    let index = line.sandbox.store().join("index.json");
    for text in [
        "",
        "{",
        "[]",
        "{\"schemaVersion\":1,\"manifests\":[]}",
        "{\"schemaVersion\":2,\"manifests\":{}}",
    ] {
        fs::write(&index, text).unwrap();
        for run in line.all_fail() {
            let hint = format!(
                "\nhint: {} was left as it is: mend it, or move it out of the way\n",
                index.display()
            );
            assert!(
                run.stderr.starts_with(index.to_str().unwrap()) && run.stderr.ends_with(&hint),
                "{run}"
            );
            assert_eq!(fs::read_to_string(&index).unwrap(), text);
        }
    }
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    let run = line.sandbox.rdock(&["images"]).fails(1);
    assert!(run.stderr.contains(index.to_str().unwrap()), "{run}");
    fs::remove_dir(&index).unwrap();
    // Out of the way: the blobs are still there, and a pull names them anew without fetching a layer.
    line.recorder.clear();
    line.pull().ok();
    assert_eq!(line.recorder.count(|request| request.is("GET", "/blobs/")), 0);
    line.assert_whole();
}

#[test]
fn a_folder_with_other_files_is_no_store() {
    let line = Line::small();
    let thesis = line.sandbox.store().join("thesis.tex");
    fs::write(&thesis, "x").unwrap();
    for run in line.all_fail() {
        let said = format!(
            "{} is not an image store: it holds other files",
            line.sandbox.store().display()
        );
        assert!(run.stderr.contains(&said), "{run}");
    }
    assert_eq!(fs::read_dir(line.sandbox.store()).unwrap().count(), 1);
}

#[test]
fn without_rdock_home_the_store_is_in_the_user_s_data_folder() {
    let mut line = Line::small();
    line.sandbox.set_env("RDOCK_HOME", "");
    line.pull().ok();
    let store = line.sandbox.home().join(".local/share/rdock");
    assert!(store.join("index.json").is_file());
    assert_eq!(fs::metadata(&store).unwrap().permissions().mode() & 0o777, 0o700);
    line.sandbox
        .set_env("XDG_DATA_HOME", line.sandbox.root().join("data").into_os_string());
    line.pull().ok();
    assert!(line.sandbox.root().join("data/rdock/index.json").is_file());
}

#[test]
fn a_pull_repairs_a_blob_that_is_gone_or_too_short() {
    let line = Line::small();
    line.pull().ok();
    for digest in line.digests() {
        for damage in ["gone", "short", "empty"] {
            let path = line.sandbox.blob(&digest);
            let size = fs::metadata(&path).unwrap().len();
            match damage {
                "gone" => fs::remove_file(&path).unwrap(),
                "short" => fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_len(size - 1)
                    .unwrap(),
                _ => fs::write(&path, "").unwrap(),
            }
            line.recorder.clear();
            let run = line.pull();
            assert_eq!(run.code, 0, "{damage} {digest}: {run}");
            line.assert_whole();
            let fetched = line.recorder.count(|request| request.is("GET", &digest));
            let is_manifest = digest == line.image.digest;
            assert_eq!(fetched, usize::from(!is_manifest), "{damage} {digest}: {run}");
        }
    }
    line.recorder.clear();
    let again = line.pull().ok();
    assert!(again.stdout.contains("Image is up to date"), "{again}");
    assert_eq!(line.recorder.count(|_| true), 1, "one HEAD and nothing else");
}

#[test]
fn images_and_push_name_the_blob_that_is_damaged() {
    let line = Line::small();
    line.pull().ok();
    let target = format!("{}/elsewhere:1", line.recorder.host());
    line.sandbox.rdock(&["tag", &line.tagged(), &target]).ok();
    let layer = &line.image.layers[0].digest;
    let path = line.sandbox.blob(layer);
    let whole = fs::read(&path).unwrap();
    for (bytes, what) in [(None, "missing"), (Some(&whole[1..]), "damaged")] {
        match bytes {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        let _ = fs::remove_file(line.sandbox.store().join("sizes"));
        let _ = fs::remove_file(line.sandbox.store().join("locations"));
        let images = line.sandbox.rdock(&["images"]).ok();
        assert!(
            images.stderr.contains(layer) && images.stderr.contains(what),
            "{images}"
        );
        let row = images.stdout.lines().nth(1).unwrap();
        assert!(row.ends_with("   N/A"), "{images}");
        let push = line.sandbox.rdock(&["push", &target]).fails(1);
        assert!(push.stderr.contains(layer) && push.stderr.contains(what), "{push}");
    }
    fs::remove_file(line.sandbox.blob(&line.image.digest)).unwrap();
    let images = line.sandbox.rdock(&["images"]).ok();
    assert!(images.stderr.contains(&line.image.digest), "{images}");
    // Even so its names can be removed.
    line.sandbox.rdock(&["rmi", &line.tagged(), &target]).ok();
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");
}

/// Writes until not one byte more fits.
fn fill(disk: &Disk) {
    let mut ballast = fs::File::create(disk.path().join("ballast")).unwrap();
    let mut piece = vec![1; 1 << 20];
    while !piece.is_empty() {
        if ballast.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}

#[test]
fn a_full_disk_lets_images_be_removed() {
    for arguments in [&["rmi", "app"][..], &["image", "prune", "--all", "--force"]] {
        let mut line = Line::new(&Image::new().layer(Layer::seeded(3, 1, 1 << 20)));
        let disk = Disk::mount(&line.sandbox.root().join("disk"), "8m");
        line.sandbox.set_env("RDOCK_HOME", disk.path().join("store"));
        line.pull().ok();
        line.sandbox.rdock(&["tag", &line.tagged(), "app"]).ok();
        line.sandbox.rdock(&["rmi", &line.tagged()]).ok();
        fill(&disk);
        line.sandbox.rdock(arguments).ok();
        assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");
        let layer = line.image.layers[0].digest.replace(':', "/");
        assert!(!disk.path().join("store/blobs").join(layer).exists());
    }
}

#[test]
fn a_full_disk_lets_images_be_removed_beside_another_job() {
    for arguments in [&["rmi", "app"][..], &["image", "prune", "--all", "--force"]] {
        let mut line = Line::new(&Image::new().layer(Layer::seeded(3, 1, 1 << 20)));
        let disk = Disk::mount(&line.sandbox.root().join("disk"), "8m");
        let store = disk.path().join("store");
        line.sandbox.set_env("RDOCK_HOME", &store);
        line.pull().ok();
        line.sandbox.rdock(&["tag", &line.tagged(), "app"]).ok();
        line.sandbox.rdock(&["rmi", &line.tagged()]).ok();
        let partial = store.join(format!("ingest/sha256-{}", "0".repeat(64)));
        fs::write(&partial, vec![1; 4 << 10]).unwrap();
        let job = fs::File::open(store.join("lock")).unwrap();
        job.lock_shared().unwrap();
        fill(&disk);
        line.sandbox.rdock(arguments).ok();
        assert!(!partial.exists());
        assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout, "");
        let layer = store.join("blobs").join(line.image.layers[0].digest.replace(':', "/"));
        assert!(layer.exists(), "the job may need it");
        drop(job);
        line.sandbox.rdock(&["image", "prune", "--force"]).ok();
        assert!(!layer.exists());
    }
}

#[test]
fn what_interrupted_transfers_left_can_be_freed_alone() {
    let line = Line::small();
    line.pull().ok();
    let partial = line.sandbox.store().join(format!("ingest/sha256-{}", "0".repeat(64)));
    fs::write(&partial, vec![1; 2500]).unwrap();
    let prune = ["system", "prune", "--partial", "--force"];
    let run = line.sandbox.rdock(&prune).ok();
    assert_eq!(run.stdout, "Total reclaimed space: 2.5kB\n");
    assert!(!partial.exists());
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
}

#[test]
fn a_store_that_may_only_be_read_is_listed_and_not_written() {
    let mut line = Line::small();
    line.pull().ok();
    let disk = Disk::mount(&line.sandbox.root().join("disk"), "8m");
    let copy = disk.path().join("store");
    let mut cp = Command::new("cp");
    cp.arg("-a").arg(line.sandbox.store()).arg(&copy);
    finish(cp, b"").ok();
    let mut remount = Command::new("mount");
    remount.args(["-o", "remount,ro"]).arg(disk.path());
    finish(remount, b"").ok();
    line.sandbox.set_env("RDOCK_HOME", &copy);
    let images = line.sandbox.rdock(&["images"]).ok();
    assert_eq!(
        (images.stdout.lines().count(), images.stderr.as_str()),
        (2, ""),
        "{images}"
    );
    assert!(line.pull().ok().stdout.contains("Image is up to date"));
    let name = line.tagged();
    for arguments in [&["tag", &name, "x"][..], &["rmi", &name]] {
        let run = line.sandbox.rdock(arguments).fails(1);
        assert!(
            run.stderr.contains("Read-only file system") && run.stderr.contains(copy.to_str().unwrap()),
            "{run}"
        );
    }
    let push = line.sandbox.rdock(&["push", &name]).ok();
    assert!(
        push.stderr.starts_with("WARNING: the store could not note the push: "),
        "{push}"
    );
}
