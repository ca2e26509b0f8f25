//! Names, the listing, sizes, and an `index.json` that others have written to.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::error::Clue;
use crate::image::{Platform, Size};
use serde_json::Value;

fn index_json(store: &Store) -> Value {
    serde_json::from_slice(&fs::read(store.layout.paths().index()).unwrap()).unwrap()
}

fn write_index(store: &Store, manifests: &Value) {
    let text = json!({"schemaVersion": 2, "x.org/ours": "kept", "manifests": manifests}).to_string();
    fs::write(store.layout.paths().index(), text).unwrap();
}

#[test]
fn a_pull_is_one_commit_that_other_tools_can_read() {
    let (_folder, store) = new_store();
    let manifest = add_image(&store, &["base"], 2019);
    let at_digest = name(&format!("nginx@{}", manifest.digest));
    store
        .names()
        .list(
            &[(name("nginx"), manifest.clone()), (at_digest.clone(), manifest.clone())],
            &[],
        )
        .unwrap();
    let index = index_json(&store);
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let entry = &index["manifests"][0];
    for key in ["io.containerd.image.name", "org.opencontainers.image.ref.name"] {
        assert_eq!(entry["annotations"][key], "docker.io/library/nginx:latest");
    }
    assert_eq!(entry["digest"], manifest.digest.as_str());
    assert_eq!(
        store.names().target(&name("nginx:latest")).unwrap().unwrap().digest,
        manifest.digest
    );
    assert!(store.names().target(&at_digest).unwrap().is_some());
    assert_eq!(listing(&store), [format!("nginx:latest nginx@{}", manifest.digest)]);
}

#[test]
fn only_what_is_in_the_store_can_be_named() {
    let (_folder, store) = new_store();
    let error = store.names().set(&name("nginx"), &descriptor(b"nothing")).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(listing(&store).is_empty());
}

#[test]
fn an_image_that_gets_a_name_again_dangles_no_more() {
    let (_folder, store) = new_store();
    let (one, two) = (add_image(&store, &["1"], 2019), add_image(&store, &["2"], 2018));
    let tag = |text: &str, manifest| store.names().set(&name(text), manifest).unwrap();
    tag("a", &one);
    tag("a", &two);
    assert_eq!(listing(&store), ["<none>", "a:latest"]);
    tag("b", &one);
    assert_eq!(listing(&store), ["b:latest", "a:latest"]);
    tag("c", &one);
    tag("c", &two);
    assert_eq!(listing(&store), ["b:latest", "a:latest c:latest"]);
    assert_eq!(index_json(&store)["manifests"].as_array().unwrap().len(), 3);
}

#[test]
fn images_come_newest_first_and_then_by_name() {
    let (_folder, store) = new_store();
    for (text, year) in [("z", 2019), ("b", 2019), ("new", 2024), ("a", 2019), ("old", 1)] {
        let image = add_image(&store, &[text], year);
        store.names().set(&name(text), &image).unwrap();
    }
    let names = ["new:latest", "a:latest", "b:latest", "z:latest", "old:latest"];
    assert_eq!(listing(&store), names);
}

#[test]
fn one_config_under_two_manifests_is_one_image() {
    let (_folder, store) = new_store();
    let one = add_image(&store, &["layer"], 2019);
    let session = store.begin().unwrap();
    let target = store.images.cache().one_image(&one).unwrap();
    let packed = add_blob(&session, b"the layer, packed otherwise");
    let two = add_manifest(&session, &target.config, std::slice::from_ref(&packed));
    store.names().set(&name("one"), &one).unwrap();
    store.names().set(&name("two"), &two).unwrap();
    assert_eq!(listing(&store), ["one:latest two:latest"]);
    // A name leads to its own manifest.
    let found = store.images().find("two").unwrap();
    let layers = store.images.cache().one_image(&found.image.manifest).unwrap().layers;
    assert_eq!((&found.image.manifest.digest, layers), (&two.digest, vec![packed]));
    assert_eq!(found.name, Some(name("two:latest")));
    assert_eq!(store.images().find(found.image.id.short()).unwrap().name, None);
}

#[test]
fn artifacts_with_the_empty_config_are_not_one_image() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let config = add_blob(&session, b"{}");
    for text in ["a", "b"] {
        let layer = add_blob(&session, text.as_bytes());
        let manifest = add_manifest(&session, &config, &[layer]);
        store.names().set(&name(text), &manifest).unwrap();
    }
    assert_eq!(listing(&store), ["a:latest", "b:latest"]);
    assert_eq!(
        store
            .images()
            .sizes(&[&store.images().find("a").unwrap().image])
            .remove(0)
            .unwrap(),
        Size::Exactly(1)
    );
}

