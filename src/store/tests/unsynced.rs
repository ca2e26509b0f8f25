//! What a power cut may do to blobs that were named before the disk had them, and what the next boot makes of it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::SystemTime;

use super::*;
use crate::store::unsynced::Recovery;

/// What a boot before this one would have noted instead.
const ANOTHER_BOOT: &str = "5d5b51ce-0000-4000-8000-000000000000";

fn note_of(store: &Store) -> PathBuf {
    store.root().join("unsynced")
}

fn noted(store: &Store) -> String {
    fs::read_to_string(note_of(store)).unwrap()
}

/// Brings blobs as a pull does; its machine then goes down.
fn fetched_in_another_boot(store: &Store, blobs: &[&[u8]]) -> Vec<Descriptor> {
    let writer = store.begin_fetching().unwrap();
    let blobs = blobs.iter().map(|bytes| add_blob(&writer, bytes)).collect();
    drop(writer);
    let text = noted(store);
    let (boot, _) = text.split_once(' ').unwrap();
    fs::write(note_of(store), text.replace(boot, ANOTHER_BOOT)).unwrap();
    blobs
}

/// What the next process sees: nothing is known to it.
fn again(store: &Store) -> Store {
    Store::at(store.root().to_owned())
}

fn found(store: &Store) -> Vec<Recovery> {
    let all = RefCell::new(Vec::new());
    store.recover(&|found| all.borrow_mut().push(found));
    all.into_inner()
}

#[test]
fn what_a_power_cut_has_damaged_is_dropped_and_the_rest_is_kept() {
    let (_folder, store) = new_store();
    let blobs = fetched_in_another_boot(&store, &[b"whole", b"cut off", b"zeroed", b"emptied", b"gone"]);
    let path = |n: usize| store.layout.paths().blob(&blobs[n].digest);
    fs::write(path(1), "cut").unwrap();
    fs::write(path(2), [0; 6]).unwrap();
    fs::write(path(3), "").unwrap();
    fs::remove_file(path(4)).unwrap();
    let next = again(&store);
    assert_eq!(found(&next), [Recovery::Dropped { blobs: 3 }]);
    let there: Vec<bool> = (0..5).map(|n| path(n).exists()).collect();
    assert_eq!(there, [true, false, false, false, false]);
    assert_eq!(noted(&store), "");
    assert_eq!(found(&again(&store)), []);
}

#[test]
fn a_damaged_blob_is_never_believed_whatever_is_asked_first() {
    type Ask = fn(&Store, &Descriptor) -> bool;
    let asks: [(&str, Ask); 6] = [
        ("has_blob", |store, blob| store.blobs().has(&blob.digest)),
        ("has_whole", |store, blob| store.blobs().has_whole(blob)),
        ("blob_size", |store, blob| store.blobs().size(&blob.digest).is_some()),
        ("blob_file", |store, blob| store.blobs().open(&blob.digest).is_ok()),
        ("open", |store, blob| wait(store.open(blob, 0)).is_ok()),
        ("touch", |store, blob| store.blobs().touch(&blob.digest).unwrap()),
    ];
    for (what, believes) in asks {
        let (_folder, store) = new_store();
        let blob = &fetched_in_another_boot(&store, &[b"zeroed"])[0];
        fs::write(store.layout.paths().blob(&blob.digest), [0; 6]).unwrap();
        assert!(!believes(&again(&store), blob), "{what}");
    }
    // A job that brings content fetches it once more.
    let (_folder, store) = new_store();
    let blob = &fetched_in_another_boot(&store, &[b"zeroed"])[0];
    fs::write(store.layout.paths().blob(&blob.digest), [0; 6]).unwrap();
    add_blob(&again(&store).begin().unwrap(), b"zeroed");
    assert_eq!(fs::read(store.layout.paths().blob(&blob.digest)).unwrap(), b"zeroed");
}

