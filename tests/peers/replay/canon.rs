//! Two outputs become comparable: docker's after the differences that hold everywhere, rdock's without its hints, and
//! both without what no two runs have in common. Everything else stays byte for byte.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthChar;

use super::help;
use super::images::Big;
use super::settle::settle;
use super::transcript::{Outcome, Step};

/// The differences that hold everywhere, as `differences.json` explains them.
const RULES: [&str; 11] = [
    "automated",
    "digests",
    "docker 28",
    "engine's data",
    "error prefix",
    "help",
    "hint",
    "misprint",
    "name server",
    "program name",
    "version",
];

/// What docker packed anew when it pushed: digest and size of manifests, digests of layers; and what it had pulled.
/// rdock pushes what it has pulled.
const PACKED_ANEW: [(&str, &str); 5] = [
    (
        "6802e4895f2815ca40af848b6f4d47198e20a3ddee760da1c493c7522aa16b94",
        "dc4f1920f3a675a9f33ce25b7be35804706552b7680d079f17f5e0400ffd6f34",
    ),
    (
        "9f045454a94184a408466924c9e104355f92cd8858213c896ca7c9bf4e7ed0d7",
        "dc4f1920f3a675a9f33ce25b7be35804706552b7680d079f17f5e0400ffd6f34",
    ),
    (
        "a067196edd0ebc9d6c5bb2fecdaf5b596e35bc5981dfbd983919f535fd0f45e4",
        "1871b16ebe8ad31154a6c332bc25eb1f14fe3cfa61f084178742234551a9aff0",
    ),
    (
        "531b340027dee793d6a2094cd98641baf1e21c4518e7567b95bf7448ea945c86",
        "04def1534722e244b5a698022e2c961bc6805a65def83f53db71d108e6ca7908",
    ),
    (
        "b66f9d25822aa97bf1f3bf054bfacdb09bbcebac50905fea571de8a82dc15ee3",
        "212f97f7ad58f774a8fa19477f51c6f9ed4206fdfc62cf49bbb8514f4cfc3ac6",
    ),
];

/// The sizes of those manifests, as `push` prints them.
const SIZES: [(&str, &str); 2] = [(" size: 944", " size: 750"), (" size: 1576", " size: BIG")];

/// Digests of the big image: its manifest as pulled and as docker pushed it, its ID, its layers packed and unpacked.
const BIG: [&str; 15] = [
    "f63559555dea96e0de2b4f88e701afc6ce6d636b64509d957f49bf6a2afe635c",
    "151029377a07fba8086f693438fbc0a09b0a1d9803f1706e370753b80cd8a1c4",
    "93c84c5345a7edc0788277156fdd400fd9bf58fbefaa1d346256d405e03bfe87",
    "8e75da35f248",
    "a937a6ef5f9d",
    "466b5e300b02",
    "db7e115b9a0e",
    "3d7d094448b1",
    "6bfdce38182c",
    "ba04cf1719ef",
    "aa411d0fcfea",
    "9b5b69a35656",
    "eebecb5efc7b",
    "e816f89a07a4",
    "71c5e487a018",
];

/// The translations of one replay.
pub(crate) struct Canon {
    recorded: BTreeMap<String, String>,
    actual: BTreeMap<String, String>,
    big_size: String,
}

impl Canon {
    /// `rules` are those of the list; they have to be the ones known here.
    pub(crate) fn new(rules: &BTreeMap<String, String>) -> Self {
        assert!(
            rules.keys().eq(RULES.iter()),
            "the rules of differences.json are {:?}",
            rules.keys()
        );
        let mut canon = Self {
            recorded: BTreeMap::new(),
            actual: BTreeMap::new(),
            big_size: "BIG".to_owned(),
        };
        for (anew, pulled) in PACKED_ANEW {
            learn(&mut canon.recorded, anew, pulled);
        }
        canon
    }

    /// Learns the digests of the big image as it is here.
    pub(crate) fn know(&mut self, big: &Big) {
        let built = &big.built;
        let layers = built.layers.iter().map(|layer| &layer.digest);
        let here = [&built.digest, &built.config_digest]
            .into_iter()
            .chain(layers)
            .chain(&built.diff_ids);
        let there = BIG.iter().filter(|hex| **hex != BIG[1]);
        for (here, there) in here.zip(there) {
            learn(&mut self.actual, here.trim_start_matches("sha256:"), there);
        }
        learn(&mut self.recorded, BIG[1], BIG[0]);
        self.big_size = built.manifest.len().to_string();
    }

    /// Learns that an ID here stands for a recorded one.
    pub(crate) fn know_id(&mut self, here: &str, recorded: &str) {
        learn(&mut self.actual, here.trim_start_matches("sha256:"), recorded);
    }

    /// What docker did, as far as rdock has to do the same.
    pub(crate) fn recorded(&self, step: &Step) -> Outcome {
        let text = |text: &str| {
            let mut text = translate(text, &self.recorded);
            for (anew, pulled) in SIZES {
                text = text.replace(anew, &pulled.replace("BIG", &self.big_size));
            }
            let text = text.replace("Error response from daemon: ", "");
            let text = text.replace(" on 10.99.0.53:53", "");
            let text = in_docker_28_s_words(&text, step);
            let text = without_engine_data(&text.replace("\nSRun '", "\nRun '"));
            let text = settle(&named_rdock(&text), step);
            if help::is_asked(step) {
                help::recorded(&text, step)
            } else {
                text
            }
        };
        Outcome {
            stdout: text(&step.stdout),
            stderr: text(&step.stderr),
            exit: step.exit,
        }
    }

