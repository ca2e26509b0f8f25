//! Layers: real tar archives of files, links, folders and odd modes, packed in several ways.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::process::finish;

/// The size of the file in [`Layer::big`], bytes.
pub(crate) const BIG: usize = 100 * 1024 * 1024;

/// How a layer's tar is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    Plain,
}

/// One layer, not packed yet.
#[derive(Clone)]
pub(crate) struct Layer {
    content: Content,
    packing: Option<Packing>,
}

#[derive(Clone)]
enum Content {
    Tar(Vec<u8>),
    Big,
}

/// A packed layer, ready to be put into a layout.
pub(crate) struct Packed {
    pub(crate) bytes: Bytes,
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) diff_id: String,
    pub(crate) packing: Packing,
}

/// The path of the packed bytes.
pub(crate) enum Bytes {
    Memory(Vec<u8>),
    File(PathBuf),
}

impl Layer {
    /// `count` files of `size` bytes each with folders, links and special modes beside them.
    pub(crate) fn files(count: usize, size: usize) -> Self {
        Self::seeded(1, count, size)
    }

    /// Like [`Layer::files`], with other content for every other seed.
    pub(crate) fn seeded(seed: u64, count: usize, size: usize) -> Self {
        let mut tar = Builder::new(Vec::new());
        let root = format!("usr/share/layer-{seed}");
        folder(&mut tar, "usr/", 0o755);
        folder(&mut tar, "usr/share/", 0o755);
        folder(&mut tar, &format!("{root}/"), 0o750);
        folder(&mut tar, &format!("{root}/tmp/"), 0o1777);
        for number in 0..count {
            let content = noise(seed.wrapping_mul(1_000_003) + number as u64, size);
            let mode = if number % 5 == 4 { 0o4755 } else { 0o644 };
            let name = format!("{root}/file-{number:04}.bin");
            file(&mut tar, &name, mode, &content);
        }
        if count > 0 {
            link(&mut tar, &format!("{root}/first"), "file-0000.bin", EntryType::Symlink);
            let target = format!("{root}/file-0000.bin");
            link(&mut tar, &format!("{root}/second-name"), &target, EntryType::Link);
        }
        let long = format!("{root}/{}.txt", "long-name-".repeat(15));
        file(&mut tar, &long, 0o600, "ünïcödé 中文\n".as_bytes());
        Self::tar(tar.into_inner().unwrap())
    }

    /// One text file.
    pub(crate) fn text(name: &str, content: &str) -> Self {
        let mut tar = Builder::new(Vec::new());
        file(&mut tar, name, 0o644, content.as_bytes());
        Self::tar(tar.into_inner().unwrap())
    }

    /// A whiteout: the layer that deletes `path`, for example `etc/motd`.
    pub(crate) fn whiteout(path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Self::text(&format!("{folder}/.wh.{name}"), "")
    }

    /// The real files and links below a folder of this machine, in the order of their names.
    pub(crate) fn tree(path: &Path) -> Self {
        let mut tar = Builder::new(Vec::new());
        tree(&mut tar, path);
        Self::tar(tar.into_inner().unwrap())
    }

    /// A tar archive as it is, good or bad.
    pub(crate) fn tar(tar: Vec<u8>) -> Self {
        let content = Content::Tar(tar);
        Self { content, packing: None }
    }

    /// One file of 100 MiB of noise in a gzip stream that is no smaller; made once and shared.
    pub(crate) fn big() -> Self {
        Self {
            content: Content::Big,
            packing: Some(Packing::Gzip),
        }
    }

    /// Packs this layer so, whatever the image's other layers do.
    pub(crate) fn packed(mut self, packing: Packing) -> Self {
        if matches!(self.content, Content::Tar(_)) {
            self.packing = Some(packing);
        }
        self
    }

