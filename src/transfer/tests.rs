//! Plans, the loop and what it tells, between two stores in folders of their own.

use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::meter::{Meter, Totals};
use super::*;
use crate::content::{BlobReader, Sink};
use crate::error::Kind;
use crate::image::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest};
use crate::progress::{Event, Layer, Progress};
use crate::store::{Store, StoreWriter};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A store, with the folder that holds it.
struct TestStore {
    _folder: TempDir,
    store: Store,
}

impl TestStore {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("store"));
        Self { _folder: folder, store }
    }

    fn path(&self, blob: &Descriptor) -> PathBuf {
        self.store
            .root()
            .join("blobs")
            .join(blob.digest.as_str().replace(':', "/"))
    }

    async fn put(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let blob = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        let bytes = Bytes::copy_from_slice(bytes);
        let open = opener(move |offset| {
            let stream = Box::pin(stream::iter([Ok(bytes.slice(usize::try_from(offset).unwrap()..))]));
            Box::pin(async move { Ok(BlobReader { offset, stream }) })
        });
        self.store.begin().unwrap().receive(&blob, &open).await.unwrap();
        blob
    }

    async fn put_manifest(&self, document: Value) -> Manifest {
        let manifest = Manifest::parse(document.to_string().into_bytes().into(), None, None).unwrap();
        let writer = self.store.begin().unwrap();
        writer.put_manifest(&manifest).await.unwrap();
        manifest
    }

    /// An image with these layers, each its own diff ID.
    async fn image(&self, layers: &[&str]) -> Manifest {
        let mut described = Vec::new();
        for layer in layers {
            described.push(self.put(LAYER, layer.as_bytes()).await);
        }
        let diff_ids: Vec<&Digest> = described.iter().map(|layer| &layer.digest).collect();
        let config =
            json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = self.put(CONFIG, config.to_string().as_bytes()).await;
        let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": described});
        self.put_manifest(document).await
    }

    async fn index(&self, children: &[&Manifest]) -> Manifest {
        let children: Vec<&Descriptor> = children.iter().map(|child| &child.descriptor).collect();
        self.put_manifest(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}))
            .await
    }

    fn writer(&self) -> StoreWriter {
        self.store.begin().unwrap()
    }
}

fn body(manifest: &Manifest) -> &ImageManifest {
    match &manifest.body {
        Body::Image(image) => image,
        Body::Index(_) => panic!("an index"),
    }
}

/// Writes down what is told, in words.
#[derive(Default)]
struct Watcher(Mutex<Vec<String>>);

