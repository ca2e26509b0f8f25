//! Several users of one root at the same time.

use std::thread;

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
