//! How large a layer is when unpacked: what docker's SIZE adds up.
//!
//! Docker adds the size in the header of every entry, as Go's archive/tar reads it
//! (<https://github.com/moby/moby/blob/v20.10.24/pkg/archive/diff.go>, `UnpackLayer`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, Header, PaxExtensions};

const BLOCK: usize = 512;
const BUFFER: usize = 256 << 10;
/// The most that is read of one extended header; Go takes 1 MiB.
const MAX_EXTENDED: u64 = 1 << 20;

/// The sum of the sizes of a layer's entries, or `None` if the blob is no tar archive. Packed with gzip, zstd or not.
pub(in crate::store) fn size(blob: File) -> io::Result<Option<u64>> {
    let mut blob = BufReader::with_capacity(BUFFER, blob);
    match blob.fill_buf()? {
        [0x1f, 0x8b, ..] => tar_size(&mut MultiGzDecoder::new(blob)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => tar_size(&mut zstd::Decoder::with_buffer(blob)?),
        _ => tar_size(&mut blob),
    }
}

fn tar_size(stream: &mut dyn Read) -> io::Result<Option<u64>> {
    let mut archive = Archive {
        stream,
        scratch: vec![0; BUFFER],
    };
    let mut extended = Extended::default();
    let mut total = 0;
    let mut is_first = true;
    loop {
        let header = match archive.header()? {
            Block::Header(header) if is_right(&header) => header,
            Block::End => return Ok(Some(total)),
            _ if is_first => return Ok(None),
            Block::Nothing => return Ok(Some(total)),
            Block::Header(_) => return Err(damaged("a checksum is wrong")),
        };
        is_first = false;
        match header.entry_type() {
            EntryType::XHeader => extended = Extended::parse(&archive.data(header.entry_size()?)?)?,
            EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink => {
                archive.skip(header.entry_size()?)?;
            }
            _ => total += archive.entry(&header, &std::mem::take(&mut extended))?,
        }
    }
}

/// What stands where a header is due.
enum Block {
    Header(Box<Header>),
    /// Zeros: the end of the archive.
    End,
    /// The end of the stream, or too little for a header before it.
    Nothing,
}

struct Archive<'a> {
    stream: &'a mut dyn Read,
    scratch: Vec<u8>,
}