impl Watcher {
    fn new() -> (Arc<Self>, Arc<dyn Progress>) {
        let watcher = Arc::new(Self::default());
        (Arc::clone(&watcher), watcher)
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Watcher {
    fn on(&self, event: Event<'_>) {
        let text = match event {
            Event::Planned(layers) => format!("planned {}", layers.len()),
            Event::Waiting { blob } => format!("waiting {}", blob.short()),
            Event::Started { blob, offset } => format!("started {} {offset}", blob.short()),
            Event::Advanced { blob, bytes } => format!("advanced {} {bytes}", blob.short()),
            Event::Verifying { blob } => format!("verifying {}", blob.short()),
            Event::Retrying { blob, .. } => format!("retrying {}", blob.short()),
            Event::Finished { blob, outcome } => format!("finished {} {outcome:?}", blob.short()),
        };
        self.0.lock().unwrap().push(text);
    }
}

#[tokio::test]
async fn a_plan_lists_each_blob_once_and_only_what_is_missing_moves() {
    let test = TestStore::new();
    let image = test.image(&["base", "middle", "base", "top"]).await;
    let config = test.store.images().config(body(&image)).unwrap();
    let [base, middle, top] = ["base", "middle", "top"].map(|text| Digest::of(text.as_bytes()));
    let all = Plan::for_image(body(&image), Some(&config), |_| false);
    let moved: Vec<&Digest> = all.blobs.iter().map(|blob| &blob.digest).collect();
    assert_eq!(moved, [&base, &middle, &top, &body(&image).config.digest]);
    let labelled = all
        .layers
        .iter()
        .all(|layer| layer.diff_id.as_ref() == Some(&layer.digest));
    assert!(labelled && all.children.is_empty());
    // A layer is no use without those below it: docker shows it as pulled once more, and so it is.
    let above = Plan::for_image(body(&image), None, |blob| blob.digest == base || blob.digest == top);
    let present: Vec<bool> = above.layers.iter().map(|layer| layer.present).collect();
    assert_eq!(present, [true, false, false]);
    let moved: Vec<&Digest> = above.blobs.iter().map(|blob| &blob.digest).collect();
    assert_eq!(moved, [&middle, &top, &body(&image).config.digest]);
    assert_eq!(above.needed().count(), 4, "what need not move is needed all the same");
    let none = Plan::for_image(body(&image), None, |_| true);
    assert!(none.blobs.is_empty() && none.layers.iter().all(|layer| layer.present));
}

#[tokio::test]
async fn a_tree_is_planned_with_children_before_parents_and_shared_ones_once() {
    let test = TestStore::new();
    let (one, two) = (test.image(&["base", "one"]).await, test.image(&["base", "two"]).await);
    let inner = test.index(&[&two, &one]).await;
    let root = test.index(&[&one, &inner, &one]).await;
    let read = |_: &ImageManifest| Ok(ImageConfig::default());
    let plan = Plan::for_tree(&test.store, &root, read, |_| false).await.unwrap();
    let children: Vec<&Digest> = plan.children.iter().map(|child| &child.digest).collect();
    assert_eq!(children.len(), 3, "the root is put last, under its name");
    assert_eq!(children[2], inner.digest());
    assert_eq!(plan.blobs.len(), 3 + 2, "each layer and config once");
    let has = async |digest: &Digest| Ok(digest == inner.digest());
    let missing = Plan::for_missing(&test.store, &root, has).await.unwrap();
    let children: Vec<&Digest> = missing.children.iter().map(|child| &child.digest).collect();
    assert_eq!(children, [one.digest()], "what is there is left out with all below it");
    assert_eq!(missing.blobs.len(), 2 + 1);
}

#[tokio::test]
async fn an_image_with_endlessly_many_blobs_is_refused() {
    let test = TestStore::new();
    let layer = |n: u32| json!({"mediaType": LAYER, "digest": Digest::of(&n.to_le_bytes()), "size": 1});
    let mut parts = Vec::new();
    for part in 0..6 {
        let layers: Vec<Value> = (part * 10_000..(part + 1) * 10_000).map(layer).collect();
        let config = layer(u32::MAX - part);
        let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
        parts.push(test.put_manifest(document).await);
    }
    let root = test.index(&parts.iter().collect::<Vec<_>>()).await;
    let read = |_: &ImageManifest| Ok(ImageConfig::default());
    let refused = Plan::for_tree(&test.store, &root, read, |_| false).await.unwrap_err();
    assert!(refused.to_string().contains("too many blobs"), "{refused}");
}

#[tokio::test]
async fn all_of_a_plan_moves_and_the_watcher_knows_it_first_and_last() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let layers: Vec<String> = (0..30).map(|n| format!("layer {n}")).collect();
    let image = from.image(&layers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let index = from.index(&[&image]).await;
    let read = |image: &ImageManifest| from.store.images().config(image);
    let plan = Plan::for_tree(&from.store, &index, read, |_| false).await.unwrap();
    let (watcher, progress) = Watcher::new();
    run(&plan, &from.store, &to.writer(), Limits::default(), &progress)
        .await
        .unwrap();
    assert!(to.store.images().is_whole(&image.descriptor));
    assert!(
        !to.store.blobs().has(index.digest()),
        "the root is its caller's to name"
    );
    let told = watcher.told();
    assert_eq!(told[0], "planned 30");
    assert_eq!(told.iter().filter(|text| text.ends_with(" Copied")).count(), 31);
    // Once more: nothing moves.
    let (watcher, progress) = Watcher::new();
    run(&plan, &from.store, &to.writer(), Limits::default(), &progress)
        .await
        .unwrap();
    let told = watcher.told();
    assert_eq!(told.iter().filter(|text| text.ends_with(" AlreadyPresent")).count(), 31);
    assert!(!told.iter().any(|text| text.starts_with("started ")), "{told:?}");
}

#[tokio::test]
async fn one_at_a_time_is_one_at_a_time() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let image = from.image(&["one", "two", "three"]).await;
    let plan = Plan::for_image(body(&image), None, |_| false);
    let (watcher, progress) = Watcher::new();
    let limits = Limits {
        bytes_per_second: NonZeroU64::new(1 << 30),
        ..Limits::at_once(1)
    };
    run(&plan, &from.store, &to.writer(), limits, &progress).await.unwrap();
    let mut open = 0;
    for text in watcher.told() {
        open += i32::from(text.starts_with("started ")) - i32::from(text.starts_with("finished "));
        assert!(open <= 1, "{text}");
    }
}

#[tokio::test]
async fn wrong_bytes_have_a_second_chance_and_then_end_the_work() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let image = from.image(&["base"]).await;
    let layer = &body(&image).layers[0];
    fs::write(from.path(layer), "bose").unwrap();
    let plan = Plan::for_image(body(&image), None, |_| false);
    let (watcher, progress) = Watcher::new();
    let failed = run(&plan, &from.store, &to.writer(), Limits::at_once(1), &progress)
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), Kind::Corrupt);
    let tries = watcher
        .told()
        .iter()
        .filter(|text| text.starts_with("started "))
        .count();
    assert_eq!(tries, 2);
    assert!(!to.store.blobs().has(&layer.digest));
    fs::remove_file(from.path(layer)).unwrap();
    let failed = run(&plan, &from.store, &to.writer(), Limits::at_once(1), &progress)
        .await
        .unwrap_err();
    assert_eq!(
        failed.kind(),
        Kind::NotFound,
        "what will not pass is not tried again: {failed}"
    );
}

