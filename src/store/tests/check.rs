//! What `system check` finds.

use std::io::Write as _;

use super::*;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Names an image with these layers, whose config speaks of layers that unpack to these texts.
fn add_labelled(store: &Store, text: &str, layers: &[&[u8]], contents: &[&str]) {
    let writer = store.begin().unwrap();
    let layers: Vec<Descriptor> = layers.iter().map(|layer| add_blob(&writer, layer)).collect();
    let diff_ids: Vec<Digest> = contents.iter().map(|text| Digest::of(text.as_bytes())).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let mut config = add_blob(&writer, config.to_string().as_bytes());
    config.media_type = "application/vnd.oci.image.config.v1+json".into();
    let manifest = add_manifest(&writer, &config, &layers);
    store.names().set(&name(text), &manifest).unwrap();
}

fn faults(store: &Store) -> Vec<(Digest, BlobFault, String)> {
    let faults = store.check(Repair::No).unwrap().faults.into_iter();
    faults
        .map(|(blob, (fault, names))| (blob, fault, names.join(" ")))
        .collect()
}

#[test]
fn a_layer_that_does_not_unpack_to_its_diff_id_is_found_with_the_image_that_says_so() {
    let (_folder, store) = new_store();
    let (base, top) = (gzip("base"), gzip("top"));
    add_labelled(&store, "right:1", &[&base, &top], &["base", "top"]);
    assert!(faults(&store).is_empty());
    add_labelled(&store, "wrong:1", &[&base, &top], &["base", "another top"]);
    let found = (Digest::of(&top), BlobFault::Mislabelled, "wrong:1".to_owned());
    assert_eq!(faults(&store), [found]);
}

#[test]
fn a_layer_that_cannot_be_unpacked_is_not_what_its_diff_id_says() {
    let (_folder, store) = new_store();
    let whole = gzip(&"layer ".repeat(1000));
    let cut = &whole[..whole.len() - 9];
    add_labelled(&store, "cut:1", &[cut], &[&"layer ".repeat(1000)]);
    let found = (Digest::of(cut), BlobFault::Mislabelled, "cut:1".to_owned());
    assert_eq!(faults(&store), [found]);
}

#[test]
fn what_a_manifest_says_of_sizes_and_what_is_no_manifest_is_found() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["base"], 2019);
    let shorter = Descriptor {
        size: image.size - 1,
        ..image.clone()
    };
    let index = super::graphs::put_index(&store, &[&shorter]);
    store.names().set(&name("lies:1"), &index).unwrap();
    let raw = r#"{"schemaVersion": 2, "layers": {}}"#;
    let nonsense = Descriptor::new(OCI_MANIFEST, Digest::of(raw.as_bytes()), raw.len() as u64);
    std::fs::write(store.layout.paths().blob(&nonsense.digest), raw).unwrap();
    store.names().set(&name("nonsense:1"), &nonsense).unwrap();
    let mut expected = [
        (image.digest, BlobFault::Missized, "lies:1".to_owned()),
        (nonsense.digest, BlobFault::Invalid, "nonsense:1".to_owned()),
    ];
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(faults(&store), expected);
}

#[test]
fn every_name_that_leads_to_a_fault_is_told_and_all_names_are_followed_once() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["shared"], 2019);
    let mut root = image.clone();
    let mut expected = Vec::new();
    for level in 0..300 {
        root = super::graphs::put_index(&store, &[&root]);
        let text = format!("app:{level}");
        store.names().set(&name(&text), &root).unwrap();
        expected.push(text);
    }
    let other = add_image(&store, &["alone"], 2019);
    store.names().set(&name("other:1"), &other).unwrap();
    std::fs::remove_file(store.layout.paths().blob(&Digest::of(b"shared"))).unwrap();
    expected.sort();
    let found = (Digest::of(b"shared"), BlobFault::Missing, expected.join(" "));
    assert_eq!(faults(&Store::at(store.root().to_owned())), [found]);
}