    /// What rdock did, without its hints.
    pub(crate) fn actual(&self, step: &Step, outcome: &Outcome) -> Outcome {
        let text = |text: &str, docker: &str| {
            let (hints, lines): (Vec<&str>, Vec<&str>) =
                text.split_inclusive('\n').partition(|line| line.starts_with("hint: "));
            let mut lines = lines.concat();
            if !hints.is_empty() && docker.ends_with("\n\n") {
                lines.push('\n');
            }
            let mut text = translate(&lines, &self.actual);
            if step
                .argv
                .iter()
                .any(|word| word.contains("version") || word == "info" || word == "-v")
            {
                text = without_version(&text);
            }
            let text = without_automated(&settle(&text, step));
            if help::is_asked(step) {
                help::actual(&text, docker)
            } else {
                text
            }
        };
        let recorded = self.recorded(step);
        Outcome {
            stdout: text(&outcome.stdout, &recorded.stdout),
            stderr: text(&outcome.stderr, &recorded.stderr),
            exit: outcome.exit,
        }
    }
}

/// What the recorded engine, 20.10, says in other words than one of 28, as rdock does.
fn in_docker_28_s_words(text: &str, step: &Step) -> String {
    let text = text
        .replace("Invalid filter '", "invalid filter '")
        .replace(
            "'stars=abc'",
            "'stars=abc': strconv.Atoi: parsing \"abc\": invalid syntax",
        )
        .replace("Limit 101 is", "limit 101 is")
        .replace("/\": x509: ", "/\": tls: failed to verify certificate: x509: ")
        .replace(
            "/_ping\": x509: ",
            "/_ping\": tls: failed to verify certificate: x509: ",
        );
    // The name came twice: `no such image: NAME: No such image: NAME:latest`.
    let once = |line: &str| {
        let mut twice = step.argv.iter().map(|name| format!("no such image: {name}: "));
        let why = twice.find_map(|twice| line.strip_prefix(twice.as_str()).map(str::to_owned));
        why.unwrap_or_else(|| line.to_owned())
    };
    text.split_inclusive('\n').map(once).collect()
}

/// Docker's name in what it says about command lines.
fn named_rdock(text: &str) -> String {
    let mut text = text.to_owned();
    for (docker, rdock) in [
        ("docker: ", "rdock: "),
        ("'docker ", "'rdock "),
        ("Usage:  docker ", "Usage:  rdock "),
        ("unknown command: docker ", "unknown command: rdock "),
        ("mean \"docker ", "mean \"rdock "),
    ] {
        text = text.replace(docker, rdock);
    }
    // Not about the command line, but the registry's refusal, which people search the web for.
    text.replace("require 'rdock login'", "require 'docker login'")
}

/// rdock's own version, where it stands alone: not inside an address such as 10.1.0.0.
fn without_version(text: &str) -> String {
    const OWN: &str = env!("CARGO_PKG_VERSION");
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '.';
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(OWN) {
        let (before, after) = (&rest[..at], &rest[at + OWN.len()..]);
        let is_alone = !before.chars().last().is_some_and(|letter| is_part(&letter))
            && !after.chars().next().is_some_and(|letter| is_part(&letter));
        result += before;
        result += if is_alone { "VERSION" } else { OWN };
        rest = after;
    }
    result + rest
}

#[test]
fn a_version_inside_an_address_stays() {
    let own = env!("CARGO_PKG_VERSION");
    let text = format!("1{own}.0/16 rdock version {own}\n\"{own}\", {own}.7 x{own}");
    let settled = format!("1{own}.0/16 rdock version VERSION\n\"VERSION\", {own}.7 x{own}");
    assert_eq!(without_version(&text), settled);
}

/// How the engine stores images, and when it last named one.
fn without_engine_data(text: &str) -> String {
    let text = text.replace("\"Name\": \"vfs\"", "\"Name\": \"\"");
    let mut text = text.replace("\"Name\":\"vfs\"", "\"Name\":\"\"");
    for key in ["\"LastTagTime\": \"", "\"LastTagTime\":\""] {
        if let Some((before, (_, after))) = text.split_once(key).and_then(|(a, b)| Some((a, b.split_once('"')?))) {
            text = format!("{before}{key}0001-01-01T00:00:00Z\"{after}");
        }
    }
    text
}

/// Cuts the column off that docker has given up, and the blanks before it.
fn without_automated(text: &str) -> String {
    let Some(column) = text.lines().next().and_then(|header| header.find("AUTOMATED")) else {
        return text.to_owned();
    };
    let cut = |line: &str| {
        let mut width = 0;
        let kept = line.chars().take_while(|letter| {
            width += letter.width().unwrap_or(0);
            width <= column
        });
        let kept: String = kept.collect();
        // The cell before it, which is the last one now, is not filled up.
        let start = kept.len() - "OFFICIAL   ".len();
        format!("{}{}\n", &kept[..start], kept[start..].trim_end())
    };
    text.lines().map(cut).collect()
}

fn learn(digests: &mut BTreeMap<String, String>, from: &str, to: &str) {
    digests.insert(from[..12].to_owned(), to[..12].to_owned());
    let padded = format!("{to:0<64}");
    if from.len() == 64 {
        digests.insert(from.to_owned(), padded);
    }
}

/// Replaces digests, whole or short.
fn translate(text: &str, digests: &BTreeMap<String, String>) -> String {
    let is_hex = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_hex) {
        let length = rest[start..]
            .find(|letter| !is_hex(letter))
            .unwrap_or(rest.len() - start);
        let (before, word) = rest[..start + length].split_at(start);
        result.push_str(before);
        result.push_str(digests.get(word).map_or(word, String::as_str));
        rest = &rest[start + length..];
    }
    result + rest
}