    /// Packs the layer; `usual` is how, if the layer does not say itself.
    pub(crate) fn pack(&self, usual: Packing) -> Packed {
        let packing = self.packing.unwrap_or(usual);
        let Content::Tar(tar) = &self.content else {
            return big();
        };
        let bytes = match packing {
            Packing::Plain => tar.clone(),
            Packing::Zstd => zstd::encode_all(tar.as_slice(), 3).unwrap(),
            Packing::Gzip => gzip(tar, flate2::Compression::fast()),
        };
        Packed {
            digest: digest(&bytes),
            size: bytes.len() as u64,
            diff_id: digest(tar),
            bytes: Bytes::Memory(bytes),
            packing,
        }
    }
}

/// `sha256:` and the hash of the bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; size];
    random.fill(&mut bytes);
    bytes
}

fn gzip(bytes: &[u8], level: flate2::Compression) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn header(size: u64, mode: u32, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(1_553_642_092);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn file(tar: &mut Builder<Vec<u8>>, name: &str, mode: u32, content: &[u8]) {
    let mut header = header(content.len() as u64, mode, EntryType::Regular);
    tar.append_data(&mut header, name, content).unwrap();
}

fn folder(tar: &mut Builder<Vec<u8>>, name: &str, mode: u32) {
    let mut header = header(0, mode, EntryType::Directory);
    tar.append_data(&mut header, name, std::io::empty()).unwrap();
}

fn link(tar: &mut Builder<Vec<u8>>, name: &str, target: &str, kind: EntryType) {
    let mut header = header(0, 0o777, kind);
    tar.append_link(&mut header, name, target).unwrap();
}

fn tree(tar: &mut Builder<Vec<u8>>, path: &Path) {
    let name = path.to_str().unwrap().trim_start_matches('/').to_owned();
    let metadata = fs::symlink_metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_symlink() {
        let target = fs::read_link(path).unwrap();
        link(tar, &name, target.to_str().unwrap(), EntryType::Symlink);
    } else if metadata.is_dir() {
        folder(tar, &format!("{name}/"), mode);
        let mut children: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        children.sort();
        for child in &children {
            tree(tar, child);
        }
    } else {
        file(tar, &name, mode, &fs::read(path).unwrap());
    }
}

/// Makes the big layer at most once for all test runs; hashing it in a debug build takes seconds.
fn big() -> Packed {
    static READY: OnceLock<(PathBuf, String, String, u64)> = OnceLock::new();
    let (path, digest, diff_id, size) = READY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("big-layer-1");
        if !folder.exists() {
            make_big(&folder);
        }
        let path = folder.join("layer.tar.gz");
        let sums = fs::read_to_string(folder.join("sums")).unwrap();
        let (digest, diff_id) = sums.split_once('\n').unwrap();
        let size = fs::metadata(&path).unwrap().len();
        (path, digest.to_owned(), diff_id.to_owned(), size)
    });
    Packed {
        bytes: Bytes::File(path.clone()),
        digest: digest.clone(),
        size: *size,
        diff_id: diff_id.clone(),
        packing: Packing::Gzip,
    }
}

fn make_big(folder: &Path) {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let block = noise(7, 1024 * 1024);
    let content = block.repeat(BIG / block.len());
    let mut tar = Builder::new(Vec::new());
    file(&mut tar, "big.bin", 0o644, &content);
    let tar = tar.into_inner().unwrap();
    let plain = scratch.path().join("layer.tar");
    let packed = scratch.path().join("layer.tar.gz");
    fs::write(&plain, &tar).unwrap();
    fs::write(&packed, gzip(&tar, flate2::Compression::none())).unwrap();
    let sums = format!("{}\n{}", sha256sum(&packed), sha256sum(&plain));
    fs::remove_file(plain).unwrap();
    fs::write(scratch.path().join("sums"), sums).unwrap();
    // Whoever comes second finds the folder there already; both made the same bytes.
    if fs::rename(scratch.path(), folder).is_ok() {
        let _ = scratch.keep();
    }
}

fn sha256sum(path: &Path) -> String {
    let mut command = Command::new("sha256sum");
    command.arg(path);
    let run = finish(command, b"").ok();
    format!("sha256:{}", run.stdout.split_whitespace().next().unwrap())
}
