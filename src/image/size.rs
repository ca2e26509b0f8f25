//! Sizes that others claim, in bytes, and sums of them: too large a sum stays at the largest number.

use std::ops::Add;

/// The sum of these sizes.
pub fn total(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(0, u64::saturating_add)
}

/// What something unpacks to. Counting stops at a limit, since a small archive may hold more than any disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Exactly(u64),
    AtLeast(u64),
}

impl Size {
    /// What was counted.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Exactly(bytes) | Self::AtLeast(bytes) => bytes,
        }
    }

    /// The number in these words, behind `>` where there is more.
    pub fn shown(self, in_words: impl Fn(u64) -> String) -> String {
        match self {
            Self::Exactly(bytes) => in_words(bytes),
            Self::AtLeast(bytes) => format!(">{}", in_words(bytes)),
        }
    }

    /// What [`shown`](Self::shown) wrote in plain digits.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('>') {
            Some(more) => more.parse().ok().map(Self::AtLeast),
            None => text.parse().ok().map(Self::Exactly),
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::Exactly(0)
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let bytes = self.bytes().saturating_add(other.bytes());
        match (self, other) {
            (Self::Exactly(_), Self::Exactly(_)) => Self::Exactly(bytes),
            _ => Self::AtLeast(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_never_wraps_around() {
        assert_eq!(total([1, 2]), 3);
        assert_eq!(total([u64::MAX, 2, u64::MAX]), u64::MAX);
        assert_eq!(Size::Exactly(u64::MAX) + Size::Exactly(1), Size::Exactly(u64::MAX));
    }

    #[test]
    fn a_sum_with_one_that_is_larger_is_larger() {
        let sum = Size::Exactly(1) + Size::AtLeast(2);
        assert_eq!(sum, Size::AtLeast(3));
        assert_eq!(sum.shown(|bytes| bytes.to_string()), ">3");
        for size in [sum, Size::Exactly(3)] {
            assert_eq!(Size::parse(&size.shown(|bytes| bytes.to_string())), Some(size));
        }
        assert_eq!(Size::parse(">"), None);
    }
}
