//! What is written is read back as the same image, and what lies is not believed.

mod fuzz;
mod repeated;

use std::cell::Cell;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;

use super::*;
use crate::content::{BlobReader, Kept, Opener, Outcome, Sink as _, Source as _};
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::manifest::DOCKER_MANIFEST;
use crate::image::{Body, Descriptor, Digest, Manifest, Reference};
use crate::progress::{Event, Progress};

/// An image of one layer, which is one text.
struct Sample {
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Manifest,
}

impl Sample {
    fn new(text: &str) -> Self {
        let layer = tree(&[("etc/motd", text)]).unwrap();
        let diff_id = Digest::of(&layer);
        let config =
            format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#);
        let described = |media_type: &str, bytes: &[u8]| {
            let (digest, size) = (Digest::of(bytes), bytes.len());
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
        };
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{},"layers":[{}]}}"#,
            described("application/vnd.docker.container.image.v1+json", config.as_bytes()),
            described("application/vnd.docker.image.rootfs.diff.tar", &layer)
        );
        Self {
            manifest: Manifest::parse(manifest.into(), None, None).unwrap(),
            config: config.into_bytes(),
            layer,
        }
    }

    fn blobs(&self) -> Vec<(Descriptor, Vec<u8>)> {
        let Body::Image(image) = &self.manifest.body else {
            panic!("an image")
        };
        vec![
            (image.config.clone(), self.config.clone()),
            (image.layers[0].clone(), self.layer.clone()),
        ]
    }

    fn saved(&self, name: &str) -> Saved {
        let blobs = self.blobs();
        Saved {
            names: vec![Reference::parse(name).unwrap()],
            root: self.manifest.descriptor.clone(),
            image: Some((blobs[0].0.clone(), vec![blobs[1].0.clone()])),
        }
    }
}

/// Bytes that are written and can be looked at.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn begin(&self, sample: &Sample) -> Writer {
        let out = Out {
            stream: Box::new(self.clone()),
            name: "the archive".to_owned(),
        };
        Writer::begin(out, &[sample.saved("app:1")], [].into()).unwrap()
    }
}

/// Gives these bytes, in pieces; after `cut` of them the line breaks, once.
fn opener<'a>(bytes: &'a [u8], cut: &'a Cell<Option<usize>>) -> Opener<'a> {
    Opener::new(move |from| {
        Box::pin(async move {
            let end = cut.take();
            let from = usize::try_from(from).unwrap();
            let given = bytes[from..end.unwrap_or(bytes.len())].chunks(100);
            let mut pieces: Vec<Result<Bytes>> = given.map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            if end.is_some() {
                pieces.push(Err(Error::new(Kind::Unavailable, "the line broke")));
            }
            Ok(BlobReader {
                offset: from as u64,
                stream: Box::pin(stream::iter(pieces)),
            })
        })
    })
}

async fn written(sample: &Sample) -> Vec<u8> {
    let output = Written::default();
    let writer = output.begin(sample);
    writer.put_manifest(&sample.manifest).await.unwrap();
    for (blob, bytes) in sample.blobs() {
        let outcome = writer.receive(&blob, &opener(&bytes, &Cell::default())).await.unwrap();
        assert_eq!(outcome, Outcome::Copied);
    }
    drop(writer.finish().unwrap());
    output.0.lock().unwrap().clone()
}

struct Nobody;

impl Progress for Nobody {
    fn on(&self, _: Event<'_>) {}
}

fn keep(folder: &Path, bytes: &mut dyn Read) -> Result<Kept> {
    let mut all = Vec::new();
    bytes.read_to_end(&mut all).map_err(Error::from)?;
    let digest = Digest::of(&all);
    let path = folder.join(digest.hex());
    fs::write(&path, &all).unwrap();
    let size = all.len() as u64;
    Ok(Kept { digest, size, path })
}

fn read(folder: &Path, archive: &[u8]) -> Result<(Contents, Vec<Listed>)> {
    let reading = Reading {
        keep: &|bytes, _, _| keep(folder, bytes),
        has: &|_, _| false,
        progress: &Nobody,
    };
    let contents = Contents::read(archive, &reading)?;
    let held = Held {
        has: &|_| false,
        layer: &|_| Ok(None),
    };
    let images = images_of(&contents, &held, &[])?;
    Ok((contents, images))
}

fn in_tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn what_was_written_is_read_back_as_the_same_image() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Sample::new("hello");
    let (contents, images) = read(folder.path(), &written(&sample).await).unwrap();
    let [image] = &images[..] else { panic!("{images:?}") };
    assert_eq!(image.names, [Reference::parse("app:1").unwrap()]);
    assert_eq!(image.id, Digest::of(&sample.config));
    assert_eq!(image.root.digest, *sample.manifest.digest());
    assert_eq!(image.manifests.len(), 1);
    assert!(image.missing.is_empty() && image.made.is_none());
    for (blob, bytes) in sample.blobs() {
        assert!(image.blobs.iter().any(|it| it.digest == blob.digest));
        assert_eq!(fs::read(&contents.kept(&blob.digest).unwrap().path).unwrap(), bytes);
    }
    assert_eq!(
        contents.blob(sample.manifest.digest()).unwrap().unwrap(),
        sample.manifest.raw
    );
}

