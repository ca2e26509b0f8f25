//! A file that an archive is read from. What goes wrong with it is told with its path.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file, from its beginning.
pub struct ArchiveSource {
    file: File,
    path: PathBuf,
}

impl ArchiveSource {
    pub fn open(path: &Path) -> io::Result<Self> {
        let (file, path) = (File::open(path)?, path.to_owned());
        Ok(Self { file, path })
    }

    pub fn is_folder(&self) -> io::Result<bool> {
        self.file.metadata().map(|metadata| metadata.is_dir())
    }
}

impl Read for ArchiveSource {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.file.read(room).map_err(|e| match e.kind() {
            io::ErrorKind::Interrupted => e,
            kind => io::Error::new(kind, format!("read {}: {e}", self.path.display())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = ArchiveSource::open(folder.path()).unwrap();
        assert!(source.is_folder().unwrap());
        let why = source.read(&mut [0]).unwrap_err().to_string();
        assert!(why.starts_with(&format!("read {}: ", folder.path().display())), "{why}");
    }
}
