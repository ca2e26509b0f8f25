//! Walks through a tar archive that may come from anyone, in memory that no archive can make grow.
//!
//! Only names and data are of interest: nothing is ever written under a name from an archive. Names that would lead
//! out of a folder are refused all the same, since an honest archive has none.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::{bad, cut_off};
use crate::error::{Error, Result};

const BLOCK: usize = 512;
/// The most that is read of one extended header; Go takes 1 MiB.
const MAX_EXTENDED: u64 = 1 << 20;
/// The most that is read after the end of the archive, so that whoever writes into a pipe can end well.
const MAX_TAIL: u64 = 64 << 20;

/// One entry; its data is next in the stream.
#[derive(Debug)]
pub(super) struct Entry {
    /// Without `./` in front and `/` at the end, and never leading out of the archive.
    pub(super) path: String,
    pub(super) sort: Sort,
    /// Of the data, in bytes.
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
    stream: R,
    /// What is left of the present entry's data, and the padding behind it.
    left: u64,
    padding: usize,
    /// Why the stream could not be read on.
    failure: Option<io::Error>,
}

/// What extended headers say about the entry after them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            left: 0,
            padding: 0,
            failure: None,
        }
    }

    /// The next entry, past what was not read of the one before; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>> {
        self.skip()?;
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| invalid())?;
            match header.entry_type() {
                EntryType::XHeader => extended.add(&self.extended(size)?)?,
                EntryType::XGlobalHeader => drop(self.extended(size)?),
                EntryType::GNULongName => extended.path = Some(until_nul(&self.extended(size)?)),
                EntryType::GNULongLink => extended.link = Some(until_nul(&self.extended(size)?)),
                _ => return self.entry(&header, extended).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, extended: Extended) -> Result<Entry> {
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let path = String::from_utf8(path).map_err(|_| bad("the archive holds a name that is not UTF-8"))?;
        let path = cleaned(&path).ok_or_else(|| bad(format!("the archive's entry {path:?} leads out of it")))?;
        let link = || {
            let link = extended.link.or_else(|| header.link_name_bytes().map(Into::into));
            String::from_utf8(link.unwrap_or_default()).map_err(|_| bad(format!("the link {path:?} is not UTF-8")))
        };
        let out = |to: &str| bad(format!("the archive's link {path:?} leads out of it: {to:?}"));
        let sort = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if !extended.is_sparse => Sort::File,
            // Before POSIX a folder was a file whose name ends so.
            EntryType::Directory => Sort::Folder,
            EntryType::Symlink => {
                let to = link()?;
                let from = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                Sort::Link(joined(from, &to).ok_or_else(|| out(&to))?)
            }
            EntryType::Link => {
                let to = link()?;
                Sort::Link(cleaned(&to).ok_or_else(|| out(&to))?)
            }
            _ => {
                return Err(bad(format!(
                    "the archive's entry {path:?} is neither a file, a folder nor a link"
                )));
            }
        };
        let size = match sort {
            Sort::File => extended
                .size
                .map_or_else(|| header.entry_size(), Ok)
                .map_err(|_| invalid())?,
            // As Go has it: these have no data, whatever their header says.
            _ => 0,
        };
        self.left = size;
        self.padding = padding(size);
        Ok(Entry { path, sort, size })
    }

    /// Passes over what is left of the present entry.
    fn skip(&mut self) -> Result<()> {
        io::copy(&mut self.data(), &mut io::sink()).map_err(broken)?;
        let mut padding = [0; BLOCK];
        let wanted = std::mem::take(&mut self.padding);
        // A last entry without its padding is borne with, as Go does.
        self.fill(&mut padding[..wanted]).map(drop)
    }

    /// The data of the present entry. It is for the reader to see whether all of it came.
    pub(super) fn data(&mut self) -> Data<'_, R> {
        Data { entries: self }
    }

    /// What kept the last data from being read to its end, if anything did.
    pub(super) fn failure(&mut self) -> Option<Error> {
        self.failure.take().map(broken)
    }

    /// Reads up to the end of the stream, so that its checksum is checked and its writer not cut off.
    pub(super) fn finish(mut self) -> Result<()> {
        io::copy(&mut (&mut self.stream).take(MAX_TAIL), &mut io::sink())
            .map(drop)
            .map_err(broken)
    }

    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(cut_off()),
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let sum = |part: &[u8]| part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The checksum counts as spaces in itself.
        let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        if header.cksum().ok() != Some(expected) {
            return Err(invalid());
        }
        Ok(Some(header.clone()))
    }

    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > MAX_EXTENDED {
            return Err(bad("the archive has an extended header of more than 1 MiB"));
        }
        let mut data = Vec::new();
        (&mut self.stream).take(size).read_to_end(&mut data).map_err(broken)?;
        if (data.len() as u64) < size {
            return Err(cut_off());
        }
        let mut block = [0; BLOCK];
        self.fill(&mut block[..padding(size)])?;
        Ok(data)
    }

    /// Reads as many bytes as there is room for, or as there are.
    fn fill(&mut self, room: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < room.len() {
            match self.stream.read(&mut room[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(broken(e)),
            }
        }
        Ok(filled)
    }
}

/// The data of one entry. An end before its size is an error.
pub(super) struct Data<'a, R> {
    entries: &'a mut Entries<R>,
}

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.entries.left).unwrap_or(room.len()).min(room.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = match self.entries.stream.read(&mut room[..wanted]) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            read => read,
        };
        match read {
            Ok(n) => {
                self.entries.left -= n as u64;
                Ok(n)
            }
            Err(e) => {
                // The reader may put it in other words; these are the archive's.
                let kind = e.kind();
                let said = e.to_string();
                if kind != io::ErrorKind::Interrupted {
                    self.entries.failure = Some(e);
                }
                Err(io::Error::new(kind, said))
            }
        }
    }
}

impl Extended {
    fn add(&mut self, raw: &[u8]) -> Result<()> {
        for record in PaxExtensions::new(raw) {
            let record = record.map_err(|_| invalid())?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or_else(invalid)?);
                }
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(())
    }
}

/// The failure of the stream that the archive comes in.
pub(super) fn broken(e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(),
        _ => bad("the archive cannot be read").caused_by(e),
    }
}

fn invalid() -> Error {
    bad("Error processing tar file(exit status 1): archive/tar: invalid tar header")
}

fn until_nul(data: &[u8]) -> Vec<u8> {
    data.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    (BLOCK - over) % BLOCK
}

/// The path in one spelling; `None` where it is absolute or leads upwards out of the archive. The root is empty.
pub(super) fn cleaned(path: &str) -> Option<String> {
    if path.contains('\0') || path.split('/').any(|part| part == "..") {
        return None;
    }
    joined("", path)
}

/// Where a relative link in `folder` leads.
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
