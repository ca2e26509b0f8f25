//! A second reading of references: the regular expressions of <https://github.com/distribution/reference>, v0.6.0, written
//! down as they stand there and tried in the plainest way, and the rules of its `normalize.go` around them.

use std::cell::Cell;

use fastrand::Rng;

use crate::image::{Digest, Reference};

/// A regular expression.
enum Pattern {
    One(fn(char) -> bool),
    Text(&'static str),
    All(Vec<Pattern>),
    AnyOf(Vec<Pattern>),
    /// At least and at most so often.
    Times(usize, usize, Box<Pattern>),
}

use Pattern::{All, AnyOf, One, Text, Times};

impl Pattern {
    /// Whether some way to begin the text with this leaves what the rest takes.
    fn begins(&self, text: &str, rest: &mut dyn FnMut(&str) -> bool) -> bool {
        match self {
            One(is_one) => text
                .chars()
                .next()
                .is_some_and(|c| is_one(c) && rest(&text[c.len_utf8()..])),
            Text(word) => text.strip_prefix(word).is_some_and(rest),
            All(parts) => all(parts, text, rest),
            AnyOf(ways) => ways.iter().any(|way| way.begins(text, rest)),
            Times(least, most, part) => times(part, *least, *most, text, rest),
        }
    }

    fn is_whole(&self, text: &str) -> bool {
        self.begins(text, &mut str::is_empty)
    }
}

fn all(parts: &[Pattern], text: &str, rest: &mut dyn FnMut(&str) -> bool) -> bool {
    match parts {
        [] => rest(text),
        [first, others @ ..] => first.begins(text, &mut |after| all(others, after, rest)),
    }
}

fn times(part: &Pattern, least: usize, most: usize, text: &str, rest: &mut dyn FnMut(&str) -> bool) -> bool {
    let more = |after: &str, rest: &mut dyn FnMut(&str) -> bool| {
        after.len() < text.len() && times(part, least.saturating_sub(1), most - 1, after, rest)
    };
    (most > 0 && part.begins(text, &mut |after| more(after, rest))) || (least == 0 && rest(text))
}

fn many(part: Pattern) -> Pattern {
    Times(1, usize::MAX, Box::new(part))
}

fn any_number(part: Pattern) -> Pattern {
    Times(0, usize::MAX, Box::new(part))
}

fn optional(part: Pattern) -> Pattern {
    Times(0, 1, Box::new(part))
}

fn word() -> Pattern {
    many(One(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// `alphanumeric(?:separator alphanumeric)*`, with `separator` = `[_.]|__|[-]+`.
fn path_component() -> Pattern {
    let separator = AnyOf(vec![Text("_"), Text("."), Text("__"), many(Text("-"))]);
    All(vec![word(), any_number(All(vec![separator, word()]))])
}

fn path() -> Pattern {
    All(vec![
        path_component(),
        any_number(All(vec![Text("/"), path_component()])),
    ])
}

fn domain() -> Pattern {
    let alphanumeric = || One(|c| c.is_ascii_alphanumeric());
    let component = || {
        let inner = any_number(One(|c| c.is_ascii_alphanumeric() || c == '-'));
        AnyOf(vec![alphanumeric(), All(vec![alphanumeric(), inner, alphanumeric()])])
    };
    let name = All(vec![component(), any_number(All(vec![Text("."), component()]))]);
    let address = All(vec![
        Text("["),
        many(One(|c| c.is_ascii_hexdigit() || c == ':')),
        Text("]"),
    ]);
    let port = All(vec![Text(":"), many(One(|c| c.is_ascii_digit()))]);
    All(vec![AnyOf(vec![name, address]), optional(port)])
}

/// `[\w][\w.-]{0,127}`.
fn tag() -> Pattern {
    let first = One(|c| c.is_ascii_alphanumeric() || c == '_');
    let other = One(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    All(vec![first, Times(0, 127, Box::new(other))])
}

/// `[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][[:xdigit:]]{32,}`.
fn digest() -> Pattern {
    let part = || {
        let more = any_number(One(|c| c.is_ascii_alphanumeric()));
        All(vec![One(|c| c.is_ascii_alphabetic()), more])
    };
    let separator = One(|c| "-_+.".contains(c));
    let hex = Times(32, usize::MAX, Box::new(One(|c| c.is_ascii_hexdigit())));
    All(vec![part(), any_number(All(vec![separator, part()])), Text(":"), hex])
}

/// Domain, path, tag and digest.
type Parts = (String, String, Option<String>, Option<String>);

struct Grammar {
    domain: Pattern,
    path: Pattern,
    tag: Pattern,
    digest: Pattern,
}

impl Grammar {
    fn read(&self, typed: &str) -> Option<Parts> {
        if typed.len() == 64 && typed.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
            return None;
        }
        // splitDockerDomain
        let first = typed.split('/').next().filter(|first| first.len() < typed.len());
        let is_domain = |first: &&str| {
            first.contains('.') || first.contains(':') || *first == "localhost" || first.to_lowercase() != **first
        };
        let (domain, mut remainder) = match first.filter(is_domain) {
            Some(first) => (first, typed[first.len() + 1..].to_owned()),
            None => ("docker.io", typed.to_owned()),
        };
        let domain = if domain == "index.docker.io" {
            "docker.io"
        } else {
            domain
        };
        if domain == "docker.io" && !remainder.contains('/') {
            remainder.insert_str(0, "library/");
        }
        // ParseNormalizedNamed
        let remote = remainder.split(':').next()?;
        if remote.to_lowercase() != remote {
            return None;
        }
        let (path, tag, digest) = self.split(&remainder)?;
        // rdock takes no name with an empty domain, as its README says.
        let is_fine = self.domain.is_whole(domain) && path.len() <= 255;
        let is_known = digest.is_none_or(|digest| Digest::parse(digest).is_ok());
        let owned = |text: &str| text.to_owned();
        (is_fine && is_known).then(|| (owned(domain), owned(path), tag.map(owned), digest.map(owned)))
    }

    /// `path(?::tag)?(?:@digest)?`, by trying all places where tag and digest could begin.
    fn split<'a>(&self, text: &'a str) -> Option<(&'a str, Option<&'a str>, Option<&'a str>)> {
        let ends = |mark: char| text.match_indices(mark).map(|(at, _)| at).chain([text.len()]);
        for at in ends('@') {
            let digest = text.get(at + 1..);
            if digest.is_some_and(|digest| !self.digest.is_whole(digest)) {
                continue;
            }
            for colon in ends(':').filter(|colon| *colon < at).chain([at]) {
                let tag = (colon < at).then(|| &text[colon + 1..at]);
                if tag.is_none_or(|tag| self.tag.is_whole(tag)) && self.path.is_whole(&text[..colon]) {
                    return Some((&text[..colon], tag, digest));
                }
            }
        }
        None
    }
}

#[test]
fn names_are_read_as_the_grammar_reads_them() {
    let grammar = Grammar {
        domain: domain(),
        path: path(),
        tag: tag(),
        digest: digest(),
    };
    let dice = &mut Rng::with_seed(15);
    let hex = "0123456789abcdef".repeat(4);
    let words = [
        "a",
        "b1",
        "A",
        "nginx",
        "library",
        "docker.io",
        "index.docker.io",
        "localhost",
        "h.example",
        "[::1]",
        "5000",
        "/",
        ":",
        "@",
        ".",
        "_",
        "__",
        "___",
        "-",
        "--",
        "sha256:",
        "sha512:",
        "md5:",
        "sha256+b64:",
        &hex,
        "É",
        "\u{130}",
        " ",
        "v1.0",
        "",
    ];
    let right = Cell::new(0);
    for _ in 0..20_000 {
        let typed: String = (0..dice.usize(1..9))
            .map(|_| words[dice.usize(..words.len())])
            .collect();
        let ours = Reference::parse(&typed).ok().map(|it| {
            let text = |text: &str| text.to_owned();
            let digest = it.digest().map(|digest| text(digest.as_str()));
            (text(it.domain()), text(it.path()), it.tag().map(text), digest)
        });
        right.update(|count| count + usize::from(ours.is_some()));
        assert_eq!(ours, grammar.read(&typed), "{typed:?}");
    }
    assert!(right.get() > 1000, "only {} of them were names", right.get());
}
