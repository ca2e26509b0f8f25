//! Walks through a tar stream entry by entry, in memory that no stream can make grow.
//!
//! Sizes are what Go's archive/tar reads, since they are docker's.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

const BLOCK: usize = 512;
/// The most that is read of one extended header, as in Go.
const MAX_EXTENDED: u64 = 1 << 20;
/// The most extended headers before one entry. Writers have two or three.
const MAX_EXTENSIONS: usize = 64;
/// The most blocks that tell where the holes of a sparse file are, 21 in each.
const MAX_SPARSE_BLOCKS: usize = 1 << 14;
/// The offset at which `struct sparse_header` of GNU tar says whether another follows.
const SPARSE_FLAG: usize = 504;

/// Why a stream cannot be walked on.
#[derive(Debug)]
pub enum Fault {
    /// It ends too early.
    Cut,
    /// A header is none, or says what it cannot.
    Header,
    /// It has more of something than any writer makes: what that is.
    TooMuch(&'static str),
    /// It cannot be read.
    Stream(io::Error),
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Stream(e),
        }
    }
}

/// One entry; its data is next in the stream.
pub struct Entry {
    pub header: Header,
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    /// Bytes of the data in the stream.
    pub size: u64,
    /// What the header says the file has, in bytes: of a sparse file with its holes.
    pub unpacked_size: u64,
    pub is_sparse: bool,
}

/// The entries of a stream, one after the other.
pub struct Walk<R> {
    stream: R,
    /// What is left of the present entry's data, and the padding behind it.
    left: u64,
    padding: usize,
    has_begun: bool,
    /// Why the data of an entry could not be read.
    failure: Option<io::Error>,
}

impl<R: Read> Walk<R> {
    pub fn new(stream: R) -> Self {
        Self {
            stream,
            left: 0,
            padding: 0,
            has_begun: false,
            failure: None,
        }
    }