#[test]
fn what_other_tools_wrote_stays_and_shows() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["x"], 2019);
    let other = add_image(&store, &["y"], 2020);
    let entry = |manifest: &Descriptor, annotations: Value| {
        json!({"mediaType": OCI_MANIFEST, "digest": manifest.digest, "size": manifest.size,
               "annotations": annotations, "x.org/more": [1]})
    };
    let ref_name = "org.opencontainers.image.ref.name";
    let strangers = json!([
        entry(&image, json!({ref_name: "quay.io/x/y:1"})),
        entry(&other, json!({ref_name: "not a reference!"})),
        {"digest": "md5:abc", "size": -1},
        "nonsense",
    ]);
    write_index(&store, &strangers);
    assert_eq!(listing(&store), ["<none>", "quay.io/x/y:1"]);
    store.names().set(&name("mine"), &other).unwrap();
    assert_eq!(listing(&store), ["mine:latest", "quay.io/x/y:1"]);
    let index = index_json(&store);
    assert_eq!(index["x.org/ours"], "kept");
    let written = index["manifests"].as_array().unwrap();
    for stranger in strangers.as_array().unwrap() {
        assert!(written.contains(stranger), "{stranger}");
    }
    // The name that means something to another tool keeps the image; only asking for the image removes it.
    assert!(remove(&store, "mine", Force::No).unwrap().deleted.is_empty());
    assert_eq!(listing(&store), ["<none>", "quay.io/x/y:1"]);
    let id = id_of(&store, &other);
    assert_eq!(remove(&store, id.as_str(), Force::No).unwrap().deleted[0], id);
    assert_eq!(listing(&store), ["quay.io/x/y:1"]);
}

#[test]
fn an_index_counts_as_its_image_for_this_machine() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["x"], 2019);
    let absent = json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(b"absent"), "size": 1,
                        "platform": {"os": "linux", "architecture": "amd64"}});
    let index = json!({"schemaVersion": 2, "manifests": [absent, image]}).to_string();
    let index = Manifest::parse(index.into_bytes().into(), None, None).unwrap();
    wait(store.begin().unwrap().put_manifest(&index)).unwrap();
    store.names().set(&name("multi"), &index.descriptor).unwrap();
    let found = store.images().find("multi").unwrap().image;
    assert_eq!(
        (&found.id, &found.manifest.digest),
        (&id_of(&store, &image), &image.digest)
    );
    // Its images are reached through it.
    store.sweep().old(Duration::ZERO).unwrap();
    assert!(store.blobs().has(&image.digest) && store.blobs().has(&Digest::of(b"x")));
}

#[test]
fn the_digest_of_a_manifest_is_an_image_s_id_too() {
    let (_folder, store) = new_store();
    let (host_s, other) = (add_image(&store, &["x"], 2019), add_image(&store, &["y"], 2020));
    let single = add_image(&store, &["z"], 2021);
    let child = |it: &Descriptor, os: &str, architecture: &str| {
        json!({"mediaType": OCI_MANIFEST, "digest": it.digest, "size": it.size,
               "platform": {"os": os, "architecture": architecture}})
    };
    let host = Platform::host().architecture;
    let index = json!({"schemaVersion": 2, "manifests": [
        child(&host_s, "linux", &host), child(&other, "plan9", "386"), child(&descriptor(b"absent"), "plan9", "arm"),
    ]});
    let index = Manifest::parse(index.to_string().into_bytes().into(), None, None).unwrap();
    wait(store.begin().unwrap().put_manifest(&index)).unwrap();
    let pulled = name(&format!("multi@{}", index.digest()));
    let names = [
        (name("multi"), index.descriptor.clone()),
        (pulled, index.descriptor.clone()),
    ];
    store.names().list(&names, &[]).unwrap();
    store.names().set(&name("single"), &single).unwrap();
    let found = |text: &str| store.images().find(text).map(|found| found.image.id);
    for (digest, image) in [
        (index.digest(), &host_s),
        (&host_s.digest, &host_s),
        (&other.digest, &other),
        (&single.digest, &single),
    ] {
        for text in [
            digest.as_str(),
            digest.hex(),
            &digest.hex()[..12],
            &digest.as_str()[..20],
        ] {
            assert_eq!(found(text).unwrap(), id_of(&store, image), "{text}");
        }
    }
    let part = store.images().find(id_of(&store, &other).short()).unwrap();
    assert_eq!((part.root.digest, part.image.tags.len()), (other.digest, 0));
    assert!(found(Digest::of(b"absent").as_str()).is_err());
    let single = store
        .sweep()
        .remove(&[single.digest.short()], Force::No)
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(single.untagged, [name("single:latest")]);
}

