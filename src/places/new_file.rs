//! A file that has no name until it is whole. Whoever is killed before leaves nothing; where the file system knows no
//! files without a name, the next one who writes a file of that name removes what was left.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags, flock, linkat};
use tempfile::{Builder, NamedTempFile, TempPath};

/// The text between the future name and what makes a temporary one unique: nobody else's files are called so.
const MARK: &str = ".rdock-";
/// The longest part of a name that a temporary name repeats, so that there is room for the rest.
const LONGEST_PART: usize = 200;

/// The file, which only its owner may read.
#[derive(Debug)]
pub(super) struct NewFile {
    file: File,
    path: PathBuf,
    /// Its name meanwhile, where it must have one.
    temporary: Option<TempPath>,
}

impl NewFile {
    /// Begins a file that is to lie at `path`.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let (folder, prefix) = (folder_of(path), prefix_of(path));
        remove_left(folder, &prefix);
        let path = path.to_owned();
        if let Ok(file) = nameless(folder) {
            let temporary = None;
            return Ok(Self { file, path, temporary });
        }
        let (file, temporary) = named(folder, &prefix)?.into_parts();
        Ok(Self {
            file,
            path,
            temporary: Some(temporary),
        })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, in the place of what bore it; bytes and name outlast a power cut.
    pub(super) fn commit(self) -> io::Result<()> {
        self.file.sync_all()?;
        let folder = folder_of(&self.path);
        match self.temporary {
            Some(temporary) => temporary.persist(&self.path).map_err(|e| e.error)?,
            None if link(&self.file, &self.path).is_err() => {
                // Only a file with a name can take the place of another in one step.
                let prefix = prefix_of(&self.path);
                let made = Builder::new()
                    .prefix(&prefix)
                    .make_in(folder, |path| link(&self.file, path))?;
                made.into_temp_path().persist(&self.path).map_err(|e| e.error)?;
            }
            None => {}
        }
        File::open(folder)?.sync_all()
    }
}

fn nameless(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE.bits().cast_signed();
    let file = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(folder)?;
    // Without /proc it could never get a name.
    fs::metadata(in_proc(&file))?;
    lock(&file)?;
    Ok(file)
}

fn named(folder: &Path, prefix: &OsStr) -> io::Result<NamedTempFile> {
    let made = Builder::new().prefix(prefix).tempfile_in(folder)?;
    lock(made.as_file())?;
    Ok(made)
}

/// Says that somebody is still at it, for as long as the file is open.
fn lock(file: &File) -> io::Result<()> {
    Ok(flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(CWD, in_proc(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

fn in_proc(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Removes what was left of a file of this name by those who were killed.
fn remove_left(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry
            .file_name()
            .as_bytes()
            .strip_prefix(prefix.as_bytes())
            .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_alphanumeric));
        if !is_ours {
            continue;
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(entry.path());
        if opened.is_ok_and(|file| lock(&file).is_ok()) {
            // What cannot be removed now goes with the next one.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// How the temporary names of a file begin.
fn prefix_of(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let part = &name[..name.len().min(LONGEST_PART)];
    OsString::from_vec([b".tmp-", part, MARK.as_bytes()].concat())
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_seen_when_it_is_whole_and_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        for text in ["first", "second"] {
            let new = NewFile::create(&path).unwrap();
            new.file().write_all(text.as_bytes()).unwrap();
            assert_ne!(fs::read_to_string(&path).ok().as_deref(), Some(text));
            new.commit().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(folder.path()), ["out.tar"]);
        }
    }

    #[test]
    fn where_it_must_have_a_name_meanwhile_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        for text in ["first", "second"] {
            let (file, temporary) = named(folder.path(), &prefix_of(&path)).unwrap().into_parts();
            let new = NewFile {
                file,
                path: path.clone(),
                temporary: Some(temporary),
            };
            new.file().write_all(text.as_bytes()).unwrap();
            new.commit().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(folder.path()), ["out.tar"]);
        }
    }

    #[test]
    fn what_a_killed_one_left_goes_with_the_next_and_what_others_own_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        let at_work = named(folder.path(), &prefix_of(&path)).unwrap();
        let others = [".tmp-out.tar123456", ".tmp-other.tar.rdock-abc123", "out.tar.rdock-x"];
        for name in others.iter().chain(&[".tmp-out.tar.rdock-abc123"]) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        drop(NewFile::create(&path).unwrap());
        let own = at_work.path().file_name().unwrap().to_str().unwrap();
        let mut expected: Vec<&str> = others.iter().copied().chain([own]).collect();
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_name_of_any_length_has_room_for_a_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        for _ in 0..2 {
            NewFile::create(&path).unwrap().commit().unwrap();
        }
        assert!(named(folder.path(), &prefix_of(&path)).is_ok());
    }
}