#[tokio::test]
async fn a_small_blob_is_read_whole_and_checked() {
    let test = TestStore::new();
    let blob = test.put(CONFIG, b"{}").await;
    assert_eq!(read(&test.store, &blob).await.unwrap(), "{}");
    fs::write(test.path(&blob), "[]").unwrap();
    assert_eq!(read(&test.store, &blob).await.unwrap_err().kind(), Kind::Corrupt);
    let large = Descriptor::new(CONFIG, Digest::of(b"large"), 9 << 20);
    assert_eq!(read(&test.store, &large).await.unwrap_err().kind(), Kind::Unsupported);
}

#[tokio::test]
async fn a_meter_tells_of_every_byte_and_knows_how_far_the_blob_has_ever_come() {
    use futures_util::StreamExt as _;

    let test = TestStore::new();
    let bytes = vec![7; 300_000];
    let blob = test.put(LAYER, &bytes).await;
    let (watcher, progress) = Watcher::new();
    let totals = Arc::<Totals>::default();
    let meter = Meter::new(&blob, &progress, None, &totals);
    let mut reader = meter.open(&test.store, 0).await.unwrap();
    assert_eq!(totals.streams(), 1);
    let first = reader.stream.next().await.unwrap().unwrap().len() as u64;
    drop(reader);
    assert_eq!((totals.passed(), totals.streams()), (first, 0));
    assert_eq!(meter.advance(), first);
    // From the start: nothing is new until it is further than before.
    let reader = meter.open(&test.store, 0).await.unwrap();
    let again: Vec<_> = reader.stream.take(1).collect().await;
    assert_eq!((again.len(), meter.advance()), (1, 0));
    let reader = meter.open(&test.store, first).await.unwrap();
    let rest: u64 = reader
        .stream
        .map(|chunk| chunk.unwrap().len() as u64)
        .fold(0, async |sum, it| sum + it)
        .await;
    assert_eq!((first + rest, meter.advance()), (blob.size, rest));
    let told = watcher.told();
    let short = blob.digest.short();
    assert_eq!(told[0], format!("started {short} 0"));
    assert!(told.contains(&format!("started {short} {first}")));
    assert_eq!(told.last().unwrap(), &format!("verifying {short}"));
    assert_eq!(totals.passed(), 2 * first + rest);
}

/// A layer of a plan is shown in the order of the manifest.
#[test]
fn blobs_without_manifests_are_a_plan_too() {
    let blob = Descriptor::new(LAYER, Digest::of(b"x"), 1);
    let layer = Layer {
        digest: blob.digest.clone(),
        size: 1,
        diff_id: None,
        present: false,
    };
    let plan = Plan::for_blobs(vec![layer], vec![blob.clone(), blob]);
    assert_eq!((plan.layers.len(), plan.needed().count()), (1, 1));
}
