//! What no two runs have in common is taken away: the order of what happens at once, times, and what a file system adds.

use std::fmt::Write as _;

use super::transcript::Step;
use crate::support::shown::Shown;

/// Takes away what no two runs have in common.
pub(crate) fn settle(text: &str, step: &Step) -> String {
    let text = match step.terminal {
        Some([columns, rows]) if is_drawn(text) => Shown::of(text.as_bytes(), columns, rows).lines().join("\n") + "\n",
        // The terminal itself makes `\r\n` of each line's end.
        Some(_) => text.replace("\r\n", "\n"),
        None => text.to_owned(),
    };
    let text = settle_transfers(&text, step.exit);
    let text = settle_tables(&text, step);
    let lines = text.split_inclusive('\n').map(settle_line).map(settle_branch);
    let is_made = step
        .argv
        .starts_with(&["docker".to_owned(), "rmi".to_owned(), "--platform".to_owned()]);
    let deleted = |line: String| match line.strip_prefix("Deleted: ") {
        Some(_) if is_made => "Deleted: <made for the session>\n".to_owned(),
        _ => line,
    };
    lines.map(deleted).collect()
}

/// The manifests of images that were made for the session have no fixed digests, which `images --tree` shows.
fn settle_branch(line: String) -> String {
    match line
        .strip_prefix(['├', '└'])
        .and_then(|rest| rest.split_whitespace().nth(2))
    {
        Some(digest) => line.replace(digest, "<manifest>"),
        None => line,
    }
}

/// Whether text is drawn over text; colours alone are compared as they are.
fn is_drawn(text: &str) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let mut sequences = text.split("\u{1b}[").skip(1);
    let moves = sequences.any(|rest| rest.trim_start_matches(is_digit).starts_with(['A', 'B', 'K']));
    moves || text.replace("\r\n", "").contains('\r')
}

/// Layers come in parallel: their lines are put together, in the order of the layers' first lines. Which of them come
/// at all depends on the moment in a transfer that fails, and always for those that tell of waiting, checking and loading.
fn settle_transfers(text: &str, exit: i32) -> String {
    let mut result = String::new();
    let mut layers: Vec<(&str, String)> = Vec::new();
    let flush = |layers: &mut Vec<(&str, String)>, result: &mut String| {
        for (_, lines) in layers.drain(..) {
            result.push_str(&lines);
        }
    };
    for line in text.split_inclusive('\n') {
        let Some((id, status)) = layer_line(line) else {
            flush(&mut layers, &mut result);
            result.push_str(line);
            continue;
        };
        let is_first = ["Pulling fs layer", "Preparing", "Already exists"].contains(&status);
        let passing = ["Verifying Checksum", "Waiting", "Retrying in ", "Loading layer"];
        let is_idle = passing.iter().any(|word| status.starts_with(word));
        if is_idle || exit != 0 && !is_first {
            continue;
        }
        // A layer that is prepared again belongs to the next tag of a push.
        if status == "Preparing" && layers.iter().any(|(layer, lines)| *layer == id && !lines.is_empty()) {
            flush(&mut layers, &mut result);
        }
        match layers.iter_mut().find(|(layer, _)| *layer == id) {
            Some((_, lines)) => lines.push_str(line),
            None => layers.push((id, line.to_owned())),
        }
    }
    flush(&mut layers, &mut result);
    result
}

fn layer_line(line: &str) -> Option<(&str, &str)> {
    let (id, status) = line.split_once(": ")?;
    let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| (id, status.trim_end()))
}

