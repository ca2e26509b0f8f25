//! SIZE is docker's to the byte, whatever is in a layer and however it is packed.

use tar::{Builder, EntryType, Header};

use crate::support::docker_engine::DockerEngine;
use crate::support::image::Image;
use crate::support::layer::{Layer, Packing};
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// A file of so many bytes.
fn file(tar: &mut Builder<Vec<u8>>, path: &str, size: usize) {
    entry(tar, path, EntryType::Regular, "", size);
}

fn entry(tar: &mut Builder<Vec<u8>>, path: &str, sort: EntryType, link: &str, size: usize) {
    let mut header = Header::new_gnu();
    header.set_entry_type(sort);
    header.set_mode(0o755);
    header.set_size(size as u64);
    if link.is_empty() {
        tar.append_data(&mut header, path, vec![b'x'; size].as_slice()).unwrap();
    } else {
        tar.append_link(&mut header, path, link).unwrap();
    }
}

/// Layers with what trips counters up. Each size is below 1000 in all, so that the column shows every byte.
fn layers() -> Vec<Layer> {
    let mut below = Builder::new(Vec::new());
    entry(&mut below, "etc/", EntryType::Directory, "", 0);
    file(&mut below, "etc/motd", 101);
    file(&mut below, &format!("etc/{}name", "long/".repeat(40)), 33);
    entry(&mut below, "etc/hard", EntryType::Link, "etc/motd", 0);
    entry(&mut below, "etc/soft", EntryType::Symlink, "motd", 0);
    entry(&mut below, "etc/pipe", EntryType::Fifo, "", 0);
    let mut above = Builder::new(Vec::new());
    file(&mut above, "etc/.wh.motd", 0);
    file(&mut above, "var/.wh..wh..opq", 0);
    file(&mut above, "var/new", 5);
    let empty = Builder::new(Vec::new());
    [below, above, empty]
        .map(|tar| Layer::tar(tar.into_inner().unwrap()))
        .to_vec()
}

/// The cell below SIZE.
fn size(table: &str) -> String {
    table
        .lines()
        .nth(1)
        .and_then(|row| row.rsplit("   ").next())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_size_is_docker_s_for_links_whiteouts_and_any_packing() {
    let (sandbox, registry) = (Sandbox::new(), Registry::open());
    let mut expected = None;
    for packing in [Packing::Gzip, Packing::Plain, Packing::Zstd] {
        let image = layers()
            .into_iter()
            .fold(Image::new(), |image, layer| image.layer(layer.packed(packing)));
        let tag = format!("{packing:?}").to_lowercase();
        registry.push("odd/sizes", &tag, &image.write(&sandbox.root().join(&tag)));
        let name = format!("{}/odd/sizes:{tag}", registry.host());
        sandbox.rdock(&["pull", "-q", &name]).ok();
        let ours = size(&sandbox.rdock(&["images", &name]).ok().stdout);
        // The engine of the tests is too old for zstd; what it unpacks to is the same.
        if packing != Packing::Zstd {
            let engine = DockerEngine::shared();
            engine.docker(&["pull", "-q", &name]).ok();
            expected = Some(size(&engine.docker(&["images", &name]).ok().stdout));
            engine.docker(&["rmi", &name]).ok();
        }
        assert!(ours.ends_with('B') && !ours.ends_with("kB"), "{ours}");
        assert_eq!(Some(ours), expected, "{packing:?}");
    }
}
