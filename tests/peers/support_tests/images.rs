//! The images and indexes that tests make.

use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::{Layer, Packing, digest};
use crate::support::layout::{Access, push_raw};
use crate::support::process::finish;
use crate::support::registry::Registry;
use crate::support::skopeo;
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn images_are_the_same_every_time_and_other_clients_read_them() {
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    let image = Image::small()
        .layer(Layer::tree(std::path::Path::new("/usr/share/doc/bash")))
        .layer(Layer::text("plain", "x").packed(Packing::Plain))
        .config(json!({"Cmd": ["sh"], "Env": ["A=b"]}))
        .annotations(json!({"org.opencontainers.image.title": "small"}));
    let built = image.write(&folder.path().join("a"));
    let again = image.write(&folder.path().join("b"));
    assert_eq!(built.digest, again.digest);
    assert_eq!(built.layers.len(), 5);
    assert_eq!(built.diff_ids.len(), 5);
    assert!(built.layers[0].media_type.ends_with("tar+gzip"));
    assert!(built.layers[4].media_type.ends_with("tar"));
    assert_eq!(built.layers[4].digest, built.diff_ids[4]);
    for (layer, diff_id) in built.layers.iter().zip(&built.diff_ids).take(4) {
        let mut command = Command::new("sh");
        command.args(["-c", "gzip -dc \"$0\" | tee /dev/stderr | tar -t"]);
        command.arg(built.blob(&layer.digest));
        let listing = finish(command, b"").ok();
        assert!(!listing.stdout.is_empty(), "{diff_id}");
    }
    let layout = format!("oci:{}:latest", built.folder.display());
    let target = format!("docker://{}/by/skopeo:1", registry.host());
    skopeo::copy(&layout, &target);
    assert_eq!(digest(&skopeo::inspect_raw(&target)), built.digest);
    assert!(built.config_digest.starts_with("sha256:"));

    let zstd = image.clone().zstd().write(&folder.path().join("z"));
    assert!(zstd.layers[0].media_type.ends_with("tar+zstd"));
    assert_eq!(zstd.diff_ids, built.diff_ids);
    let plain = image.uncompressed().write(&folder.path().join("p"));
    assert_eq!(plain.layers[0].digest, plain.diff_ids[0]);
    let docker = Image::small().docker().write(&folder.path().join("d"));
    push_raw(&Access::default(), &registry.host(), "d/d", "1", &docker);
    let raw = skopeo::inspect_raw(&format!("docker://{}/d/d:1", registry.host()));
    assert_eq!(raw, docker.manifest);
}

#[test]
fn an_index_holds_three_platforms_and_an_attestation() {
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    let index = Index::multi_platform().write(folder.path());
    registry.push("team/multi", "1", &index);
    let raw = skopeo::inspect_raw(&format!("docker://{}/team/multi:1", registry.host()));
    assert_eq!(raw, index.manifest);
    let value: Value = serde_json::from_slice(&raw).unwrap();
    let platform = |number: usize| value["manifests"][number]["platform"].clone();
    assert_eq!(
        platform(1),
        json!({"architecture": "arm64", "os": "linux", "variant": "v8"})
    );
    assert_eq!(platform(3), json!({"architecture": "unknown", "os": "unknown"}));
    let kind = &value["manifests"][3]["annotations"]["vnd.docker.reference.type"];
    assert_eq!(kind, "attestation-manifest");
    assert_eq!(index.children[3].layers[0].media_type, "application/vnd.in-toto+json");
    let list = Index::multi_platform().docker().write(folder.path());
    registry.push("team/list", "1", &list);
    assert_eq!(list.children.len(), 3);
}
