//! What a layer is when unpacked: how large, and by which digest.
//!
//! Docker's SIZE adds the size in the header of every entry, as Go's archive/tar reads it
//! (<https://github.com/moby/moby/blob/v20.10.24/pkg/archive/diff.go>, `UnpackLayer`).

use std::fs::File;
use std::io::{self, Read};

use crate::image::digest::Algorithm;
use crate::image::{Digest, Size};
use crate::store::files;
use crate::tarball::{Fault, Walk, unpacked};

/// A layer may unpack to so much, in bytes, whatever it has packed: 2 MiB of zstd can hold a tebibyte of zeros.
const ALWAYS: u64 = 512 << 20;
/// Beyond that, to so many times what it has packed. Programs and texts come to ten.
const RATIO: u64 = 100;

/// The digest of what is packed in the blob; none where that is too much to be looked at.
pub(in crate::store) fn diff_id(blob: File, algorithm: Algorithm) -> io::Result<Option<Digest>> {
    let most = most(&blob)?;
    let (_, stream) = unpacked(blob)?;
    digest(stream, most, algorithm)
}

/// Reads no more than `most` bytes of what is packed.
fn digest(stream: impl Read, most: u64, algorithm: Algorithm) -> io::Result<Option<Digest>> {
    let mut stream = Limited {
        stream,
        left: most,
        is_spent: false,
    };
    let (digest, _) = files::hash(&mut stream, algorithm)?;
    Ok((!stream.is_spent).then_some(digest))
}

/// The sum of the sizes of a layer's entries, or `None` if the blob is no tar archive. Packed or not.
pub(in crate::store) fn size(blob: File) -> io::Result<Option<Size>> {
    let most = most(&blob)?;
    let (_, stream) = unpacked(blob)?;
    tar_size(stream, most)
}

/// How many bytes of what is packed are read.
fn most(blob: &File) -> io::Result<u64> {
    Ok(ALWAYS.max(blob.metadata()?.len().saturating_mul(RATIO)))
}

/// Reads no more than `most` bytes of what is packed.
fn tar_size(stream: impl Read, most: u64) -> io::Result<Option<Size>> {
    let mut stream = Limited {
        stream,
        left: most,
        is_spent: false,
    };
    let mut walk = Walk::new(&mut stream);
    let mut total: u64 = 0;
    let fault = loop {
        match walk.next_entry() {
            Ok(Some(entry)) => total = total.saturating_add(entry.unpacked_size),
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    let has_begun = walk.has_begun();
    match fault {
        None => Ok(has_begun.then_some(Size::Exactly(total))),
        Some(_) if stream.is_spent => Ok(Some(Size::AtLeast(most))),
        Some(Fault::Cut | Fault::Header) if !has_begun => Ok(None),
        Some(Fault::Cut) => Err(damaged("it ends too early")),
        Some(Fault::Header) => Err(damaged("a header is wrong")),
        Some(Fault::TooMuch(what)) => Err(damaged(&format!("it has {what}"))),
        Some(Fault::Stream(e)) => Err(e),
    }
}

/// A stream that ends at a limit, and knows whether there was more.
struct Limited<R> {
    stream: R,
    left: u64,
    is_spent: bool,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(room.len()).min(room.len());
        if most == 0 && !room.is_empty() {
            self.is_spent |= self.stream.read(&mut [0])? > 0;
            return Ok(0);
        }
        let n = self.stream.read(&mut room[..most])?;
        self.left -= n as u64;
        Ok(n)
    }
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the tar archive is damaged: {how}"))
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use tar::{EntryType, Header};

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

    fn whole(archive: &[u8]) -> io::Result<Option<Size>> {
        tar_size(archive, ALWAYS)
    }

    /// The sizes that dockerd 20.10.24 gives for archives made of these.
    #[test]
    fn sizes_are_those_of_go() {
        let total = |make: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
            let mut archive = tar::Builder::new(Vec::new());
            make(&mut archive);
            add(&mut archive, EntryType::Regular, 5, &[], 5);
            whole(&archive.into_inner().unwrap()).unwrap().unwrap()
        };
        let is = Size::Exactly;
        assert_eq!(total(&|_| {}), is(5));
        assert_eq!(total(&|a| add(a, EntryType::Link, 700, &[], 0)), is(705));
        assert_eq!(
            total(&|a| add(a, EntryType::Regular, 0, &[("size", "600")], 600)),
            is(605)
        );
        assert_eq!(total(&|a| add(a, EntryType::XGlobalHeader, 18, &[], 18)), is(5));
        let real = ("GNU.sparse.realsize", "5000");
        for records in [
            &[("GNU.sparse.major", "1"), real][..],
            &[("GNU.sparse.map", "0,600"), ("GNU.sparse.size", "5000")],
            &[("GNU.sparse.offset", "0"), ("GNU.sparse.size", "5000")],
        ] {
            assert_eq!(total(&|a| add(a, EntryType::Regular, 600, records, 600)), is(5005));
        }
        assert_eq!(total(&|a| add(a, EntryType::Regular, 600, &[real], 600)), is(605));
    }

    #[test]
    fn what_is_no_archive_has_no_size_and_half_of_one_is_an_error() {
        assert_eq!(whole(b"").unwrap(), None);
        assert_eq!(whole(b"{\"a chart\":1}").unwrap(), None);
        assert_eq!(whole(&[b'x'; 2000]).unwrap(), None);
        assert_eq!(whole(&[0; 512]).unwrap(), Some(Size::Exactly(0)));
        let mut archive = tar::Builder::new(Vec::new());
        add(&mut archive, EntryType::Regular, 2000, &[], 2000);
        let bytes = archive.into_inner().unwrap();
        assert!(whole(&bytes[..1500]).is_err());
        let mut damaged = bytes;
        damaged[512 + 2048..].fill(b'x');
        assert!(whole(&damaged).is_err());
    }

    #[test]
    fn counting_stops_at_the_limit() {
        let mut archive = tar::Builder::new(Vec::new());
        add(&mut archive, EntryType::Regular, 5000, &[], 5000);
        let bytes = archive.into_inner().unwrap();
        for (most, size) in [
            (bytes.len() as u64, Size::Exactly(5000)),
            (4000, Size::AtLeast(4000)),
            (100, Size::AtLeast(100)),
        ] {
            assert_eq!(tar_size(&bytes[..], most).unwrap(), Some(size), "{most}");
        }
        // A file that claims to be larger than any disk, and goes on for ever.
        let mut endless = tar::Builder::new(Vec::new());
        add(&mut endless, EntryType::Regular, u64::MAX >> 3, &[], 0);
        let begun = endless.into_inner().unwrap();
        let size = tar_size(begun[..512].chain(io::repeat(0)), 1 << 20).unwrap();
        assert_eq!(size, Some(Size::AtLeast(1 << 20)));
    }

    #[test]
    fn a_small_blob_that_unpacks_without_end_is_not_unpacked_to_its_end() {
        let mut archive = tar::Builder::new(Vec::new());
        add(&mut archive, EntryType::Regular, 4 << 30, &[], 0);
        let begun = archive.into_inner().unwrap();
        let packed = zstd::encode_all(begun[..512].chain(io::repeat(0).take(2 << 20)), 1).unwrap();
        let (_, stream) = unpacked(&packed[..]).unwrap();
        assert_eq!(tar_size(stream, 1 << 20).unwrap(), Some(Size::AtLeast(1 << 20)));
        let (_, stream) = unpacked(&packed[..]).unwrap();
        assert_eq!(digest(stream, 1 << 20, Algorithm::Sha256).unwrap(), None);
    }
}
