//! Where an archive is written: a file that appears when it is whole, or standard output.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::error::{During, Error, Kind, Result, in_go_s_words};

/// Where an archive goes. A file takes its place only when it is whole.
pub enum ArchiveTarget {
    /// Standard output, and whether its reader has gone.
    Out(Arc<AtomicBool>),
    File(NamedTempFile, PathBuf),
}

impl ArchiveTarget {
    /// Docker's checks, in its words
    /// (<https://github.com/moby/sys/blob/atomicwriter/v0.1.0/atomicwriter/atomicwriter.go>).
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            if io::stdout().is_terminal() {
                return Err(Error::new(
                    Kind::Usage,
                    "cowardly refusing to save to a terminal. Use the -o flag or redirect",
                ));
            }
            if is_closed(&io::stdout()) {
                let message = "write /dev/stdout: bad file descriptor: standard output is closed";
                return Err(Error::new(Kind::Io, message));
            }
            return Ok(ArchiveTarget::Out(Arc::default()));
        };
        let folder = folder_of(path);
        let wrong = |why: String| Error::new(Kind::Usage, format!("failed to save image: {why}"));
        let stat = |words: &str| wrong(format!("invalid output path: stat {}: {words}", folder.display()));
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(stat("not a directory")),
            Err(e) => return Err(stat(&in_go_s_words(&e))),
        }
        if let Ok(metadata) = fs::symlink_metadata(path)
            && let Some(what) = what_is_no_file(metadata.file_type())
        {
            return Err(wrong(format!("cannot write to {what}")));
        }
        let prefix = format!(".tmp-{}", path.file_name().unwrap_or_default().to_string_lossy());
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder);
        let file = file.map_err(|e| wrong(format!("open {}: {}", folder.display(), in_go_s_words(&e))))?;
        Ok(ArchiveTarget::File(file, path.to_owned()))
    }

    pub fn stream(&self) -> Result<Box<dyn Write + Send>> {
        let doing = "opening the archive";
        Ok(match self {
            // The file itself: a line-buffered stream would look at every byte.
            ArchiveTarget::Out(has_no_reader) => {
                let own = io::stdout().as_fd().try_clone_to_owned().during(doing)?;
                Box::new(Pipe {
                    out: File::from(own),
                    has_no_reader: Arc::clone(has_no_reader),
                })
            }
            ArchiveTarget::File(file, _) => Box::new(file.as_file().try_clone().during(doing)?),
        })
    }

    pub fn commit(self) -> Result<()> {
        let ArchiveTarget::File(file, path) = self else {
            return Ok(());
        };
        let doing = format!("writing {}", path.display());
        file.as_file().sync_all().during(&doing)?;
        file.persist(&path).map(drop).map_err(|e| e.error).during(&doing)?;
        // The new name must last as long as the bytes.
        File::open(folder_of(&path))
            .and_then(|folder| folder.sync_all())
            .during(doing)
    }

    /// Whether whoever read the archive has had enough of it, as in `rdock save app | head`.
    pub fn has_no_reader(&self) -> bool {
        matches!(self, ArchiveTarget::Out(has_no_reader) if has_no_reader.load(Ordering::Relaxed))
    }
}

/// Standard output that notes when its reader goes.
struct Pipe {
    out: File,
    has_no_reader: Arc<AtomicBool>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|e| {
            if e.kind() == io::ErrorKind::BrokenPipe {
                self.has_no_reader.store(true, Ordering::Relaxed);
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether the stream was closed when the program began. Rust's start-up puts `/dev/null`, open for reading and
/// writing, in the place of a closed one; a shell opens it for writing alone.
fn is_closed(stream: &impl AsFd) -> bool {
    let is_read = rustix::fs::fcntl_getfl(stream).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    let same = |null: fs::Metadata| rustix::fs::fstat(stream).is_ok_and(|own| own.st_rdev == null.rdev());
    is_read && fs::metadata("/dev/null").is_ok_and(same)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn what_is_no_file(sort: fs::FileType) -> Option<&'static str> {
    [
        (sort.is_dir(), "a directory"),
        (sort.is_symlink(), "a symbolic link directly"),
        (sort.is_fifo(), "a named pipe (FIFO)"),
        (sort.is_socket(), "a socket"),
        (sort.is_char_device(), "a character device file"),
        (sort.is_block_device(), "a block device file"),
    ]
    .into_iter()
    .find_map(|(is_it, what)| is_it.then_some(what))
}