/// Time goes by: years count as one, what was made within the hour and when it was are not told apart, and the column is
/// as wide as that. Rows of one image come in any order (a bug of the recorded engine), in a format of the user's own
/// all rows do.
fn settle_tables(text: &str, step: &Step) -> String {
    let is_listing = step.argv.get(1).is_some_and(|word| word.starts_with("image"));
    if !text.contains(" ago") && !is_listing {
        return text.to_owned();
    }
    let mut rows: Vec<String> = text.split_inclusive('\n').map(without_time).collect();
    if is_listing && step.argv.iter().any(|word| word == "--format") || step.note.as_deref() == Some(OWN_FORMAT) {
        let records = rows.concat();
        let mut records: Vec<&str> = records
            .split_inclusive(if records.contains("\n\n") { "\n\n" } else { "\n" })
            .collect();
        records.sort_unstable();
        return records.concat();
    }
    let id = |row: &String| {
        let before_age = row.split(" ago").next().unwrap_or_default();
        let mut words = before_age
            .split_whitespace()
            .filter(|word| word.len() == 12 || word.len() == 71);
        words.next_back().filter(|_| row.contains(" ago")).map(str::to_owned)
    };
    rows.chunk_by_mut(|a, b| id(a).is_some() && id(a) == id(b))
        .for_each(<[String]>::sort);
    rows.concat()
}

/// The note of the step whose format is in config.json.
const OWN_FORMAT: &str = "imagesFormat from config.json";

/// Dates of images that are the same in every session.
const FIXED_DATES: [&str; 6] = [
    "0001-01-01 00:00:00",
    "1970-01-01 00:00:00",
    "2018-11-06 16:11:33",
    "2019-03-26 23:14:53",
    "2020-02-29 00:00:00",
    "2021-09-23 23:47:57",
];

fn without_time(line: &str) -> String {
    let mut line = line.to_owned();
    for moment in ["Less than a second ago", "About a minute ago"] {
        line = line.replace(moment, "moments ago");
    }
    for (unit, instead) in [
        (" seconds ago", "moments ago"),
        (" second ago", "moments ago"),
        (" minutes ago", "moments ago"),
        (" years ago", "N years ago"),
    ] {
        while let Some((before, after)) = line
            .split_once(unit)
            .filter(|(before, _)| before.ends_with(|letter: char| letter.is_ascii_digit()))
        {
            let start = before.trim_end_matches(|letter: char| letter.is_ascii_digit());
            line = format!("{start}{instead}{after}");
        }
    }
    for cell in ["CREATED", "moments ago", "N years ago"] {
        line = squeeze_after(&line, cell);
    }
    without_dates(&line)
}

/// Leaves three of the blanks that fill the column after `cell`.
fn squeeze_after(line: &str, cell: &str) -> String {
    match line.split_once(&format!("{cell}   ")) {
        Some((before, after)) => format!("{before}{cell}   {}", after.trim_start_matches(' ')),
        None => line.to_owned(),
    }
}

/// Takes the date of this session's own images away.
fn without_dates(line: &str) -> String {
    let shape = "0000-00-00 00:00:00";
    let is_date = |text: &str| {
        let same = |(a, b): (char, char)| if b == '0' { a.is_ascii_digit() } else { a == b };
        text.chars().zip(shape.chars()).all(same) && !FIXED_DATES.contains(&text)
    };
    let starts = line.char_indices().map(|(start, _)| start);
    let found = starts
        .into_iter()
        .find(|start| line.get(*start..start + shape.len()).is_some_and(is_date));
    match found {
        Some(start) => format!("{}(lately){}", &line[..start], &line[start + shape.len()..]),
        None => line.to_owned(),
    }
}

/// Times of day, in HTTP headers and in what `ls` says; with those, what depends on the file system.
fn settle_line(line: &str) -> String {
    if line.starts_with("Date: ") {
        return "Date: ...\r\n".to_owned();
    }
    // The registries of the tests carry a mark.
    if line.starts_with("total ") || line.starts_with("X-Test-Registry: ") {
        return String::new();
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_listing = words.len() >= 9 && words[0].len() == 10 && words[0].contains("rw") && words[5].len() == 3;
    if !is_listing {
        return line.to_owned();
    }
    let mut kept = format!("{} {}", words[0], words[2..4].join(" "));
    if words[0].starts_with('-') {
        let _ = write!(kept, " {}", words[4]);
    }
    format!("{kept} {}\n", words[8..].join(" "))
}
