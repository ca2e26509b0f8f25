//! Receiving and reading blobs: cuts, lies, damage, other processes.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::symlink;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join, select};
use tokio::time;

use super::*;
use crate::image::Digester;
use crate::image::digest::Algorithm;

/// Bytes that differ everywhere.
pub(super) fn noise(len: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len);
    (0..len).map(|_| random.u8(..)).collect()
}

/// A source whose answer to each request is made by `answer`, and the offsets it was asked for.
struct Scripted<F> {
    answer: F,
    asked: RefCell<Vec<u64>>,
}

impl<F: Fn(u64) -> BlobReader> Scripted<F> {
    fn new(answer: F) -> Self {
        let asked = RefCell::default();
        Self { answer, asked }
    }

    fn opener(&self) -> Opener<'_> {
        transfer::opener(move |offset| {
            self.asked.borrow_mut().push(offset);
            Box::pin(async move { Ok((self.answer)(offset)) })
        })
    }
}

fn answer(offset: u64, bytes: &[u8]) -> BlobReader {
    let stream = stream_of(bytes);
    BlobReader { offset, stream }
}

/// The bytes, then the end of the connection.
fn cut_after(offset: u64, bytes: &[u8]) -> BlobReader {
    let cut = stream::iter([Err(Error::new(Kind::Unavailable, "connection reset"))]);
    let stream = Box::pin(stream_of(bytes).chain(cut));
    BlobReader { offset, stream }
}

pub(super) fn stored(store: &Store, blob: &Descriptor) -> Vec<u8> {
    fs::read(store.layout.paths().blob(&blob.digest)).unwrap()
}

fn ingest_is_empty(store: &Store) -> bool {
    fs::read_dir(store.layout.paths().ingest()).unwrap().next().is_none()
}

#[test]
fn blobs_of_every_size_arrive_whole_and_once() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    for len in [0, 1, 2, 999, 1000, 1001, 262_143, 262_144, 262_145, 1_000_000] {
        let bytes = noise(len);
        let blob = descriptor(&bytes);
        let receive = || wait(session.receive(&blob, &source_of(&bytes))).unwrap();
        assert_eq!(receive(), Outcome::Copied, "{len}");
        assert_eq!(stored(&store, &blob), bytes);
        assert_eq!(receive(), Outcome::AlreadyPresent);
    }
    assert!(ingest_is_empty(&store));
}

#[test]
fn a_sha512_blob_is_verified_with_sha512() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let mut digester = Digester::new(Algorithm::Sha512);
    digester.update(b"abc");
    let blob = Descriptor::new("", digester.finish(), 3);
    assert_eq!(
        wait(session.receive(&blob, &source_of(b"xyz"))).unwrap_err().kind(),
        Kind::Corrupt
    );
    assert_eq!(
        wait(session.receive(&blob, &source_of(b"abc"))).unwrap(),
        Outcome::Copied
    );
    assert_eq!(stored(&store, &blob), b"abc");
}

#[test]
fn a_cut_download_resumes_where_it_ended() {
    let (_folder, store) = new_store();
    let bytes = noise(500_000);
    let blob = descriptor(&bytes);
    let (first, rest) = (&bytes[..300_000], &bytes[300_000..]);
    let source = Scripted::new(|offset| match offset {
        0 => cut_after(0, first),
        _ => answer(offset, rest),
    });
    let session = store.begin().unwrap();
    let error = wait(session.receive(&blob, &source.opener())).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Unavailable, "connection reset")
    );
    assert!(!store.blobs().has(&blob.digest));
    assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
    assert_eq!(*source.asked.borrow(), [0, 300_000]);
    assert_eq!(stored(&store, &blob), bytes);
    assert!(ingest_is_empty(&store));
}

#[test]
fn another_process_resumes_what_a_killed_one_left() {
    let (_folder, store) = new_store();
    let bytes = noise(500_000);
    let blob = descriptor(&bytes);
    let source = Scripted::new(|offset| answer(offset, &bytes[usize::try_from(offset).unwrap()..]));
    store.begin().unwrap();
    fs::write(store.layout.paths().partial(&blob.digest), &bytes[..123_456]).unwrap();
    let session = Store::at(store.root().into()).begin().unwrap();
    assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
    assert_eq!(*source.asked.borrow(), [123_456]);
    assert_eq!(stored(&store, &blob), bytes);
}

#[test]
fn a_whole_partial_needs_no_source() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = descriptor(b"whole");
    fs::write(store.layout.paths().partial(&blob.digest), b"whole").unwrap();
    let source = Scripted::new(|_| panic!("nothing is missing"));
    assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
}