#[test]
fn a_broken_index_is_named_and_never_overwritten() {
    let (_folder, store) = new_store();
    let image = add_image(&store, &["x"], 2019);
    let path = store.layout.paths().index();
    for text in [
        "",
        "{",
        "[]",
        r#"{"schemaVersion":1}"#,
        r#"{"schemaVersion":2,"manifests":{}}"#,
    ] {
        fs::write(&path, text).unwrap();
        let failures = [
            store.images().all().map(drop),
            store.names().set(&name("x"), &image),
            remove(&store, "x", Force::No).map(drop),
            store.sweep().old(Duration::ZERO).map(drop),
        ];
        for failure in failures {
            let error = failure.unwrap_err();
            let path = path.display().to_string();
            assert!(error.to_string().starts_with(&path), "{error}");
            assert_eq!(error.clue(), Some(&Clue::BrokenFile { path }));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert!(store.blobs().has(&image.digest));
}

#[test]
fn an_unusable_image_is_listed_with_its_fault() {
    let (_folder, store) = new_store();
    let images = ["manifest", "config", "layer"].map(|text| {
        let image = add_image(&store, &[text], 2019);
        store.names().set(&name(text), &image).unwrap();
        image
    });
    let config = store.images.cache().one_image(&images[1]).unwrap().config;
    for gone in [&images[0].digest, &config.digest, &Digest::of(b"layer")] {
        fs::remove_file(store.layout.paths().blob(gone)).unwrap();
    }
    let store = Store::at(store.root().into());
    let listed = store.images().all().unwrap();
    let faults: Vec<_> = listed
        .iter()
        .map(|i| (i.tags[0].familiar(), i.fault.as_ref().map(Error::kind)))
        .collect();
    let missing = Some(Kind::NotFound);
    assert_eq!(
        faults,
        [
            ("layer:latest", None),
            ("config:latest", missing),
            ("manifest:latest", missing)
        ]
    );
    let sizes = store.images().sizes(&listed.iter().collect::<Vec<_>>());
    assert_eq!(sizes[1].as_ref().unwrap(), &Size::Exactly(6));
    let said = sizes[0].as_ref().unwrap_err().to_string();
    assert!(said.contains(Digest::of(b"layer").as_str()), "{said}");
    assert!(sizes[2].is_err());
}

fn tar_of(files: &[(&str, usize)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, len) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(*len as u64);
        archive.append_data(&mut header, path, &vec![b'x'; *len][..]).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn an_image_has_the_size_of_its_unpacked_layers() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let tar = tar_of(&[("a", 1000), (&"long/".repeat(60), 0), ("b/.wh.c", 0), ("a", 24)]);
    let mut zipped = Vec::new();
    for half in tar.chunks(tar.len() / 2) {
        let mut encoder = GzEncoder::new(&mut zipped, Compression::fast());
        encoder.write_all(half).unwrap();
        encoder.finish().unwrap();
    }
    let layers = [
        add_blob(&session, &tar),
        add_blob(&session, &zipped),
        add_blob(&session, &zstd::encode_all(&tar[..], 1).unwrap()),
        add_blob(&session, &[0; 1024]),
    ];
    let config = add_blob(&session, b"{\"not\":\"an image\"}");
    let once = add_manifest(&session, &config, &layers);
    store.names().set(&name("once"), &once).unwrap();
    let image = store.images().find("once").unwrap().image;
    assert_eq!(
        store.images().sizes(&[&image]).remove(0).unwrap(),
        Size::Exactly(3 * 1024)
    );
    // Remembered: the layers are not looked at again.
    for layer in &layers {
        fs::write(store.layout.paths().blob(&layer.digest), "").unwrap();
    }
    assert_eq!(
        Store::at(store.root().into())
            .images()
            .sizes(&[&image])
            .remove(0)
            .unwrap(),
        Size::Exactly(3 * 1024)
    );
}

#[test]
fn a_layer_that_ends_too_early_is_named() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let tar = tar_of(&[("a", 100_000)]);
    let layer = add_blob(&session, &tar[..50_000]);
    let config = add_blob(&session, b"{}");
    let image = add_manifest(&session, &config, std::slice::from_ref(&layer));
    store.names().set(&name("cut"), &image).unwrap();
    let error = store
        .images()
        .sizes(&[&store.images().find("cut").unwrap().image])
        .remove(0)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains(layer.digest.as_str()), "{error}");
}

#[test]
fn locations_are_noted_once_and_found_by_registry() {
    let (_folder, store) = new_store();
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    for _ in 0..2 {
        store
            .notes()
            .remember_location("a:5000", "team/x", &[one.clone(), two.clone()])
            .unwrap();
        store
            .notes()
            .remember_location("a:5000", "team/y", std::slice::from_ref(&one))
            .unwrap();
        store
            .notes()
            .remember_location("b", "team/z", std::slice::from_ref(&one))
            .unwrap();
    }
    let known = store.notes().locations("a:5000").unwrap();
    assert_eq!(known[&one], ["team/y", "team/x"]);
    assert_eq!(known[&two], ["team/x"]);
    assert_eq!(
        fs::read_to_string(store.layout.paths().locations())
            .unwrap()
            .lines()
            .count(),
        4
    );
}
