//! What a stream is packed with, seen from its first bytes, and what is in it.

use std::io::{self, BufReader, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::image::digest::Algorithm;
use crate::image::{Digest, Digester};

const BUFFER: usize = 256 << 10;
/// The largest dictionary that `xz -9` needs is 64 MiB; an archive may not ask for more than twice that.
const XZ_MEMORY_KIB: u32 = 128 << 10;
/// `zstd -19` looks back 8 MiB; this is zstd's own limit without `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

const LONGEST_MAGIC: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// What these first bytes of a stream say.
fn packing_of(first: &[u8]) -> Packing {
    match first {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        // A frame, or one to be skipped, with which pzstd begins (RFC 8878, section 3.1.2).
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Packing::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        [b'B', b'Z', b'h', ..] => Packing::Bzip2,
        _ => Packing::Plain,
    }
}

/// What the stream is packed with, and the whole stream as it is.
pub fn peeked<'a>(mut stream: impl Read + Send + 'a) -> io::Result<(Packing, impl Read + Send + 'a)> {
    let mut first = [0; LONGEST_MAGIC];
    let mut filled = 0;
    // A pipe may hand over its first bytes one by one.
    while filled < first.len() {
        match stream.read(&mut first[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let packing = packing_of(&first[..filled]);
    Ok((packing, Cursor::new(first).take(filled as u64).chain(stream)))
}

/// The stream without its compression, and which one that was.
pub fn unpacked<'a>(stream: impl Read + Send + 'a) -> io::Result<(Packing, Box<dyn Read + Send + 'a>)> {
    let (packing, stream) = peeked(stream)?;
    let stream = BufReader::with_capacity(BUFFER, stream);
    let unpacked: Box<dyn Read + Send + 'a> = match packing {
        Packing::Plain => Box::new(stream),
        Packing::Gzip => Box::new(MultiGzDecoder::new(stream)),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(stream)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Packing::Xz => Box::new(XzReader::new_mem_limit(stream, true, XZ_MEMORY_KIB)),
        Packing::Bzip2 => Box::new(MultiBzDecoder::new(stream)),
    };
    Ok((packing, unpacked))
}

/// The digest of what is packed in the stream: a layer's diff ID
/// (<https://github.com/opencontainers/image-spec/blob/main/config.md#layer-diffid>).
pub fn content_digest<'a>(stream: impl Read + Send + 'a, algorithm: Algorithm) -> io::Result<Digest> {
    let (_, mut stream) = unpacked(stream)?;
    let mut digester = Digester::new(algorithm);
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(n) => digester.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn content(packed: &[u8]) -> io::Result<(Packing, Vec<u8>)> {
        let (packing, mut stream) = unpacked(packed)?;
        let mut content = Vec::new();
        stream.read_to_end(&mut content)?;
        Ok((packing, content))
    }

    #[test]
    fn every_packing_is_known_by_its_first_bytes() {
        let text = b"what is in it".repeat(1000);
        // As pzstd writes it: before each frame one that is skipped and says how long the next is.
        let skipped = |n: u8| [&[0x50 + n, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], &[1, 2, 3, 4]].concat();
        let pzstd = [skipped(0), zstd(&text[..5000]), skipped(15), zstd(&text[5000..])].concat();
        for (packed, expected) in [
            (text.clone(), Packing::Plain),
            (gzip(&text), Packing::Gzip),
            ([gzip(&text[..100]), gzip(&text[100..])].concat(), Packing::Gzip),
            (zstd(&text), Packing::Zstd),
            ([zstd(&text[..100]), zstd(&text[100..])].concat(), Packing::Zstd),
            (pzstd, Packing::Zstd),
        ] {
            let (packing, content) = content(&packed).unwrap();
            assert_eq!((packing, content == text), (expected, true), "{expected:?}");
            let digest = content_digest(&packed[..], Algorithm::Sha256).unwrap();
            assert_eq!(digest, Digest::of(&text), "{expected:?}");
        }
        for short in [&b""[..], b"\x1f", b"PK"] {
            assert_eq!(content(short).unwrap(), (Packing::Plain, short.to_vec()));
        }
    }

    #[test]
    fn what_ends_too_early_is_an_error() {
        let text = b"what is in it".repeat(1000);
        for packed in [gzip(&text), zstd(&text)] {
            assert!(content(&packed[..packed.len() - 9]).is_err());
        }
    }

    /// A frame that asks for a window of 2 GiB.
    #[test]
    fn no_more_memory_is_taken_than_zstd_takes_by_itself() {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3, 1, 0, 0];
        assert!(content(&frame).is_err());
    }
}
