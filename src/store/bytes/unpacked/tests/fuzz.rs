use std::io::Write as _;

use super::super::*;
use super::{add, whole};
use crate::tests::fuzz::{Target, with_checksums};
use tar::EntryType;

/// Layers that are damaged, packed in each way: the tar inside, and what packs it.
#[test]
fn a_layer_is_measured_within_its_limits() {
    let mut plain = tar::Builder::new(Vec::new());
    add(&mut plain, EntryType::Regular, 700, &[], 700);
    add(
        &mut plain,
        EntryType::Regular,
        600,
        &[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "5000")],
        600,
    );
    add(&mut plain, EntryType::Symlink, 9, &[("size", "600"), ("path", "a")], 0);
    add(&mut plain, EntryType::GNUSparse, 512, &[], 512);
    let plain = plain.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let words = [
        "size",
        "path",
        "30 GNU.sparse.size=5000\n",
        "18 size=99999999\n",
        "ustar",
        "ustar  ",
        "00000001",
        "\u{0}",
        "x",
        "L",
        "S",
        "g",
    ];
    let mut target = Target::text("layers", [plain, gzip, zstd], &words);
    target.longest = 64 << 10;
    target.cases = 300;
    target.check(|input| {
        let mended = with_checksums(input);
        let size = whole(&mended).map_err(|e| e.kind());
        if let Ok(Some(size)) = size {
            let most = 1000;
            let cut = tar_size(&mended[..], most).unwrap();
            assert!(
                cut == Some(size) || cut == Some(Size::AtLeast(most)),
                "{cut:?} {size:?}"
            );
        }
        let (_, stream) = unpacked(input).unwrap();
        let packed = tar_size(stream, 1 << 20).map_err(|e| e.kind());
        assert!(packed.is_ok_and(|it| it.is_none_or(|it| it != Size::AtLeast(0))) || packed.is_err());
        let (_, stream) = unpacked(input).unwrap();
        let digest = digest(stream, 1 << 20, Algorithm::Sha256).map_err(|e| e.kind());
        (
            size.map(|it| it.map(|it| it.bytes().checked_ilog2())),
            packed.map(|it| it.is_some()),
            digest.map(|it| it.is_some()),
        )
    });
}
