//! A file that is changed whole: under a lock against other rdocks, by a finished neighbour taking its name.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};

/// Between the file's name and what makes that of its finished neighbour unique: nobody else's files are called so.
const MARK: &str = ".rdock-";
/// The most links that are followed, as in Linux.
const MOST_LINKS: usize = 40;

/// The path of a file that is or will be, with its folder locked until this is dropped.
pub(super) struct LockedFile {
    target: PathBuf,
    folder: PathBuf,
    _lock: Option<File>,
}

impl LockedFile {
    /// Follows symbolic links (to nothing, too), makes missing folders (0700) and waits for the lock.
    ///
    /// The lock is on the folder, so nothing is left lying about. A file system without locks does without,
    /// as Docker always does.
    pub(super) fn lock(path: &Path) -> io::Result<Self> {
        let target = followed(path)?;
        let folder = match target.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let lock = File::open(&folder)
            .and_then(|folder| folder.lock().map(|()| folder))
            .ok();
        if lock.is_some() {
            remove_left(&folder, &prefix_of(&target));
        }
        Ok(Self {
            target,
            folder,
            _lock: lock,
        })
    }

    /// Puts this text in the file's place. Whatever happens, either the old or the new file is there, whole; only a
    /// file that is a mount point of its own (a container's config.json) cannot be replaced and is written over.
    pub(super) fn replace(&self, text: &str) -> io::Result<()> {
        match self.rename_over(text) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::ResourceBusy | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                // The first reason is told where the file cannot be written either.
                self.write_over(text).map_err(|_| e)
            }
            replaced => replaced,
        }
    }

    /// Writes the text before it cuts what is left of the old one, so that a full disk loses as little as can be.
    fn write_over(&self, text: &str) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.target)?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    }

    fn rename_over(&self, text: &str) -> io::Result<()> {
        let prefix = prefix_of(&self.target);
        let mut new = tempfile::Builder::new().prefix(&prefix).tempfile_in(&self.folder)?;
        new.write_all(text.as_bytes())?;
        let file = new.as_file();
        let mode = match fs::metadata(&self.target) {
            Ok(old) => {
                keep_owner(&old, file)?;
                old.mode() & 0o7777
            }
            Err(_) => 0o600,
        };
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        new.persist(&self.target)?;
        // The rename is done; a file system that cannot sync a folder is no reason to call it failed.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// Gives a file the owner of the one it replaces, where that is another and may be done (root may).
fn keep_owner(old: &fs::Metadata, file: &File) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
        let _ = rustix::fs::fchown(file, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid())));
    }
    Ok(())
}

fn prefix_of(target: &Path) -> OsString {
    let mut prefix = target.file_name().unwrap_or_default().to_owned();
    prefix.push(MARK);
    prefix
}

/// Removes what those left who were killed while they held the lock: it may hold passwords.
fn remove_left(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.as_bytes().strip_prefix(prefix.as_bytes());
        let is_ours = rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_alphanumeric));
        if is_ours && entry.file_type().is_ok_and(|it| it.is_file()) {
            // What cannot be removed now goes with the next change.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&at) {
            Ok(next) => at = at.parent().unwrap_or(Path::new("")).join(next),
            // No link, or nothing there.
            Err(_) => return Ok(at),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn write(path: &Path, text: &str) {
        LockedFile::lock(path).unwrap().replace(text).unwrap();
    }

    #[test]
    fn new_files_are_0600_and_new_folders_0700() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("made/up/config.json");
        write(&path, "{}");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&home.path().join("made")), 0o700);
    }

    #[test]
    fn an_existing_file_keeps_its_mode_and_nothing_else_is_left() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.json");
        for kept in [0o644, 0o666, 0o640, 0o400] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            write(&path, "new");
            assert_eq!(mode(&path), kept);
            assert_eq!(fs::read_to_string(&path).unwrap(), "new");
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_one_left_goes_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let strangers = [
            "config.json.bak",
            "config.json123",
            "config.json.rdock-",
            "config.json.rdock-a.b",
        ];
        for name in strangers.iter().chain(&["config.json.rdock-aB3dEf"]) {
            fs::write(at(name), "x").unwrap();
        }
        write(&at("config.json"), "{}");
        assert!(strangers.iter().all(|name| at(name).exists()));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), strangers.len() + 1);
    }

    #[test]
    fn root_keeps_the_owner() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.json");
        fs::write(&path, "old").unwrap();
        if !rustix::process::geteuid().is_root() {
            return;
        }
        std::os::unix::fs::chown(&path, Some(1234), Some(2345)).unwrap();
        write(&path, "new");
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.uid(), now.gid()), (1234, 2345));
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced_or_made() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        let link = home.path().join("a/config.json");
        symlink("second.json", &link).unwrap();
        symlink("../elsewhere/real.json", home.path().join("a/second.json")).unwrap();
        for text in ["made", "replaced"] {
            write(&link, text);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(
                fs::read_to_string(home.path().join("elsewhere/real.json")).unwrap(),
                text
            );
        }
        assert_eq!(mode(&home.path().join("elsewhere/real.json")), 0o600);
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let home = tempfile::tempdir().unwrap();
        symlink("config.json", home.path().join("config.json")).unwrap();
        assert!(LockedFile::lock(&home.path().join("config.json")).is_err());
    }

    #[test]
    fn the_second_waits_for_the_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("count");
        fs::write(&path, "0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let locked = LockedFile::lock(&path).unwrap();
                        let count: u32 = fs::read_to_string(&path).unwrap().parse().unwrap();
                        locked.replace(&(count + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "80");
    }
}