impl Archive<'_> {
    fn header(&mut self) -> io::Result<Block> {
        if self.fill(BLOCK)? < BLOCK {
            return Ok(Block::Nothing);
        }
        let block = &self.scratch[..BLOCK];
        if block.iter().all(|byte| *byte == 0) {
            return Ok(Block::End);
        }
        Ok(Block::Header(Box::new(Header::from_byte_slice(block).clone())))
    }

    /// Passes over the entry's data and says its size, which for a sparse file is that of the file it unpacks to.
    fn entry(&mut self, header: &Header, extended: &Extended) -> io::Result<u64> {
        let stored = extended.size.map_or_else(|| header.entry_size(), Ok)?;
        let mut size = extended.sparse_size().unwrap_or(stored);
        if let (EntryType::GNUSparse, Some(gnu)) = (header.entry_type(), header.as_gnu()) {
            size = gnu.real_size()?;
            let mut more = gnu.is_extended();
            while more {
                let block = self.data(BLOCK as u64)?;
                // The flag's place in struct sparse_header of GNU tar.
                more = block[504] == 1;
            }
        }
        // As Go has it: these have no data, whatever their header says.
        let has_data = !matches!(
            header.entry_type(),
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        );
        if has_data {
            self.skip(stored)?;
        }
        Ok(size)
    }

    /// The data of an extended header, and past its padding.
    fn data(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > MAX_EXTENDED {
            return Err(damaged("an extended header is too long"));
        }
        let mut data = Vec::new();
        (&mut *self.stream).take(size).read_to_end(&mut data)?;
        if (data.len() as u64) < size {
            return Err(damaged("it ends too early"));
        }
        self.skip_padding(size)?;
        Ok(data)
    }

    fn skip(&mut self, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            match self.stream.read(&mut self.scratch[..wanted]) {
                Ok(0) => return Err(damaged("it ends too early")),
                Ok(n) => left -= n as u64,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.skip_padding(size)
    }

    /// Go bears with a last entry without padding.
    fn skip_padding(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        self.fill((BLOCK - over) % BLOCK).map(drop)
    }

    /// Reads this many bytes, or as many as there are.
    fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        let mut filled = 0;
        while filled < wanted {
            match self.stream.read(&mut self.scratch[filled..wanted]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }
}

/// What a PAX header says about the entry after it, as far as it bears on sizes
/// (<https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html>).
#[derive(Default)]
struct Extended {
    size: Option<u64>,
    is_sparse: bool,
    sparse_size: Option<u64>,
    sparse_realsize: Option<u64>,
}

impl Extended {
    fn parse(raw: &[u8]) -> io::Result<Self> {
        let mut extended = Self::default();
        for record in PaxExtensions::new(raw) {
            let record = record?;
            let number = || record.value().ok().and_then(|text| text.parse().ok());
            match record.key_bytes() {
                b"size" => extended.size = number(),
                b"GNU.sparse.size" => extended.sparse_size = number(),
                b"GNU.sparse.realsize" => extended.sparse_realsize = number(),
                b"GNU.sparse.major" | b"GNU.sparse.map" | b"GNU.sparse.offset" => extended.is_sparse = true,
                _ => {}
            }
        }
        Ok(extended)
    }

    fn sparse_size(&self) -> Option<u64> {
        self.sparse_size.or(self.sparse_realsize).filter(|_| self.is_sparse)
    }
}

fn is_right(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let sum = |part: &[u8]| part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    // The checksum counts as spaces in itself.
    let expected = sum(&bytes[..148]) + 8 * u32::from(b' ') + sum(&bytes[156..]);
    header.cksum().is_ok_and(|found| found == expected)
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the tar archive is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of this type that claims this size, after PAX records if there are any, and so much data.
    fn add(archive: &mut tar::Builder<Vec<u8>>, kind: EntryType, claims: u64, pax: &[(&str, &str)], data: usize) {
        if !pax.is_empty() {
            let records = pax.iter().map(|(key, value)| (*key, value.as_bytes()));
            archive.append_pax_extensions(records).unwrap();
        }
        let mut header = Header::new_ustar();
        header.set_path("file").unwrap();
        header.set_entry_type(kind);
        header.set_size(claims);
        header.set_cksum();
        archive.append(&header, &vec![b'x'; data][..]).unwrap();
    }

    /// The sizes that dockerd 20.10.24 gives for archives made of these.
    #[test]
    fn sizes_are_those_of_go() {
        let total = |make: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
            let mut archive = tar::Builder::new(Vec::new());
            make(&mut archive);
            add(&mut archive, EntryType::Regular, 5, &[], 5);
            tar_size(&mut &archive.into_inner().unwrap()[..]).unwrap()
        };
        assert_eq!(total(&|_| {}), Some(5));
        assert_eq!(total(&|a| add(a, EntryType::Link, 700, &[], 0)), Some(705));
        assert_eq!(
            total(&|a| add(a, EntryType::Regular, 0, &[("size", "600")], 600)),
            Some(605)
        );
        assert_eq!(total(&|a| add(a, EntryType::XGlobalHeader, 18, &[], 18)), Some(5));
        let real = ("GNU.sparse.realsize", "5000");
        for records in [
            &[("GNU.sparse.major", "1"), real][..],
            &[("GNU.sparse.map", "0,600"), ("GNU.sparse.size", "5000")],
            &[("GNU.sparse.offset", "0"), ("GNU.sparse.size", "5000")],
        ] {
            assert_eq!(total(&|a| add(a, EntryType::Regular, 600, records, 600)), Some(5005));
        }
        assert_eq!(total(&|a| add(a, EntryType::Regular, 600, &[real], 600)), Some(605));
    }

    #[test]
    fn what_is_no_archive_has_no_size_and_half_of_one_is_an_error() {
        assert_eq!(tar_size(&mut &b""[..]).unwrap(), None);
        assert_eq!(tar_size(&mut &b"{\"a chart\":1}"[..]).unwrap(), None);
        assert_eq!(tar_size(&mut &[b'x'; 2000][..]).unwrap(), None);
        assert_eq!(tar_size(&mut &[0; 512][..]).unwrap(), Some(0));
        let mut archive = tar::Builder::new(Vec::new());
        add(&mut archive, EntryType::Regular, 2000, &[], 2000);
        let whole = archive.into_inner().unwrap();
        assert!(tar_size(&mut &whole[..1500]).is_err());
        let mut damaged = whole;
        damaged[512 + 2048..].fill(b'x');
        assert!(tar_size(&mut &damaged[..]).is_err());
    }
}
