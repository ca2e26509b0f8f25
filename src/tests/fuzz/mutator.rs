//! Makes inputs of others.

use fastrand::Rng;

/// Inputs that showed something new are kept up to this many; then they take one another's places.
const MOST_KEPT: usize = 2000;
/// Numbers at which types end.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "127",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e309",
    "0.1",
];
/// Means something to many grammars, or is what they forget.
const WORDS: [&str; 40] = [
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"",
    "\\",
    ",",
    ":",
    "=",
    ";",
    "/",
    "..",
    "../",
    "@",
    "%",
    "%00",
    "%2f",
    "#",
    "?",
    "&",
    "*",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{9b}",
    "\u{e9}",
    "\u{fffd}",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[",
    "{\"a\":",
    "NaN",
    "Infinity",
    "\u{130}",
    "\u{2028}",
];
/// Values that stand in the place of a JSON value.
const VALUES: [&str; 10] = [
    "null",
    "[]",
    "{}",
    "\"\"",
    "-1",
    "1.5",
    "true",
    "[null]",
    "{\"a\":null}",
    "\"\\u202e\"",
];

pub(super) struct Mutator<'a> {
    dice: Rng,
    kept: Vec<Vec<u8>>,
    words: &'a [&'a str],
    longest: usize,
}

impl<'a> Mutator<'a> {
    pub(super) fn new(seeds: Vec<Vec<u8>>, words: &'a [&'a str], longest: usize, seed: u64) -> Self {
        let kept = if seeds.is_empty() { vec![Vec::new()] } else { seeds };
        Self {
            dice: Rng::with_seed(seed),
            kept,
            words,
            longest,
        }
    }

    /// Keeps an input to make others of.
    pub(super) fn learn(&mut self, input: Option<Vec<u8>>) {
        let Some(input) = input else { return };
        if self.kept.len() < MOST_KEPT {
            self.kept.push(input);
        } else {
            let place = self.dice.usize(..self.kept.len());
            self.kept[place] = input;
        }
    }

    pub(super) fn input(&mut self) -> Vec<u8> {
        let mut input = self.one().to_vec();
        for _ in 0..1 << self.dice.u8(..4) {
            self.change(&mut input);
            input.truncate(self.longest);
        }
        input
    }

    fn one(&mut self) -> &[u8] {
        let place = self.dice.usize(..self.kept.len());
        &self.kept[place]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input);
        match self.dice.u8(..13) {
            0 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << self.dice.u8(..8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte = self.dice.u8(..);
                }
            }
            2 => input.insert(from, self.dice.u8(..)),
            3 => drop(input.drain(from..to)),
            4 => {
                let again = input[from..to].to_vec();
                input.splice(from..from, again);
            }
            5 => {
                let other = self.one().to_vec();
                let (start, end) = self.range(&other);
                input.splice(from..to, other[start..end].iter().copied());
            }
            6 => {
                let word = self.word();
                input.splice(from..from, word.bytes());
            }
            7 => {
                let word = self.word();
                input.splice(from..to, word.bytes());
            }
            8 => self.change_number(input, from),
            9 => {
                let part: Vec<u8> = input.drain(from..to).collect();
                let place = self.dice.usize(..=input.len());
                input.splice(place..place, part);
            }
            10 => self.nest(input, from, to),
            11 => self.change_value(input, from),
            _ => input.truncate(from.max(1)),
        }
    }

    /// A part of the input, mostly a short one.
    fn range(&mut self, input: &[u8]) -> (usize, usize) {
        let from = self.dice.usize(..=input.len());
        let most = if self.dice.u8(..4) == 0 { input.len() } else { 16 };
        let length = self.dice.usize(..=most.min(input.len() - from));
        (from, from + length)
    }

    fn word(&mut self) -> &'a str {
        match self.dice.u8(..3) {
            0 => WORDS[self.dice.usize(..WORDS.len())],
            1 => NUMBERS[self.dice.usize(..NUMBERS.len())],
            _ if self.words.is_empty() => "",
            _ => self.words[self.dice.usize(..self.words.len())],
        }
    }

    /// Puts another number in the place of the next one.
    fn change_number(&mut self, input: &mut Vec<u8>, from: usize) {
        let Some(begin) = input[from..].iter().position(u8::is_ascii_digit) else {
            return;
        };
        let begin = from + begin;
        let length = input[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.dice.usize(..NUMBERS.len())];
        input.splice(begin..begin + length, number.bytes());
    }

    /// Repeats a short part many times, so that what is nested is nested deeply and what is long is very long.
    fn nest(&mut self, input: &mut Vec<u8>, from: usize, to: usize) {
        let to = to.min(from + 8);
        let times = 1 << self.dice.u8(..12);
        let part = input[from..to].repeat(times);
        let room = self.longest.saturating_sub(input.len());
        input.splice(from..from, part.into_iter().take(room));
    }

    /// Puts another value in the place of one that follows a colon, up to the next comma or bracket.
    fn change_value(&mut self, input: &mut Vec<u8>, from: usize) {
        let Some(colon) = input[from..].iter().position(|byte| *byte == b':') else {
            return;
        };
        let begin = from + colon + 1;
        let rest = &input[begin..];
        let end = begin + rest.iter().position(|byte| b",}]".contains(byte)).unwrap_or(rest.len());
        let value = VALUES[self.dice.usize(..VALUES.len())];
        input.splice(begin..end, value.bytes());
    }
}