    /// Whether the stream began as an archive does: with a header or an empty block.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The next entry, past what was not read of the one before; `None` at the end.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Fault> {
        self.skip()?;
        let mut extended = Extended::default();
        for _ in 0..=MAX_EXTENSIONS {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size().map_err(|_| Fault::Header)?;
            match header.entry_type() {
                EntryType::XHeader => extended.add(&self.extended(size)?)?,
                EntryType::XGlobalHeader => drop(self.extended(size)?),
                EntryType::GNULongName => extended.path = Some(until_nul(&self.extended(size)?)),
                EntryType::GNULongLink => extended.link = Some(until_nul(&self.extended(size)?)),
                _ => return self.entry(header, extended).map(Some),
            }
        }
        Err(Fault::TooMuch("more than 64 extended headers before one entry"))
    }

    /// The data of the present entry. An end before its size is an error.
    pub fn data(&mut self) -> Data<'_, R> {
        Data { walk: self }
    }

    /// What kept the last data from being read to its end, if anything did.
    pub fn failure(&mut self) -> Option<Fault> {
        self.failure.take().map(Fault::from)
    }

    /// The stream, behind what was read of it.
    pub fn into_stream(self) -> R {
        self.stream
    }

    fn entry(&mut self, header: Header, extended: Extended) -> Result<Entry, Fault> {
        let size = extended.size.map_or_else(|| header.entry_size(), Ok);
        let size = size.map_err(|_| Fault::Header)?;
        let mut unpacked_size = extended.sparse_size().unwrap_or(size);
        let sort = header.entry_type();
        if let (EntryType::GNUSparse, Some(gnu)) = (sort, header.as_gnu()) {
            let says_nothing = gnu.realsize.iter().all(|byte| *byte == 0);
            let real_size = if says_nothing { Ok(0) } else { gnu.real_size() };
            unpacked_size = real_size.map_err(|_| Fault::Header)?;
            if gnu.is_extended() {
                self.skip_sparse_map()?;
            }
        }
        // As Go has it: these have no data, whatever their header says.
        let has_data = !matches!(
            sort,
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        );
        self.left = if has_data { size } else { 0 };
        self.padding = padding(self.left);
        Ok(Entry {
            path: extended.path.unwrap_or_else(|| header.path_bytes().into_owned()),
            link: (extended.link)
                .or_else(|| header.link_name_bytes().map(Into::into))
                .unwrap_or_default(),
            size: self.left,
            unpacked_size,
            is_sparse: extended.is_sparse || sort == EntryType::GNUSparse,
            header,
        })
    }

    fn skip_sparse_map(&mut self) -> Result<(), Fault> {
        let mut block = [0; BLOCK];
        for _ in 0..MAX_SPARSE_BLOCKS {
            if self.fill(&mut block)? < BLOCK {
                return Err(Fault::Cut);
            }
            if block[SPARSE_FLAG] != 1 {
                return Ok(());
            }
        }
        Err(Fault::TooMuch("a file with more holes than any has"))
    }

    /// Passes over what is left of the present entry.
    fn skip(&mut self) -> Result<(), Fault> {
        io::copy(&mut self.data(), &mut io::sink())?;
        let mut padding = [0; BLOCK];
        let wanted = std::mem::take(&mut self.padding);
        // A last entry without its padding is borne with, as Go does.
        self.fill(&mut padding[..wanted]).map(drop)
    }

    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(Fault::Cut),
        }
        if block.iter().all(|byte| *byte == 0) {
            self.has_begun = true;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let sum = |part: &[u8]| part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The checksum counts as spaces in itself.
        let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        if header.cksum().ok() != Some(expected) {
            return Err(Fault::Header);
        }
        self.has_begun = true;
        Ok(Some(header.clone()))
    }

    fn extended(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        if size > MAX_EXTENDED {
            return Err(Fault::TooMuch("an extended header of more than 1 MiB"));
        }
        let mut data = Vec::new();
        (&mut self.stream).take(size).read_to_end(&mut data)?;
        if (data.len() as u64) < size {
            return Err(Fault::Cut);
        }
        let mut block = [0; BLOCK];
        self.fill(&mut block[..padding(size)])?;
        Ok(data)
    }

    /// Reads as many bytes as there is room for, or as there are.
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < room.len() {
            match self.stream.read(&mut room[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(filled)
    }
}

/// The data of one entry.
pub struct Data<'a, R> {
    walk: &'a mut Walk<R>,
}

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.walk.left).unwrap_or(room.len()).min(room.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = match self.walk.stream.read(&mut room[..wanted]) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            read => read,
        };
        match read {
            Ok(n) => {
                self.walk.left -= n as u64;
                Ok(n)
            }
            Err(e) => {
                // The reader may put it in other words; these are the stream's.
                let told = io::Error::new(e.kind(), e.to_string());
                if e.kind() != io::ErrorKind::Interrupted {
                    self.walk.failure = Some(e);
                }
                Err(told)
            }
        }
    }
}

/// What extended headers say about the entry after them
/// (<https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html>).
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
    sparse_size: Option<u64>,
    sparse_realsize: Option<u64>,
}

impl Extended {
    fn add(&mut self, raw: &[u8]) -> Result<(), Fault> {
        for record in PaxExtensions::new(raw) {
            let record = record.map_err(|_| Fault::Header)?;
            let number = || {
                record
                    .value()
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or(Fault::Header)
            };
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => self.size = Some(number()?),
                b"GNU.sparse.size" => self.sparse_size = Some(number()?),
                b"GNU.sparse.realsize" => self.sparse_realsize = Some(number()?),
                b"GNU.sparse.major" | b"GNU.sparse.map" | b"GNU.sparse.offset" => self.is_sparse = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn sparse_size(&self) -> Option<u64> {
        self.sparse_size.or(self.sparse_realsize).filter(|_| self.is_sparse)
    }
}

fn until_nul(data: &[u8]) -> Vec<u8> {
    data.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    (BLOCK - over) % BLOCK
}

#[cfg(test)]
mod tests;
