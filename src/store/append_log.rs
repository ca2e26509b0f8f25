//! Small append-only files of facts, one a line, that several processes write at once.
//!
//! Each line must end in a digest: a line that a killed process left torn then never reads as a whole one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use crate::image::Digest;
use crate::store::files;

/// The facts in the file: what stands before the digest, and the digest. Lines that are none are passed over.
pub(super) fn read(path: &Path) -> Vec<(String, Digest)> {
    let text = text(path);
    let facts = facts(&text).map(|(fact, digest)| (text[fact].to_owned(), digest));
    facts.collect()
}

/// The whole file; nothing where it cannot be read.
pub(super) fn text(path: &Path) -> String {
    let raw = files::read(path).unwrap_or_default();
    String::from_utf8(raw).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// The ranges of the facts in such a text, and their digests.
pub(super) fn facts(text: &str) -> impl Iterator<Item = (Range<usize>, Digest)> {
    let mut end = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let begin = end;
        end += line.len();
        let (fact, digest) = line.trim_end_matches('\n').rsplit_once(' ')?;
        Some((begin..begin + fact.len(), Digest::parse(digest).ok()?))
    })
}

/// Adds facts in one write; the file, unless there was nothing to add.
pub(super) fn append<'a>(
    path: &Path,
    facts: impl IntoIterator<Item = (String, &'a Digest)>,
) -> io::Result<Option<File>> {
    let lines = facts.into_iter().map(|(fact, digest)| format!("{fact} {digest}\n"));
    let mut text: String = lines.collect();
    if text.is_empty() {
        return Ok(None);
    }
    let mut file = files::open(path, OpenOptions::new().read(true).append(true).create(true))?;
    let mut write = || {
        file.lock()?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            text.insert(0, '\n');
        }
        file.write_all(text.as_bytes())?;
        file.unlock()
    };
    write().map_err(files::at(path))?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, thread};

    #[test]
    fn a_torn_line_is_lost_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts");
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        append(&path, [("1".to_owned(), &one), ("22".to_owned(), &two)]).unwrap();
        let torn = fs::read(&path).unwrap();
        for cut in 0..torn.len() {
            fs::write(&path, &torn[..cut]).unwrap();
            append(&path, [("333".to_owned(), &two)]).unwrap();
            let facts = read(&path);
            assert_eq!(facts.last().unwrap(), &("333".to_owned(), two.clone()));
            for (fact, digest) in &facts[..facts.len() - 1] {
                assert!((fact.as_str(), digest) == ("1", &one) || (fact.as_str(), digest) == ("22", &two));
            }
        }
    }

    #[test]
    fn many_writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts");
        thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for n in 0..50 {
                        append(path, [(format!("{writer} {n}"), &Digest::of(b"x"))]).unwrap();
                    }
                });
            }
        });
        assert_eq!(read(&path).len(), 200);
    }
}
