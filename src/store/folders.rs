//! The folders of a store: opened never through a link, and trusted only where nobody else may write to them. A link at
//! the place of a folder would have rdock work on files that are none of its own.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use rustix::process::{getegid, geteuid};

use crate::error::{Clue, Error, Kind, Result};

/// A folder that is open: whatever takes its place meanwhile, this one is read and changed.
#[derive(Debug)]
pub(super) struct Folder(File);

/// A file in a folder.
#[derive(Debug)]
pub(super) struct FileInFolder {
    pub(super) name: OsString,
    /// Bytes.
    pub(super) size: u64,
    /// The time of the last write.
    pub(super) written: SystemTime,
}

impl FileInFolder {
    /// How long nobody has written to it; nothing where that is in the future.
    pub(super) fn age(&self) -> Duration {
        self.written.elapsed().unwrap_or_default()
    }
}

impl Folder {
    /// Opens the folder; `None` where there is none. A link is an error.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path);
        match opened {
            Ok(folder) => Ok(Some(Self(folder))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The plain files in it.
    pub(super) fn files(&self) -> io::Result<Vec<FileInFolder>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            // What went meanwhile is not there.
            let Ok(stat) = rustix::fs::statat(&self.0, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                let seconds = Duration::from_secs(stat.st_mtime.try_into().unwrap_or_default());
                files.push(FileInFolder {
                    name,
                    size: stat.st_size.try_into().unwrap_or_default(),
                    written: UNIX_EPOCH.checked_add(seconds).unwrap_or(UNIX_EPOCH),
                });
            }
        }
        Ok(files)
    }

    /// Opens a plain file in it for reading.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, name, flags, rustix::fs::Mode::empty())?;
        Ok(File::from(file))
    }

    /// Removes a file of it.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// Refuses a store that somebody else may write to, and folders of it that are links or lead elsewhere. What is not
/// there is right.
pub(super) fn check<'a>(root: &Path, inside: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    // The root itself may be a link: it was named by the user.
    check_one(root, fs::metadata(root), root)?;
    for folder in inside {
        check_one(folder, fs::symlink_metadata(folder), root)?;
    }
    Ok(())
}

fn check_one(folder: &Path, found: io::Result<Metadata>, root: &Path) -> Result<()> {
    let refused = |why: String| {
        let root = root.display().to_string();
        Err(Error::new(Kind::Conflict, why).with_clue(Clue::ForeignStore { root }))
    };
    let path = folder.display();
    let Ok(found) = found else {
        // Who reads it is told why that fails.
        return Ok(());
    };
    if !found.is_dir() {
        return refused(format!("{path} is a link or a file, where a store has a folder"));
    }
    match danger(&found, geteuid().as_raw(), getegid().as_raw()) {
        Some(danger) => refused(format!("{path} {danger}")),
        None => Ok(()),
    }
}

/// The others who may write to the folder.
fn danger(folder: &Metadata, user: u32, group: u32) -> Option<&'static str> {
    let (owner, mode) = (folder.uid(), folder.mode());
    if owner != user && owner != 0 {
        return Some("belongs to another user");
    }
    if mode & 0o002 != 0 {
        return Some("may be written to by every user");
    }
    // Where each user has a group of his own, files are his group's to write.
    (mode & 0o020 != 0 && folder.gid() != group).then_some("may be written to by users of another group")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_is_not_opened_through_a_link_and_a_link_in_it_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), "12345").unwrap();
        symlink(at("real/file"), at("real/link")).unwrap();
        symlink(at("real"), at("link")).unwrap();
        assert!(Folder::open(&at("link")).is_err());
        assert!(Folder::open(&at("real/file")).is_err());
        assert!(Folder::open(&at("nothing")).unwrap().is_none());
        let real = Folder::open(&at("real")).unwrap().unwrap();
        let files = real.files().unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].name.to_str(), files[0].size), (Some("file"), 5));
        assert!(real.open_file(OsStr::new("link")).is_err());
        real.remove(OsStr::new("file")).unwrap();
        assert!(!at("real/file").exists());
    }

    #[test]
    fn a_folder_that_others_own_or_may_write_to_is_no_store() {
        let folder = tempfile::tempdir().unwrap();
        let found = |mode| {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            fs::metadata(folder.path()).unwrap()
        };
        let (own, group) = (found(0o700).uid(), found(0o700).gid());
        for mode in [0o700, 0o755, 0o775] {
            assert_eq!(danger(&found(mode), own, group), None, "{mode:o}");
        }
        for mode in [0o777, 0o1777, 0o702] {
            let danger = danger(&found(mode), own, group);
            assert_eq!(danger, Some("may be written to by every user"), "{mode:o}");
        }
        assert!(danger(&found(0o770), own, group + 1).is_some());
        // A folder of the administrator's is one's own to trust.
        let stranger = danger(&found(0o755), own + 1, group);
        assert_eq!(stranger.is_some(), own != 0);
    }
}
