//! The entries of an archive that may come from anyone, with names in one spelling.
//!
//! Only names and data are of interest: nothing is ever written under a name from an archive. Names that would lead
//! out of a folder are refused all the same, since an honest archive has none; an absolute one begins at the archive's
//! root, as docker unpacks it.

use std::io::{self, Read};

use tar::EntryType;

use super::errors::{bad, cut_off};
use crate::error::{Error, Result};
use crate::tarball::{self, Fault, Walk};

/// The most entries: far more than any archive has, a guard against one that never ends.
const MAX_ENTRIES: usize = 100_000;
/// The longest name or link, as on Linux.
const MAX_NAME: usize = 4096;
/// The most that all names and links have together, in bytes: they are kept.
const MAX_NAMES: usize = 16 << 20;
/// The most that is read after the end of the archive, so that whoever writes into a pipe can end well.
const MAX_TAIL: u64 = 64 << 20;

/// One entry; its data is next in the stream.
#[derive(Debug)]
pub(super) struct Entry {
    /// Without `./` in front and `/` at the end, and never leading out of the archive.
    pub(super) path: String,
    pub(super) sort: Sort,
    /// Bytes of the data.
    pub(super) size: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sort {
    File,
    Folder,
    /// A link to another path of the archive, wherever it stands there.
    Link(String),
}

/// The entries of a tar stream, one after the other.
pub(super) struct Entries<R> {
    walk: Walk<R>,
    count: usize,
    /// Bytes of all names and links so far.
    names: usize,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            walk: Walk::new(stream),
            count: 0,
            names: 0,
        }
    }

    /// The next entry, past what was not read of the one before; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        let Some(entry) = self.walk.next_entry().map_err(refused)? else {
            return Ok(None);
        };
        self.count += 1;
        if self.count > MAX_ENTRIES {
            return Err(bad(format!("the archive has more than {MAX_ENTRIES} entries")));
        }
        if entry.path.len().max(entry.link.len()) > MAX_NAME {
            return Err(bad(format!("the archive has a name of more than {MAX_NAME} bytes")));
        }
        self.names += entry.path.len() + entry.link.len();
        if self.names > MAX_NAMES {
            return Err(bad("the names in the archive have more than 16 MiB together"));
        }
        understood(entry).map(Some)
    }

    /// The data of the present entry. It is for the reader to see whether all of it came.
    pub(super) fn data(&mut self) -> tarball::Data<'_, R> {
        self.walk.data()
    }

    /// What kept the last data from being read to its end, if anything did.
    pub(super) fn failure(&mut self) -> Option<Error> {
        self.walk.failure().map(refused)
    }

    /// Reads up to the end of the stream, so that its checksum is checked and its writer not cut off.
    pub(super) fn finish(self) -> Result<()> {
        io::copy(&mut self.walk.into_stream().take(MAX_TAIL), &mut io::sink())
            .map(drop)
            .map_err(broken)
    }
}

fn understood(entry: tarball::Entry) -> Result<Entry> {
    let sort = entry.header.entry_type();
    let path = String::from_utf8(entry.path).map_err(|_| bad("the archive holds a name that is not UTF-8"))?;
    let path = cleaned(&path).ok_or_else(|| bad(format!("the archive's entry {path:?} leads out of it")))?;
    let link =
        || String::from_utf8(entry.link.clone()).map_err(|_| bad(format!("the archive's link {path:?} is not UTF-8")));
    let out = |to: &str| bad(format!("the archive's link {path:?} leads out of it: {to:?}"));
    let sort = match sort {
        EntryType::Regular | EntryType::Continuous if !entry.is_sparse => Sort::File,
        // Before POSIX a folder was a file whose name ends so.
        EntryType::Directory => Sort::Folder,
        EntryType::Symlink => {
            let to = link()?;
            let from = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Sort::Link(joined(from, &to).ok_or_else(|| out(&to))?)
        }
        EntryType::Link => {
            let to = link()?;
            let inside = Some(&to).filter(|to| !to.starts_with('/')).and_then(|to| cleaned(to));
            Sort::Link(inside.ok_or_else(|| out(&to))?)
        }
        _ => {
            return Err(bad(format!(
                "the archive's entry {path:?} is neither a file, a folder nor a link"
            )));
        }
    };
    let size = entry.size;
    Ok(Entry { path, sort, size })
}

