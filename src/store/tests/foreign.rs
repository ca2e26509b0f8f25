//! Stores that came from somebody else, with links and pipes where files and folders should be.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, FileType, mknodat};

use super::*;
use crate::error::Clue;

/// Where a name of the store leads to that is none of its business, with a file of the user's in it.
struct Victim {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Victim {
    fn new(at: &Path) -> Self {
        let folder = at.join("victim");
        fs::create_dir(&folder).unwrap();
        let old = SystemTime::now() - Duration::from_hours(400 * 24);
        let names = ["thesis.tex".to_owned(), Digest::of(b"x").hex().to_owned()];
        let files = names.map(|name| folder.join(name)).to_vec();
        for file in &files {
            fs::write(file, "precious\n").unwrap();
            File::options()
                .write(true)
                .open(file)
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
        Self { folder, files }
    }

    fn is_whole(&self) -> bool {
        let is_right = |file: &PathBuf| fs::read(file).is_ok_and(|text| text == b"precious\n");
        self.files.iter().all(is_right) && fs::read_dir(&self.folder).unwrap().count() == self.files.len()
    }
}

/// All that jobs do with a store, whatever becomes of it.
fn use_all(store: &Store) -> Vec<Result<()>> {
    let blob = [Digest::of(b"x")];
    vec![
        store.begin().map(drop),
        store.begin_afresh().map(drop),
        store
            .begin_fetching()
            .map(|writer| drop(wait(writer.receive(&descriptor(b"y"), &source_of(b"y"))))),
        store.sweep().old(Duration::ZERO).map(drop),
        store.sweep().prune(|_| true, Duration::ZERO).map(drop),
        store.sweep().remove(&["app"], Force::Yes).map(drop),
        store.images().all().map(drop),
        store.names().list(&[], &[]).map(drop),
        store.check(Repair::Yes).map(drop),
        store
            .uploads()
            .begin("a", crate::image::digest::Algorithm::Sha256)
            .map(drop),
        store.notes().remember_location("host", "path", &blob),
    ]
}

#[test]
fn a_folder_that_is_a_link_is_refused_and_nothing_behind_it_is_touched() {
    for name in ["ingest", "blobs", "blobs/sha256"] {
        let (folder, store) = new_store();
        store.begin().unwrap();
        let victim = Victim::new(folder.path());
        fs::remove_dir_all(store.root().join(name)).unwrap();
        symlink(&victim.folder, store.root().join(name)).unwrap();
        let store = Store::at(store.root().into());
        for (n, done) in use_all(&store).into_iter().enumerate() {
            let error = done.expect_err(&format!("{name} {n}"));
            assert!(
                matches!(error.clue(), Some(Clue::ForeignStore { .. })),
                "{name} {n}: {error}"
            );
        }
        assert!(victim.is_whole(), "{name}");
    }
}

#[test]
fn a_file_that_is_a_link_is_neither_read_nor_written() {
    let names = [
        "lock",
        "index.lock",
        "sizes",
        "summaries",
        "locations",
        "body-limits",
        "unsynced",
        "index.json",
    ];
    for name in names {
        let (folder, store) = new_store();
        let image = add_image(&store, &["layer"], 2019);
        store.names().set(&self::name("app"), &image).unwrap();
        let victim = Victim::new(folder.path());
        let _ = fs::remove_file(store.root().join(name));
        symlink(&victim.files[0], store.root().join(name)).unwrap();
        let store = Store::at(store.root().into());
        let _ = store
            .images()
            .all()
            .map(|images| store.images().sizes(&images.iter().collect::<Vec<_>>()));
        store.notes().body_limit("host").keep(5);
        use_all(&store);
        assert!(victim.is_whole(), "{name}");
    }
}

#[test]
fn pipes_in_a_store_are_not_waited_for() {
    let names = [
        "oci-layout",
        "index.json",
        "lock",
        "index.lock",
        "sizes",
        "summaries",
        "locations",
        "unsynced",
    ];
    for name in names {
        let (_folder, store) = new_store();
        let image = add_image(&store, &["layer"], 2019);
        store.names().set(&self::name("app"), &image).unwrap();
        let path = store.root().join(name);
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
        use_all(&Store::at(store.root().into()));
    }
    let (_folder, store) = new_store();
    let blob = add_blob(&store.begin().unwrap(), b"layer");
    let path = store.layout.paths().blob(&blob.digest);
    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(!store.blobs().has(&blob.digest));
    assert_eq!(store.blobs().open(&blob.digest).unwrap_err().kind(), Kind::Corrupt);
    assert!(wait(store.open(&blob, 0)).is_err());
}

#[test]
fn a_store_that_everybody_may_write_to_is_refused() {
    let (_folder, store) = new_store();
    store.begin().unwrap();
    fs::set_permissions(store.root(), Permissions::from_mode(0o777)).unwrap();
    let error = store.images().all().unwrap_err();
    assert!(matches!(error.clue(), Some(Clue::ForeignStore { .. })), "{error}");
    assert!(store.begin().is_err());
    fs::set_permissions(store.root(), Permissions::from_mode(0o755)).unwrap();
    assert!(store.images().all().unwrap().is_empty());
}

#[test]
fn only_names_of_rdock_s_own_making_are_removed() {
    let (_folder, store) = new_store();
    store.begin().unwrap();
    let digest = Digest::of(b"x");
    let own = ["upload-a-1", "push-0a", "tmp-Ab12", &format!("sha256-{}", digest.hex())].map(str::to_owned);
    let others = [
        "notes.txt",
        "sha256-12",
        "upload-",
        "tmp-../x".trim_end_matches("../x"),
        ".keep",
        "job-1",
    ];
    let ingest = store.layout.paths().ingest();
    for name in own.iter().map(String::as_str).chain(others) {
        fs::write(ingest.join(name), "x").unwrap();
    }
    let strange = store.layout.paths().blobs().join("sha256/README");
    fs::write(&strange, "x").unwrap();
    assert_eq!(store.sweep().old(Duration::ZERO).unwrap(), Some(own.len() as u64));
    let mut left: Vec<String> = fs::read_dir(ingest)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = others.to_vec();
    expected.sort_unstable();
    assert_eq!(left, expected);
    assert!(strange.exists());
}
