//! Several users of one root at the same time.

use std::collections::BTreeMap;
use std::{fs, thread};

use fastrand::Rng;
use serde_json::Value;

use super::*;

#[test]
fn names_given_at_once_are_all_kept() {
    let (_folder, store) = new_store();
    thread::scope(|scope| {
        for worker in 0..4 {
            let root = store.root().to_owned();
            scope.spawn(move || {
                let store = Store::at(root);
                for n in 0..10 {
                    let image = add_image(&store, &["shared", &format!("{worker} {n}")], 2019);
                    store.names().set(&name(&format!("w{worker}:{n}")), &image).unwrap();
                }
            });
        }
    });
    assert_eq!(store.images().all().unwrap().len(), 40);
}

#[test]
fn what_is_added_while_others_remove_is_whole() {
    let (_folder, store) = new_store();
    let rounds = 25;
    thread::scope(|scope| {
        for worker in 0..2 {
            let root = store.root().to_owned();
            scope.spawn(move || {
                let store = Store::at(root);
                let text = format!("mine:{worker}");
                for _ in 0..rounds {
                    // As a pull does: one session from the first look at a blob to the name.
                    let session = store.begin().unwrap();
                    let image = add_image(&store, &["shared", "both"], 2019);
                    store.names().set(&name(&text), &image).unwrap();
                    drop(session);
                    let found = store.images().find(&text).unwrap().image;
                    assert!(found.fault.is_none());
                    assert!(store.images().is_whole(&found.manifest));
                    assert_eq!(remove(&store, &text, Force::No).unwrap().untagged.len(), 1);
                }
            });
        }
    });
    assert!(store.images().all().unwrap().is_empty());
}

/// Each writer begins at the same index, and changes names of its own and one of all.
#[test]
fn changes_of_several_writers_at_one_base_all_stay() {
    for seed in 0..8 {
        let (_folder, store) = new_store();
        let images = ["a", "b", "c"].map(|layer| add_image(&store, &[layer], 2019));
        for (place, image) in images.iter().enumerate() {
            store.names().set(&name(&format!("base:{place}")), image).unwrap();
        }
        let path = store.root().join("index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        index["x"] = json!({"y": 1});
        let foreign = json!({"mediaType": OCI_MANIFEST, "digest": images[0].digest, "size": images[0].size,
            "annotations": {"org.opencontainers.image.ref.name": "Not A Name"}, "z": [null]});
        index["manifests"]
            .as_array_mut()
            .unwrap()
            .extend([json!({"odd": 1}), foreign.clone()]);
        fs::write(&path, index.to_string()).unwrap();
        let change = |writer: u64| {
            let store = Store::at(store.root().to_owned());
            let mut dice = Rng::with_seed(seed * 10 + writer);
            let mut names = BTreeMap::new();
            for _ in 0..25 {
                let own = name(&format!("w{writer}:{}", dice.u8(..6)));
                let image = &images[dice.usize(..images.len())];
                if dice.u8(..3) > 0 {
                    store
                        .names()
                        .list(&[(own.clone(), image.clone()), (name("all:1"), image.clone())], &[])
                        .unwrap();
                    names.insert(own, Some(image.digest.clone()));
                } else if names.get(&own).is_some_and(Option::is_some) {
                    remove(&store, own.familiar(), Force::No).unwrap();
                    names.insert(own, None);
                }
            }
            names
        };
        let changed: Vec<BTreeMap<Reference, Option<Digest>>> = thread::scope(|scope| {
            let change = &change;
            let writers: Vec<_> = (0..3).map(|writer| scope.spawn(move || change(writer))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let target = |name: &Reference| store.names().target(name).unwrap().map(|it| it.digest);
        for (name, digest) in changed.iter().flatten() {
            assert_eq!(target(name), *digest, "seed {seed}, {name}");
        }
        for (place, image) in images.iter().enumerate() {
            assert_eq!(target(&name(&format!("base:{place}"))).as_ref(), Some(&image.digest));
        }
        assert!(
            images
                .iter()
                .any(|image| target(&name("all:1")).as_ref() == Some(&image.digest))
        );
        let index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert!(index["x"]["y"] == 1 && manifests.contains(&foreign) && manifests.contains(&json!({"odd": 1})));
    }
}