/// The failure of the stream that the archive comes in.
pub(super) fn broken(e: io::Error) -> Error {
    refused(Fault::from(e))
}

fn refused(fault: Fault) -> Error {
    match fault {
        Fault::Cut => cut_off(),
        Fault::Header => bad("Error processing tar file(exit status 1): archive/tar: invalid tar header"),
        Fault::TooMuch(what) => bad(format!("the archive has {what}")),
        Fault::Stream(e) => bad("the archive cannot be read").caused_by(e),
    }
}

/// The path in one spelling; `None` where it leads upwards out of the archive. The root is empty.
pub(super) fn cleaned(path: &str) -> Option<String> {
    if path.contains('\0') || path.split('/').any(|part| part == "..") {
        return None;
    }
    joined("", path.trim_start_matches('/'))
}

/// The path that a relative link in `folder` leads to.
fn joined(folder: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, sort, link) in entries {
            if path.len() > 100 {
                archive.append_pax_extensions([("path", path.as_bytes())]).unwrap();
            }
            let mut header = Header::new_gnu();
            let short = &path.as_bytes()[..path.len().min(100)];
            header.as_old_mut().name[..short.len()].copy_from_slice(short);
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_entry_type(*sort);
            header.set_size(0);
            header.set_cksum();
            archive.append(&header, &[][..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn read(archive: &[u8]) -> Result<Vec<(String, Sort)>> {
        let mut entries = Entries::new(archive);
        let mut found = Vec::new();
        while let Some(entry) = entries.next()? {
            found.push((entry.path, entry.sort));
        }
        entries.finish()?;
        Ok(found)
    }

    #[test]
    fn names_have_one_spelling() {
        for (path, clean) in [
            ("a/b", Some("a/b")),
            ("./a//b/", Some("a/b")),
            ("/a/b", Some("a/b")),
            ("//a", Some("a")),
            ("/", Some("")),
            ("../a", None),
            ("a/../b", None),
            ("/../a", None),
            ("a\0b", None),
        ] {
            assert_eq!(cleaned(path).as_deref(), clean, "{path:?}");
        }
    }

    #[test]
    fn links_stay_in_the_archive() {
        let (soft, hard) = (EntryType::Symlink, EntryType::Link);
        for (sort, to, leads) in [
            (soft, "../b", Some("b")),
            (soft, "b/../c", Some("a/c")),
            (soft, "../../b", None),
            (soft, "/b", None),
            (hard, "b", Some("b")),
            (hard, "../b", None),
            (hard, "/b", None),
        ] {
            let found = read(&archive(&[("a/link", sort, to)]));
            match leads {
                Some(leads) => assert_eq!(found.unwrap()[0].1, Sort::Link(leads.to_owned()), "{to}"),
                None => assert!(found.unwrap_err().to_string().contains("leads out of it"), "{to}"),
            }
        }
    }

    #[test]
    fn names_and_their_number_have_limits() {
        let long = "x".repeat(MAX_NAME + 1);
        let says = |archive: &[u8]| read(archive).unwrap_err().to_string();
        let file = EntryType::Regular;
        assert_eq!(
            says(&archive(&[(&long, file, "")])),
            "the archive has a name of more than 4096 bytes"
        );
        let many = archive(&vec![("a", file, ""); MAX_ENTRIES + 1]);
        assert_eq!(says(&many), "the archive has more than 100000 entries");
        let names = archive(&vec![(&long[1..], file, ""); MAX_NAMES / MAX_NAME + 1]);
        assert_eq!(says(&names), "the names in the archive have more than 16 MiB together");
    }
}
