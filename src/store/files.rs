//! Opening the files of a store: never through a link, and nothing but plain files. A store may have come from somebody
//! else, as an archive or a checkout; its files are not believed to be what they should be.

use std::error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::image::digest::Algorithm;
use crate::image::{Digest, Digester};

/// The longest file of the store that is read whole beside blobs: 256 MiB, of which half a million images need a half.
const LONGEST: u64 = 256 << 20;
/// How much is hashed at once.
const PIECE: usize = 1 << 20;

/// Opens the file with these options. A link is an error; so is a folder, a pipe, a socket or a device, and nothing
/// waits for the other end of one.
pub(super) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = options.clone().custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(at(path))?;
    if file.metadata().map_err(at(path))?.is_file() {
        return Ok(file);
    }
    Err(not_plain(path))
}

/// Opens the file to read it.
pub(super) fn open_read(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Opens the file to read and write it, and makes it where there is none. Nobody else may read a file made with
/// `mode` 0o600.
pub(super) fn open_write(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(mode);
    open(path, &options)
}

/// The whole file, which must not be endless.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = open_read(path)?;
    let fits = |length: u64| {
        let why = || format!("it has more than {} MiB", LONGEST >> 20);
        let too_long = || at(path)(io::Error::new(io::ErrorKind::FileTooLarge, why()));
        (length <= LONGEST).then_some(()).ok_or_else(too_long)
    };
    // Before memory is taken for it; it may grow all the same.
    fits(file.metadata().map_err(at(path))?.len())?;
    let mut raw = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut raw).map_err(at(path))?;
    fits(raw.len() as u64)?;
    Ok(raw)
}

/// What the system says of one file. It says what is wrong, but not with which.
#[derive(Debug)]
struct AtPath {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for AtPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl error::Error for AtPath {}

/// Has an error say which file it is about, unless it does. Its kind stays.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |source| {
        if source.get_ref().and_then(|it| it.downcast_ref::<AtPath>()).is_some() {
            return source;
        }
        let path = path.to_owned();
        io::Error::new(source.kind(), AtPath { path, source })
    }
}

/// The number that the system gave an error, if it is the system's.
pub(super) fn number_of(e: &io::Error) -> Option<i32> {
    let within = e.get_ref().and_then(|inner| inner.downcast_ref::<AtPath>());
    within.map_or(e, |within| &within.source).raw_os_error()
}

/// The digest of all that comes, and how many bytes it has.
pub(super) fn hash(mut bytes: impl io::Read, algorithm: Algorithm) -> io::Result<(Digest, u64)> {
    let mut digester = Digester::new(algorithm);
    let mut piece = vec![0; PIECE];
    let mut length: u64 = 0;
    loop {
        match bytes.read(&mut piece) {
            Ok(0) => return Ok((digester.finish(), length)),
            Ok(n) => {
                digester.update(&piece[..n]);
                length = length.saturating_add(n as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The path of the blob in the folder of all blobs.
pub(super) fn blob_name(digest: &Digest) -> String {
    [digest.algorithm().name(), "/", digest.hex()].concat()
}

fn not_plain(path: &Path) -> io::Error {
    let why = format!("{} is not a plain file", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_pipes_devices_and_folders_are_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("plain"), "x").unwrap();
        symlink(at("plain"), at("link")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        fs::create_dir(at("folder")).unwrap();
        assert_eq!(read(&at("plain")).unwrap(), b"x");
        for name in ["link", "device", "pipe", "folder"] {
            assert!(read(&at(name)).is_err(), "{name}");
            assert!(open_write(&at(name), 0o600).is_err(), "{name}");
        }
        assert_eq!(fs::read(at("plain")).unwrap(), b"x");
        let why = read(Path::new("/dev/zero")).unwrap_err();
        assert!(why.to_string().contains("is not a plain file"), "{why}");
    }

    /// More than any machine has: what is read is refused by its length alone.
    #[test]
    fn what_is_longer_than_memory_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        File::create(&path).unwrap().set_len(1 << 42).unwrap();
        let why = read(&path).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::FileTooLarge);
        assert!(
            why.to_string().ends_with("index.json: it has more than 256 MiB"),
            "{why}"
        );
    }

    #[test]
    fn an_error_says_which_file_it_is_about_and_keeps_its_kind_and_number() {
        let path = Path::new("/no/such/file");
        let error = at(Path::new("/another"))(open_read(path).unwrap_err());
        assert_eq!(
            error.to_string(),
            "/no/such/file: No such file or directory (os error 2)"
        );
        assert_eq!((error.kind(), number_of(&error)), (io::ErrorKind::NotFound, Some(2)));
    }
}
