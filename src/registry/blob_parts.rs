//! A part of a blob, as it goes out.

use std::ops::Range;

use bytes::Buf;
use futures_util::{StreamExt, stream};
use reqwest::header::HeaderValue;

use super::requests::OCTETS;
use crate::content::{BlobReader, ByteStream};

/// `first-last`, without a unit, as uploads have it.
pub(super) fn content_range(offset: u64, length: u64) -> HeaderValue {
    let last = (offset + length).saturating_sub(1);
    HeaderValue::try_from(format!("{offset}-{last}")).unwrap_or(OCTETS)
}

/// These bytes of a blob, from a source that may begin before them.
pub(super) fn cut(reader: BlobReader, bytes: Range<u64>) -> ByteStream {
    let early = bytes.start.saturating_sub(reader.offset);
    let left = bytes.end - bytes.start;
    Box::pin(stream::unfold(
        (reader.stream, early, left),
        |(mut stream, mut early, left)| async move {
            if left == 0 {
                return None;
            }
            loop {
                let mut chunk = match stream.next().await? {
                    Ok(chunk) => chunk,
                    failure => return Some((failure, (stream, early, left))),
                };
                let skipped = chunk.len().min(usize::try_from(early).unwrap_or(usize::MAX));
                chunk.advance(skipped);
                early -= skipped as u64;
                chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                if !chunk.is_empty() {
                    let left = left - chunk.len() as u64;
                    return Some((Ok(chunk), (stream, early, left)));
                }
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn only_the_bytes_that_were_asked_for_are_sent() {
        let read = async |bytes: Range<u64>| {
            let chunks = ["abc", "", "def", "gh"].map(|chunk| Ok(Bytes::from(chunk)));
            let reader = BlobReader {
                offset: 2,
                stream: Box::pin(stream::iter(chunks)),
            };
            let rest: Vec<_> = cut(reader, bytes).map(Result::unwrap).collect().await;
            String::from_utf8(rest.concat()).unwrap()
        };
        assert_eq!(read(6..10).await, "efgh");
        assert_eq!(read(3..7).await, "bcde");
        assert_eq!(read(2..2).await, "");
    }

    #[test]
    fn a_chunk_names_its_first_and_last_byte() {
        assert_eq!(content_range(5, 5), "5-9");
    }
}
