//! The target of an archive: a file that appears when it is whole, or standard output.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use super::new_file::{NewFile, folder_of};
use crate::archive::Out;
use crate::error::{Clue, During, Error, Kind, Result, in_go_s_words};

/// The place that an archive goes to.
pub struct ArchiveTarget(To);

enum To {
    /// Standard output, and whether its reader has gone.
    Out(Arc<AtomicBool>),
    File(NewFile),
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
            return Ok(Self(To::Out(Arc::default())));
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
        let file = NewFile::create(path);
        let file = file.map_err(|e| wrong(format!("open {}: {}", folder.display(), in_go_s_words(&e))))?;
        Ok(Self(To::File(file)))
    }

    /// What an archive's writer writes to.
    pub fn out(&self) -> Result<Out> {
        let (stream, name) = (self.stream()?, self.to_string());
        Ok(Out { stream, name })
    }

    fn stream(&self) -> Result<Box<dyn Write + Send>> {
        let doing = || format!("opening {self}");
        Ok(match &self.0 {
            // The file itself: a line-buffered stream would look at every byte.
            To::Out(has_no_reader) => {
                let own = io::stdout().as_fd().try_clone_to_owned().during(doing())?;
                Box::new(Pipe {
                    out: File::from(own),
                    has_no_reader: Arc::clone(has_no_reader),
                })
            }
            To::File(file) => Box::new(file.file().try_clone().during(doing())?),
        })
    }

    /// Lets the file appear.
    pub fn commit(self) -> Result<()> {
        let To::File(file) = self.0 else {
            return Ok(());
        };
        let path = file.path().to_owned();
        let committed = file.commit().map_err(|e| in_folder(e.into(), &path));
        committed.during(format!("writing {}", path.display()))
    }

    /// A failure to write to it, with where that is.
    pub fn failure(&self, error: Error) -> Error {
        match &self.0 {
            To::File(file) => in_folder(error, file.path()),
            To::Out(_) => error,
        }
    }

    /// Whether whoever read the archive has had enough of it, as in `rdock save app | head`.
    pub fn has_no_reader(&self) -> bool {
        matches!(&self.0, To::Out(has_no_reader) if has_no_reader.load(Ordering::Relaxed))
    }
}

impl fmt::Display for ArchiveTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            To::Out(_) => f.write_str("standard output"),
            To::File(file) => write!(f, "{}", file.path().display()),
        }
    }
}

/// A full disk is not the store's here.
fn in_folder(error: Error, path: &Path) -> Error {
    if error.kind() != Kind::NoSpace || error.clue().is_some() {
        return error;
    }
    let folder = folder_of(path).display().to_string();
    error.with_clue(Clue::NoRoom { folder })
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