#[test]
fn a_source_that_cannot_begin_in_the_middle_is_read_from_the_start() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let bytes = noise(5000);
    let blob = descriptor(&bytes);
    fs::write(store.layout.paths().partial(&blob.digest), &bytes[..4000]).unwrap();
    let source = Scripted::new(|_| answer(0, &bytes));
    assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
    assert_eq!(stored(&store, &blob), bytes);
}

#[test]
fn a_source_that_begins_elsewhere_is_not_believed() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = descriptor(b"0123456789");
    fs::write(store.layout.paths().partial(&blob.digest), b"01234").unwrap();
    let source = Scripted::new(|_| answer(7, b"789"));
    let error = wait(session.receive(&blob, &source.opener())).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(fs::read(store.layout.paths().partial(&blob.digest)).unwrap(), b"01234");
}

#[test]
fn a_damaged_partial_is_fetched_once_afresh() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let bytes = noise(5000);
    let blob = descriptor(&bytes);
    for damaged in [vec![0; 4000], vec![0; 5000], vec![0; 6000]] {
        fs::write(store.layout.paths().partial(&blob.digest), &damaged).unwrap();
        let source = Scripted::new(|offset| answer(offset, &bytes[usize::try_from(offset).unwrap()..]));
        assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
        assert_eq!(source.asked.borrow().last(), Some(&0));
        assert_eq!(stored(&store, &blob), bytes);
        fs::remove_file(store.layout.paths().blob(&blob.digest)).unwrap();
    }
}

#[test]
fn wrong_bytes_are_refused_in_docker_s_words_and_not_kept() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = descriptor(b"right");
    let source = Scripted::new(|offset| answer(offset, &b"wrong"[usize::try_from(offset).unwrap()..]));
    for partial in [&b""[..], b"wr"] {
        fs::write(store.layout.paths().partial(&blob.digest), partial).unwrap();
        let error = wait(session.receive(&blob, &source.opener())).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert_eq!(
            error.to_string(),
            format!("filesystem layer verification failed for digest {}", blob.digest)
        );
        assert!(ingest_is_empty(&store));
    }
    // The first try once, the resumed one once more from zero.
    assert_eq!(*source.asked.borrow(), [0, 2, 0]);
}

#[test]
fn an_endless_stream_is_stopped() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = descriptor(&noise(2500));
    let sent = Cell::new(0_u64);
    let source = Scripted::new(|offset| {
        let stream = Box::pin(stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1000]))));
        sent.set(sent.get() + 1);
        BlobReader { offset, stream }
    });
    let error = wait(session.receive(&blob, &source.opener())).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().ends_with("is longer than its 2500 bytes"), "{error}");
    assert_eq!(sent.get(), 1);
    assert!(ingest_is_empty(&store));
}

#[test]
fn a_stream_that_ends_early_may_be_tried_again() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let bytes = noise(3000);
    let blob = descriptor(&bytes);
    let source = Scripted::new(|offset| answer(offset, &bytes[usize::try_from(offset).unwrap()..][..1000]));
    for _ in 0..2 {
        assert_eq!(
            wait(session.receive(&blob, &source.opener())).unwrap_err().kind(),
            Kind::Unavailable
        );
    }
    assert_eq!(wait(session.receive(&blob, &source.opener())).unwrap(), Outcome::Copied);
    assert_eq!(*source.asked.borrow(), [0, 1000, 2000]);
}

#[test]
fn a_dropped_transfer_leaves_what_came() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let bytes = noise(500_000);
    let blob = descriptor(&bytes);
    let source = Scripted::new(|offset| {
        let stream = Box::pin(stream_of(&bytes[..400_000]).chain(stream::pending()));
        BlobReader { offset, stream }
    });
    // The runtime waits for the writing thread when it goes, as at the end of a process.
    wait(async {
        let opener = source.opener();
        let receive = Box::pin(session.receive(&blob, &opener));
        let enough = Box::pin(async {
            while fs::metadata(store.layout.paths().partial(&blob.digest)).map_or(0, |m| m.len()) < 200_000 {
                time::sleep(Duration::from_millis(1)).await;
            }
        });
        assert!(matches!(select(receive, enough).await, Either::Right(_)));
    });
    let kept = fs::read(store.layout.paths().partial(&blob.digest)).unwrap();
    assert!(kept.len() >= 200_000 && bytes.starts_with(&kept));
    assert_eq!(
        wait(session.receive(&blob, &source_of(&bytes))).unwrap(),
        Outcome::Copied
    );
    assert_eq!(stored(&store, &blob), bytes);
}

