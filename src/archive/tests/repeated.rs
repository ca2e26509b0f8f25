//! What an archive names a hundred thousand times is looked at once.

use std::collections::HashMap;

use serde_json::json;

use super::*;
use crate::archive::files::{Files, path_of};
use crate::archive::{images, layout};
use crate::image::layout::INDEX;
use crate::image::manifest::OCI_INDEX;

/// A layout in memory that counts how often its blobs are read.
#[derive(Default)]
struct Counted {
    files: HashMap<String, Bytes>,
    reads: Cell<usize>,
}

impl Counted {
    fn add(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.files.insert(path_of(&digest), Bytes::copy_from_slice(bytes));
        digest
    }
}

impl Files for Counted {
    fn document(&self, path: &str) -> Result<Option<Bytes>> {
        Ok(self.files.get(path).cloned())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        self.reads.set(self.reads.get() + 1);
        self.document(&path_of(digest))
    }

    fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.files.get(&path_of(digest)).map(|bytes| bytes.len() as u64)
    }
}

#[test]
fn an_image_with_ten_thousand_names_is_read_once() {
    let sample = Sample::new("hello");
    let mut files = Counted::default();
    for bytes in [&sample.config, &sample.layer, &sample.manifest.raw.to_vec()] {
        files.add(bytes);
    }
    let root = &sample.manifest.descriptor;
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root]}).to_string();
    let index_digest = files.add(index.as_bytes());
    let whole = Descriptor::new(OCI_INDEX, index_digest.clone(), index.len() as u64);
    let named = |descriptor: &Descriptor, name: &str| {
        let mut descriptor = descriptor.clone();
        descriptor.annotations.insert("io.containerd.image.name", name);
        descriptor
    };
    let entries: Vec<Descriptor> = (0..5000)
        .flat_map(|number| {
            let of_index = named(&whole, &format!("docker.io/library/a:{number}"));
            let by_digest = named(root, &format!("docker.io/library/b{number}@{index_digest}"));
            let twice = named(root, "docker.io/library/c:1");
            [of_index, by_digest, twice]
        })
        .collect();
    let document = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    files.files.insert(INDEX.to_owned(), document.into());
    assert_eq!(layout::manifests(&files).unwrap().unwrap().len(), 15_000);
    let images = images::images(&files, &|_| false, &[]).unwrap().unwrap();
    let counts: Vec<usize> = images.iter().map(|image| image.names.len()).collect();
    assert_eq!(counts, [5000, 5001]);
    assert!(files.reads.get() < 50, "{} reads", files.reads.get());
}

/// 128 GB of zeros, were each layer unpacked by itself.
#[test]
fn a_layer_that_is_listed_many_times_is_unpacked_once() {
    let zeros = vec![0; 16 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let layer = gzip.finish().unwrap();
    let layers = 8000;
    let diff_ids = vec![Digest::of(&zeros); layers];
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let item = |tag: usize| json!({"Config": "c", "RepoTags": [format!("a:{tag}")], "Layers": vec!["l"; layers]});
    let manifest = json!([item(1), item(2)]).to_string();
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in [
        ("c", config.to_string().as_bytes()),
        ("l", &layer),
        ("manifest.json", manifest.as_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, path, bytes).unwrap();
    }
    let archive = archive.into_inner().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keep = |stream: &mut dyn Read, _: u64, _: Algorithm| keep(folder.path(), stream);
    let reading = Reading {
        keep: &keep,
        has: &|_, _| false,
        progress: &Nobody,
    };
    let contents = Contents::read(&archive[..], &reading).unwrap();
    let held = Held {
        has: &|_| false,
        layer: &|_| Ok(None),
    };
    let images = images_of(&contents, &held, &[]).unwrap();
    assert_eq!((images.len(), images[0].names.len(), images[0].blobs.len()), (1, 2, 2));
}