#[tokio::test]
async fn a_cut_stream_is_gone_on_with_and_wrong_bytes_end_the_archive() {
    let sample = Sample::new("hello");
    let whole = written(&sample).await;
    let output = Written::default();
    let writer = output.begin(&sample);
    writer.put_manifest(&sample.manifest).await.unwrap();
    for (blob, bytes) in sample.blobs() {
        let cut = Cell::new(Some(bytes.len() / 2));
        let open = opener(&bytes, &cut);
        assert_eq!(
            writer.receive(&blob, &open).await.unwrap_err().kind(),
            Kind::Unavailable
        );
        writer.receive(&blob, &open).await.unwrap();
        assert_eq!(writer.receive(&blob, &open).await.unwrap(), Outcome::AlreadyPresent);
    }
    drop(writer.finish().unwrap());
    assert!(*output.0.lock().unwrap() == whole, "the same bytes as without a cut");

    let writer = Written::default().begin(&sample);
    let (blob, mut bytes) = sample.blobs().remove(1);
    bytes[7] ^= 1;
    let refused = writer
        .receive(&blob, &opener(&bytes, &Cell::default()))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("is damaged where it comes from"),
        "{refused}"
    );
    let (blob, bytes) = sample.blobs().remove(0);
    assert!(writer.receive(&blob, &opener(&bytes, &Cell::default())).await.is_err());
}

#[test]
fn an_archive_of_docker_s_gets_the_same_manifest_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Sample::new("hello");
    let list = br#"[{"Config":"c.json","RepoTags":["app:1"],"Layers":["l/layer.tar"]}]"#;
    let archive = in_tar(&[
        ("l/layer.tar", &sample.layer),
        ("c.json", &sample.config),
        ("manifest.json", list),
    ]);
    let made = || read(folder.path(), &archive).unwrap().1.remove(0);
    let image = made();
    assert_eq!(image.id, Digest::of(&sample.config));
    assert_eq!(image.made.as_ref().map(Manifest::digest), Some(&image.root.digest));
    assert_eq!(image.root, made().root);
    let other = Sample::new("something else");
    let lies = in_tar(&[
        ("l/layer.tar", &other.layer),
        ("c.json", &sample.config),
        ("manifest.json", list),
    ]);
    let refused = read(folder.path(), &lies).unwrap_err();
    assert!(
        refused.to_string().starts_with("invalid diffID for layer 0"),
        "{refused}"
    );
    assert!(read(folder.path(), &in_tar(&[("manifest.json", b"[]")])).is_err());
    assert!(read(folder.path(), &in_tar(&[("a", b"")])).is_err());
}

#[tokio::test]
async fn a_layout_in_a_folder_is_read_where_it_lies_and_what_it_says_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Sample::new("hello");
    let blobs = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let documents = [(sample.manifest.descriptor.clone(), sample.manifest.raw.to_vec())];
    for (blob, bytes) in sample.blobs().into_iter().chain(documents) {
        fs::write(blobs.join(blob.digest.hex()), bytes).unwrap();
    }
    let index = layout::index([(&[][..], &sample.manifest.descriptor)]).unwrap();
    fs::write(folder.path().join("index.json"), index).unwrap();
    let layout = Folder::at(folder.path());
    let images = images_in(&layout, &|_| false, &[]).unwrap();
    assert_eq!(
        (images.len(), images[0].blobs.len(), images[0].missing.len()),
        (1, 2, 0)
    );
    let (blob, bytes) = sample.blobs().remove(1);
    let reader = layout.open(&blob, 100).await.unwrap();
    let chunks: Vec<Result<Bytes>> = futures_util::StreamExt::collect(reader.stream).await;
    let read: Vec<u8> = chunks.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(read, bytes[100..]);
    fs::write(blobs.join(sample.manifest.digest().hex()), "{}").unwrap();
    let refused = images_in(&layout, &|_| false, &[]).unwrap_err();
    assert!(refused.to_string().contains("is not what its name says"), "{refused}");
    fs::remove_file(blobs.join(blob.digest.hex())).unwrap();
    fs::create_dir(blobs.join(blob.digest.hex())).unwrap();
    assert!(layout.open(&blob, 0).await.is_err());
}

#[tokio::test]
async fn what_the_far_side_holds_is_read_from_an_archive_and_from_a_list() {
    let sample = Sample::new("hello");
    let held = held_by_archive(&written(&sample).await[..]).unwrap();
    for (blob, _) in sample.blobs() {
        assert!(held.contains(&blob.digest));
    }
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let list = format!("REPOSITORY DIGEST\napp@{one}  7 hours ago\n{two}\nsha256:short\n");
    assert_eq!(held_by_list(&list), [one, two].into());
    assert!(held_by_list("nothing here").is_empty());
}

#[test]
fn a_root_file_system_is_one_layer_however_it_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let plain = tree(&[("etc/motd", "hello")]).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).unwrap();
    let packed = packed.finish().unwrap();
    let read = |bytes: &[u8]| RootFs::read(bytes, &|bytes, _, _: Algorithm| keep(folder.path(), bytes)).unwrap();
    for root in [read(&plain), read(&packed)] {
        assert_eq!(root.diff_id, Digest::of(&plain));
        assert!(fs::read(&root.layer.path).unwrap().starts_with(&[0x1f, 0x8b]));
    }
    assert_eq!(
        read(&packed).layer.digest,
        Digest::of(&packed),
        "what is packed stays as it is"
    );
    assert!(
        RootFs::read(&packed[..packed.len() - 9], &|bytes, _, _: Algorithm| keep(
            folder.path(),
            bytes
        ))
        .is_err()
    );
}

#[test]
fn the_same_texts_give_the_same_layer() {
    let files = [("a/b/c", "1"), ("a/d", "2")];
    let layer = tree(&files).unwrap();
    assert_eq!(layer, tree(&files).unwrap());
    let mut archive = ::tar::Archive::new(&layer[..]);
    let entries = archive.entries().unwrap();
    let paths: Vec<_> = entries
        .map(|it| it.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(paths, ["a/", "a/b/", "a/b/c", "a/d"]);
}