#[test]
fn two_who_want_the_same_blob_fetch_it_once() {
    let (_folder, store) = new_store();
    let other = Store::at(store.root().into());
    let (here, there) = (store.begin().unwrap(), other.begin().unwrap());
    let bytes = noise(100_000);
    let blob = descriptor(&bytes);
    let source = Scripted::new(|offset| answer(offset, &bytes));
    let opener = source.opener();
    let (one, two) = wait(join(here.receive(&blob, &opener), there.receive(&blob, &opener)));
    assert_eq!((one.unwrap(), two.unwrap()), (Outcome::Copied, Outcome::AlreadyPresent));
    assert_eq!(*source.asked.borrow(), [0]);
    assert!(ingest_is_empty(&store));
}

#[test]
fn old_partials_go_unless_somebody_is_at_them() {
    let (_folder, store) = new_store();
    store.begin().unwrap();
    let blobs = [b"old", b"new", b"our"].map(|bytes| descriptor(bytes));
    let long_ago = std::time::SystemTime::now() - layout::KEPT_FOR - Duration::from_mins(1);
    let files = blobs
        .each_ref()
        .map(|blob| fs::File::create(store.layout.paths().partial(&blob.digest)).unwrap());
    files[0].set_modified(long_ago).unwrap();
    files[2].set_modified(long_ago).unwrap();
    files[2].lock().unwrap();
    store.names().list(&[], &[]).unwrap();
    let is_there = blobs
        .each_ref()
        .map(|blob| store.layout.paths().partial(&blob.digest).exists());
    assert_eq!(is_there, [false, true, true]);
}

#[test]
fn who_waits_takes_over_when_the_other_fails() {
    let (_folder, store) = new_store();
    let other = Store::at(store.root().into());
    let (here, there) = (store.begin().unwrap(), other.begin().unwrap());
    let bytes = noise(100_000);
    let blob = descriptor(&bytes);
    let failing = Scripted::new(|offset| cut_after(offset, &bytes[..60_000]));
    let good = Scripted::new(|offset| answer(offset, &bytes[usize::try_from(offset).unwrap()..]));
    let (bad, fine) = (failing.opener(), good.opener());
    let (one, two) = wait(join(here.receive(&blob, &bad), there.receive(&blob, &fine)));
    assert_eq!(one.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(two.unwrap(), Outcome::Copied);
    assert_eq!(*good.asked.borrow(), [60_000]);
}

#[test]
fn a_blob_of_the_wrong_size_is_replaced() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = add_blob(&session, b"0123456789");
    fs::write(store.layout.paths().blob(&blob.digest), b"01234").unwrap();
    assert_eq!(
        wait(session.receive(&blob, &source_of(b"0123456789"))).unwrap(),
        Outcome::Copied
    );
    assert_eq!(stored(&store, &blob), b"0123456789");
}

fn collect(reader: Result<BlobReader>) -> Result<Vec<u8>> {
    let mut stream = reader?.stream;
    let mut bytes = Vec::new();
    while let Some(chunk) = wait(stream.next()) {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

#[test]
fn a_blob_is_read_from_any_offset() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let bytes = noise(3 << 20);
    let blob = add_blob(&session, &bytes);
    for from in [0, 1, 262_144, 1_000_001, bytes.len() - 1, bytes.len()] {
        let read = wait(async {
            let mut reader = store.open(&blob, from as u64).await.unwrap();
            assert_eq!(reader.offset, from as u64);
            let mut read = Vec::new();
            while let Some(chunk) = reader.stream.next().await {
                read.extend_from_slice(&chunk.unwrap());
            }
            read
        });
        assert!(read == bytes[from..], "from {from}");
    }
    assert!(wait(store.open(&blob, bytes.len() as u64 + 1)).is_err());
}

#[test]
fn missing_short_and_linked_blobs_are_named() {
    let (_folder, store) = new_store();
    let session = store.begin().unwrap();
    let blob = add_blob(&session, b"0123456789");
    let path = store.layout.paths().blob(&blob.digest);
    let fails = |kind| {
        for error in [
            wait(async { collect(store.open(&blob, 0).await) }).unwrap_err(),
            store.blobs().read(&blob.digest).unwrap_err(),
        ] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(blob.digest.as_str()), "{error}");
            assert!(
                error.to_string().ends_with("remove the image and pull it again"),
                "{error}"
            );
        }
    };
    fs::write(&path, b"01234").unwrap();
    fails(Kind::Corrupt);
    fs::rename(&path, store.root().join("elsewhere")).unwrap();
    fails(Kind::NotFound);
    symlink(store.root().join("elsewhere"), &path).unwrap();
    fails(Kind::Corrupt);
    assert!(!store.blobs().has(&blob.digest));
}
