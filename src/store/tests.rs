//! What the tests of the store share: a store in a folder of its own, images made on the spot, streams from memory.

mod check;
mod foreign;
mod graphs;
mod images;
mod ingest;
mod removal;
mod sharing;
mod unsynced;

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use ::bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tempfile::TempDir;

use crate::content::{ByteStream, Opener, Outcome, Sink};
use crate::error::{Error, Kind};
use crate::image::Reference;
use crate::image::manifest::OCI_MANIFEST;
use crate::store::*;
use crate::transfer;

fn new_store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path().join("store"));
    (folder, store)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn remove(store: &Store, text: &str, force: Force) -> Result<Removed> {
    store.sweep().remove(&[text], force)?.swap_remove(0)
}

fn descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor::new("application/octet-stream", Digest::of(bytes), bytes.len() as u64)
}

/// Chunks of 1000 bytes, as from a network.
fn stream_of(bytes: &[u8]) -> ByteStream {
    let chunks: Vec<Result<Bytes>> = bytes.chunks(1000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    Box::pin(stream::iter(chunks))
}

/// An honest source that can begin anywhere.
fn source_of(bytes: &[u8]) -> Opener<'_> {
    transfer::opener(move |offset| {
        Box::pin(async move {
            let from = usize::try_from(offset).unwrap();
            Ok(BlobReader {
                offset,
                stream: stream_of(&bytes[from..]),
            })
        })
    })
}

fn add_blob(writer: &StoreWriter, bytes: &[u8]) -> Descriptor {
    let blob = descriptor(bytes);
    wait(writer.receive(&blob, &source_of(bytes))).unwrap();
    blob
}

/// Puts an image with these layers, each its own diff ID, and this year of making into the store; names nothing.
fn add_image(store: &Store, layers: &[&str], year: u16) -> Descriptor {
    let writer = store.begin().unwrap();
    let layers: Vec<Descriptor> = layers.iter().map(|layer| add_blob(&writer, layer.as_bytes())).collect();
    let diff_ids: Vec<&Digest> = layers.iter().map(|layer| &layer.digest).collect();
    let config = json!({
        "created": format!("{year}-03-26T23:14:53Z"), "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let mut config = add_blob(&writer, config.to_string().as_bytes());
    config.media_type = "application/vnd.oci.image.config.v1+json".into();
    add_manifest(&writer, &config, &layers)
}

fn add_manifest(writer: &StoreWriter, config: &Descriptor, layers: &[Descriptor]) -> Descriptor {
    let raw = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
    let manifest = Manifest::parse(raw.to_string().into_bytes().into(), None, None).unwrap();
    wait(writer.put_manifest(&manifest)).unwrap();
    manifest.descriptor
}

fn id_of(store: &Store, manifest: &Descriptor) -> Digest {
    store.images.cache().id(manifest)
}

/// The familiar names of all images in the order of the listing; `<none>` for a dangling one.
fn listing(store: &Store) -> Vec<String> {
    let rows = store.images().all().unwrap().into_iter().map(|image| {
        let names: Vec<String> = image
            .tags
            .iter()
            .chain(&image.digests)
            .map(|name| name.familiar().to_owned())
            .collect();
        if names.is_empty() {
            "<none>".to_owned()
        } else {
            names.join(" ")
        }
    });
    rows.collect()
}