#[test]
fn a_damaged_manifest_is_dropped_though_its_image_was_summed_up() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["layer"], 2019);
    store.names().set(&name("app"), &image).unwrap();
    assert_eq!(store.images().all().unwrap().len(), 1);
    let path = store.layout.paths().blob(&image.digest);
    let (raw, written) = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    fs::write(&path, vec![0; raw.len()]).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(written)
        .unwrap();
    fs::write(note_of(&store), format!("{ANOTHER_BOOT} {}\n", image.digest)).unwrap();
    let images = again(&store).images().all().unwrap();
    assert!(images[0].fault.is_some());
    assert!(!path.exists());
}

#[test]
fn each_blob_is_noted_before_it_has_its_name() {
    let (_folder, store) = new_store();
    let writer = store.begin_fetching().unwrap();
    let blob = descriptor(b"layer");
    writer.expect([&blob.digest]);
    assert!(!store.blobs().has(&blob.digest));
    assert!(noted(&store).contains(blob.digest.as_str()));
    add_blob(&writer, b"layer");
    let manifest = add_manifest(&writer, &blob, &[]);
    let lines = noted(&store);
    let digests: Vec<&str> = lines.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(digests, [blob.digest.as_str(), manifest.digest.as_str()], "each once");
}

#[test]
fn a_note_of_what_never_came_harms_nothing() {
    let (_folder, store) = new_store();
    let blob = &fetched_in_another_boot(&store, &[b"here"])[0];
    let never = Digest::of(b"never");
    let torn = format!(
        "{}{ANOTHER_BOOT} {never}\n\0\0\0\n{ANOTHER_BOOT} sha256:12",
        noted(&store)
    );
    fs::write(note_of(&store), torn).unwrap();
    let next = again(&store);
    assert_eq!(found(&next), []);
    assert!(next.blobs().has_whole(blob));
    assert!(!next.blobs().has(&never));
    assert_eq!(noted(&store), "");
}

#[test]
fn what_this_boot_has_noted_is_not_read_again() {
    let (_folder, store) = new_store();
    let blob = add_blob(&store.begin_fetching().unwrap(), b"layer");
    let lines = noted(&store);
    fs::write(store.layout.paths().blob(&blob.digest), "other").unwrap();
    assert_eq!(found(&again(&store)), []);
    assert!(again(&store).blobs().has_whole(&blob));
    assert_eq!(noted(&store), lines);
}

#[test]
fn what_exists_nowhere_else_is_waited_for_and_not_noted() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["layer"], 2019);
    store.names().set(&name("app"), &image).unwrap();
    assert!(!note_of(&store).exists());
}

#[test]
fn an_old_note_is_worked_off_by_the_next_job_that_is_alone() {
    let (_folder, store) = new_store();
    let first = store.begin_fetching().unwrap();
    add_blob(&first, b"layer");
    let old = SystemTime::now() - Duration::from_mins(2);
    let age = || {
        File::options()
            .write(true)
            .open(note_of(&store))
            .unwrap()
            .set_modified(old)
            .unwrap();
    };
    age();
    drop(again(&store).begin().unwrap());
    assert_ne!(noted(&store), "", "another job may rely on it");
    drop(first);
    drop(again(&store).begin().unwrap());
    assert_eq!(noted(&store), "");
}

#[test]
fn processes_that_come_at_once_after_a_power_cut_agree() {
    let (_folder, store) = new_store();
    let texts: Vec<String> = (0..40).map(|n| format!("layer {n}")).collect();
    let bytes: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let blobs = fetched_in_another_boot(&store, &bytes);
    for blob in blobs.iter().step_by(2) {
        fs::write(store.layout.paths().blob(&blob.digest), "damaged").unwrap();
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let next = again(&store);
                for (n, blob) in blobs.iter().enumerate() {
                    if next.blobs().has_whole(blob) {
                        assert_eq!(fs::read(store.layout.paths().blob(&blob.digest)).unwrap(), bytes[n]);
                    }
                }
                let writer = next.begin_fetching().unwrap();
                for (blob, bytes) in blobs.iter().zip(&bytes) {
                    add_blob(&writer, bytes);
                    assert!(next.blobs().has_whole(blob));
                }
            });
        }
    });
    for (blob, bytes) in blobs.iter().zip(&bytes) {
        assert_eq!(fs::read(store.layout.paths().blob(&blob.digest)).unwrap(), *bytes);
    }
    assert!(!noted(&store).contains(ANOTHER_BOOT));
}
