//! What an archive is packed with, seen from its first bytes.

use std::io::{self, BufReader, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

const BUFFER: usize = 256 << 10;
/// The largest dictionary that `xz -9` needs is 64 MiB; an archive may not ask for more than twice that.
const XZ_MEMORY_KIB: u32 = 128 << 10;
/// `zstd -19` looks back 8 MiB; this is zstd's own limit without `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

const LONGEST_MAGIC: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
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
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        [b'B', b'Z', b'h', ..] => Packing::Bzip2,
        _ => Packing::Plain,
    }
}

/// What the stream is packed with, and the whole stream as it is.
pub(super) fn peeked<'a>(mut stream: impl Read + Send + 'a) -> io::Result<(Packing, impl Read + Send + 'a)> {
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
pub(super) fn unpacked<'a>(stream: impl Read + Send + 'a) -> io::Result<(Packing, Box<dyn Read + Send + 'a>)> {
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
