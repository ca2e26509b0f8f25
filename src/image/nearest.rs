//! What somebody may have meant: the existing names most like a mistyped one.

/// The likeliest of the candidates first, at most `count`. Candidates with nothing in common are left out
/// unless there are few altogether.
pub fn nearest(wanted: &str, candidates: &[String], count: usize) -> Vec<String> {
    let mut ranked: Vec<(usize, &String)> = candidates.iter().map(|c| (unlikeness(wanted, c), c)).collect();
    ranked.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| super::version_order::compare(x, y)));
    let few = candidates.len() <= count;
    ranked
        .into_iter()
        .filter(|(distance, candidate)| few || *distance < wanted.len().max(candidate.len()))
        .take(count)
        .map(|(_, candidate)| candidate.clone())
        .collect()
}

/// How unlike two names are: their distance, or little when one begins with the other.
fn unlikeness(a: &str, b: &str) -> usize {
    if a.starts_with(b) || b.starts_with(a) {
        distance(a, b).min(2)
    } else {
        distance(a, b)
    }
}

/// Levenshtein's: how many characters to insert, drop or change.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_tag() {
        let tags: Vec<String> = ["latest", "1.17.5", "1.17", "1.16", "2.0", "stable", "mainline", "edge"]
            .map(String::from)
            .to_vec();
        assert_eq!(nearest("1.17.55", &tags, 3)[0], "1.17.5");
        assert_eq!(nearest("lates", &tags, 1), ["latest"]);
        assert_eq!(nearest("zzz", &["latest".to_owned()], 5), ["latest"]);
        assert!(nearest("zzz", &[], 5).is_empty());
    }
}
