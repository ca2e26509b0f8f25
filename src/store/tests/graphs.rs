//! Graphs of manifests that are deeper or more often shared than any image's.

use std::fs;

use super::*;
use crate::image::manifest::OCI_INDEX;

/// Puts an index straight into the folder of the store, which takes no time.
pub(super) fn put_index(store: &Store, children: &[&Descriptor]) -> Descriptor {
    let raw = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).to_string();
    let index = Descriptor::new(OCI_INDEX, Digest::of(raw.as_bytes()), raw.len() as u64);
    fs::write(store.layout.paths().blob(&index.digest), raw).unwrap();
    index
}

#[test]
fn an_index_nested_without_end_is_kept_checked_and_freed() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["base"], 2019);
    let mut root = image.clone();
    for _ in 0..20_000 {
        root = put_index(&store, &[&root]);
    }
    store.names().set(&name("deep:1"), &root).unwrap();
    assert!(store.images().is_whole(&root));
    assert!(store.images().held().unwrap().contains(&image.digest));
    assert!(store.check(Repair::No).unwrap().faults.is_empty());
    remove(&store, "deep:1", Force::No).unwrap();
    assert!(!store.blobs().has(&image.digest));
    assert!(!store.blobs().has(&root.digest));
}

#[test]
fn equal_children_on_many_levels_are_looked_at_once() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["base"], 2019);
    let mut root = image.clone();
    for _ in 0..6 {
        root = put_index(&store, &[&root; 300]);
    }
    store.names().set(&name("wide:1"), &root).unwrap();
    assert!(store.images().is_whole(&root));
    assert_eq!(store.images().held().unwrap().len(), 6 + 3);
    fs::remove_file(store.layout.paths().blob(&image.digest)).unwrap();
    // Another process has nothing in memory.
    assert!(!Store::at(store.root().to_owned()).images().is_whole(&root));
}
