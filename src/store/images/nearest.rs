//! Stored names that a mistyped one may have meant.

use crate::image::Reference;
use crate::image::nearest::distance;

/// How many names are offered.
const OFFERED: usize = 3;

/// The familiar names nearest to `wanted`, best first: a repository of nearly the same name, or with the same last part.
pub(in crate::store) fn names<'a>(wanted: &Reference, stored: impl Iterator<Item = &'a Reference>) -> Vec<String> {
    let repository = wanted.familiar_name();
    let mut near: Vec<(usize, usize, String)> = stored
        .filter_map(|name| {
            let far = strangeness(repository, name.familiar_name())?;
            let tags = distance(wanted.tag().unwrap_or_default(), name.tag().unwrap_or_default());
            Some((far, tags, name.familiar().to_owned()))
        })
        .collect();
    near.sort();
    near.into_iter().take(OFFERED).map(|(_, _, name)| name).collect()
}

/// How far apart two repositories are, or `None` where nobody would take one for the other.
fn strangeness(wanted: &str, stored: &str) -> Option<usize> {
    let far = distance(wanted, stored);
    // Two swapped letters are two changes.
    let bearable = 2.min(wanted.chars().count() / 2);
    if far <= bearable {
        return Some(far);
    }
    let last = |name: &str| name.rsplit('/').next().map(str::to_owned);
    (last(wanted) == last(stored)).then_some(bearable + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(wanted: &str) -> Vec<String> {
        let stored = ["nginx:1.14", "nginx:1.15", "nginx", "host:5000/team/redis:7", "busybox"]
            .map(|name| Reference::parse(name).unwrap().or_latest());
        names(&Reference::parse(wanted).unwrap().or_latest(), stored.iter())
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(near("ngnix"), ["nginx:latest", "nginx:1.14", "nginx:1.15"]);
        assert_eq!(near("nginx:1.16")[0], "nginx:1.14");
        assert_eq!(near("redis:7"), ["host:5000/team/redis:7"]);
        assert_eq!(near("busyboxx"), ["busybox:latest"]);
    }

    #[test]
    fn what_is_far_off_is_not_offered() {
        for wanted in ["postgres", "deadbeef", "a"] {
            assert!(near(wanted).is_empty(), "{wanted}");
        }
    }
}
