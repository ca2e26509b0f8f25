use super::super::wire::tests::fake::reply;
use super::*;
use crate::content::{Outcome, Sink};

const MEBIBYTE: usize = 1 << 20;

#[tokio::test]
async fn a_front_that_refuses_large_bodies_gets_small_ones() {
    for early in [false, true] {
        let fake = fake(move |_, seen| {
            let length: usize = seen.header("content-length").unwrap_or("0").parse().unwrap();
            match &*seen.line {
                line if line.starts_with("HEAD") => reply(404).into(),
                line if line.starts_with("PUT") => reply(201).into(),
                line if line.starts_with("POST") => reply(202).header("location", "/u").into(),
                _ if length > MEBIBYTE && early => reply(413).early().into(),
                _ if length > MEBIBYTE => reply(413).into(),
                _ => reply(202).header("location", "/u").into(),
            }
        })
        .await;
        let bytes: Vec<u8> = (0..3 * MEBIBYTE + 5).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let repository = repository(&fake);
        assert_eq!(
            repository.receive(&blob(&bytes), &opener(&bytes)).await.unwrap(),
            Outcome::Copied
        );
        let chunks = |fake: &Fake| -> Vec<Seen> {
            let is_chunk = |seen: &Seen| seen.line.starts_with("PATCH") && seen.header("content-range").is_some();
            let small = |seen: &Seen| seen.body.len() <= MEBIBYTE && !seen.body.is_empty();
            fake.seen()
                .into_iter()
                .filter(|seen| is_chunk(seen) && small(seen))
                .collect()
        };
        let sent: Vec<u8> = chunks(&fake).iter().flat_map(|chunk| chunk.body.clone()).collect();
        assert!(sent == bytes, "early: {early}");
        // The host is known now.
        let before = fake.seen().len();
        let other = vec![9; 2 * MEBIBYTE];
        repository.receive(&blob(&other), &opener(&other)).await.unwrap();
        let tried = fake.seen()[before..].iter().any(|seen| seen.body.len() > MEBIBYTE);
        assert!(!tried);
    }
}

/// A front that takes no more than a mebibyte at once, before a registry that says so of the second chunk, and so when it
/// is asked.
async fn doubtful(second: &'static str, asked: &'static str) -> Fake {
    fake(move |_, seen| {
        let length: usize = seen.header("content-length").unwrap_or("0").parse().unwrap();
        let accepted = |range: &str| reply(202).header("location", "/u").header("range", range);
        match &*seen.line {
            line if line.starts_with("HEAD") => reply(404).into(),
            line if line.starts_with("PUT") => reply(201).into(),
            line if line.starts_with("GET") => accepted(asked).into(),
            line if line.starts_with("POST") => reply(202).header("location", "/u").into(),
            _ if length > MEBIBYTE => reply(413).into(),
            _ => match seen.header("content-range").unwrap() {
                "786432-1572863" => accepted(second).into(),
                range => {
                    let end = range.split_once('-').unwrap().1.to_owned();
                    accepted(&format!("0-{end}")).into()
                }
            },
        }
    })
    .await
}

#[tokio::test]
async fn a_chunk_that_was_kept_in_part_is_gone_on_with_where_the_registry_says() {
    let bytes: Vec<u8> = (0..3 * MEBIBYTE).map(|n| u8::try_from(n % 251).unwrap()).collect();
    for (second, asked, starts) in [
        (
            "0-1179647",
            "0-1179647",
            ["0-", "786432-", "1179648-", "1966080-", "2752512-"].as_slice(),
        ),
        ("0-786431", "0-1572863", &["0-", "786432-", "1572864-", "2359296-"]),
    ] {
        let fake = doubtful(second, asked).await;
        let outcome = repository(&fake).receive(&blob(&bytes), &opener(&bytes)).await;
        assert_eq!(outcome.unwrap(), Outcome::Copied);
        let ranges = fake.seen().into_iter().filter(|seen| seen.body.len() <= MEBIBYTE);
        let ranges: Vec<String> = ranges
            .filter_map(|seen| seen.header("content-range").map(str::to_owned))
            .collect();
        assert!(
            ranges.len() == starts.len() && ranges.iter().zip(starts).all(|(range, start)| range.starts_with(start)),
            "{ranges:?}"
        );
    }
}

#[tokio::test]
async fn a_session_that_stands_still_though_it_accepts_chunks_is_filled_once() {
    let bytes = vec![1; 3 * MEBIBYTE];
    let fake = doubtful("0-786431", "0-786431").await;
    let outcome = repository(&fake).receive(&blob(&bytes), &opener(&bytes)).await;
    assert_eq!(outcome.unwrap(), Outcome::Copied);
    let chunks = fake
        .seen()
        .into_iter()
        .filter(|seen| seen.line.starts_with("PATCH") && seen.body.len() < MEBIBYTE);
    assert_eq!(chunks.map(|chunk| chunk.body.len()).sum::<usize>(), bytes.len());
}
