//! Bytes on their way to whoever writes them.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of a blob, and where in it they belong.
#[derive(Debug)]
pub struct Batch {
    pub offset: u64,
    pub length: usize,
    pub chunks: Vec<Bytes>,
    /// A place in memory, given back with the bytes.
    _place: Option<OwnedSemaphorePermit>,
}

impl Batch {
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            length: 0,
            chunks: Vec::new(),
            _place: None,
        }
    }

    #[must_use]
    pub fn placed(self, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { _place: place, ..self }
    }

    pub fn push(&mut self, chunk: Bytes) {
        self.length += chunk.len();
        self.chunks.push(chunk);
    }

    /// Cuts it where in the blob the last multiple of `step` bytes is, and answers what comes after. Where its last
    /// chunk reaches over no such multiple, nothing is cut off.
    #[must_use]
    pub fn cut(&mut self, step: u64) -> Self {
        let over = usize::try_from(self.end() % step).unwrap_or(usize::MAX);
        let mut rest = Self::at(self.end());
        if let Some(last) = self.chunks.last_mut().filter(|last| last.len() > over)
            && over > 0
        {
            rest.offset -= over as u64;
            rest.push(last.split_off(last.len() - over));
            self.length -= over;
        }
        rest
    }

    pub fn end(&self) -> u64 {
        self.offset + self.length as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_cut_at_a_whole_block_of_the_file() {
        let cut = |offset: u64, lengths: &[usize]| {
            let mut batch = Batch::at(offset);
            for &length in lengths {
                batch.push(Bytes::from(vec![0; length]));
            }
            let rest = batch.cut(100);
            for part in [&batch, &rest] {
                assert_eq!(part.chunks.iter().map(Bytes::len).sum::<usize>(), part.length);
            }
            assert_eq!(batch.end(), rest.offset);
            (batch.length, rest.length)
        };
        assert_eq!(cut(0, &[250]), (200, 50));
        assert_eq!(cut(130, &[40, 240]), (270, 10));
        assert_eq!(cut(0, &[200]), (200, 0));
        assert_eq!(cut(110, &[20]), (20, 0), "no multiple within");
        assert_eq!(cut(0, &[120, 10]), (130, 0), "not within the last chunk");
        assert_eq!(cut(0, &[100, 10]), (110, 0), "nothing would be left of the last chunk");
        assert_eq!(cut(7, &[]), (0, 0));
    }
}
