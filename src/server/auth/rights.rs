//! Rights: which user may do what with which repositories, the file of `serve --rights`.
//!
//! ```text
//! # USER    ACTIONS        PATHS
//! anonymous pull           public/
//! *         pull           public/ team/base
//! alice     pull,push      team/
//! root      push,delete    *
//! ```
//! `anonymous` is everybody, with a password or without, and can only be given `pull`; `*` is every user. `push` holds
//! `pull`. `team/` is all below it, `team/base` this one repository, `*` all, by the names that the catalog lists. What no
//! line allows nobody may.

use std::path::Path;

use super::need::Action;
use super::watched_file::{lines, wrong};
use crate::error::Result;

const ANONYMOUS: &str = "anonymous";
const ALL: &str = "*";

/// The lines of the file.
#[derive(Debug, Default)]
pub(in crate::server) struct Rights(Vec<Right>);

#[derive(Debug)]
struct Right {
    who: Who,
    actions: Vec<Action>,
    paths: Vec<Paths>,
}

#[derive(Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    EveryUser,
    User(String),
}

#[derive(Debug)]
enum Paths {
    All,
    /// The prefix, with the slash at its end.
    Below(String),
    One(String),
}

impl Rights {
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let rights = lines(text).map(|(number, line)| Right::parse(line).map_err(|why| wrong(path, number, why)));
        rights.collect::<Result<_>>().map(Self)
    }

    /// Whether this user may; the empty one is nobody in particular.
    pub(in crate::server) fn allow(&self, user: &str, name: &str, action: Action) -> bool {
        let of_user = self.0.iter().filter(|right| right.is_for(user));
        let allowing = of_user.filter(|right| right.actions.contains(&action));
        allowing.flat_map(|right| &right.paths).any(|paths| paths.hold(name))
    }

    /// Whether there is something for those without a password.
    pub(in crate::server) fn let_in_anybody(&self) -> bool {
        self.0.iter().any(|right| right.who == Who::Anybody)
    }
}

impl Right {
    fn parse(line: &str) -> std::result::Result<Self, String> {
        let mut words = line.split_whitespace();
        let (Some(user), Some(actions)) = (words.next(), words.next()) else {
            return Err("not of the form USER ACTIONS PATH…".to_owned());
        };
        let who = match user {
            ANONYMOUS => Who::Anybody,
            ALL => Who::EveryUser,
            user => Who::User(user.to_owned()),
        };
        let mut given = Vec::new();
        for action in actions.split(',') {
            let action =
                Action::parse(action).ok_or_else(|| format!("{action:?} is no action: give pull, push or delete"))?;
            given.push(action);
        }
        if given.contains(&Action::Push) {
            given.push(Action::Pull);
        }
        if who == Who::Anybody && given != [Action::Pull] {
            return Err("anonymous can only be given pull".to_owned());
        }
        let paths: Vec<Paths> = words.map(Paths::parse).collect::<std::result::Result<_, _>>()?;
        if paths.is_empty() {
            return Err("it names no repositories: give PATH, PATH/ or *".to_owned());
        }
        Ok(Self {
            who,
            actions: given,
            paths,
        })
    }

    fn is_for(&self, user: &str) -> bool {
        match &self.who {
            Who::Anybody => true,
            Who::EveryUser => !user.is_empty(),
            Who::User(name) => !user.is_empty() && name == user,
        }
    }
}

impl Paths {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        if text == ALL {
            return Ok(Self::All);
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let name = text.strip_suffix('/').unwrap_or(text);
        let is_part = |part: &str| !part.starts_with('.') && !part.is_empty() && part.chars().all(is_plain);
        if !name.split('/').all(is_part) {
            return Err(format!("{text:?} is no name of repositories: give PATH, PATH/ or *"));
        }
        if text.ends_with('/') {
            return Ok(Self::Below(text.to_owned()));
        }
        Ok(Self::One(text.to_owned()))
    }

    fn hold(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(path) => name.starts_with(path.as_str()),
            Self::One(path) => name == path,
        }
    }
}

#[cfg(test)]
mod tests {
    mod fuzz;

    use super::*;

    fn parse(text: &str) -> Result<Rights> {
        Rights::parse(Path::new("rights"), text)
    }

    #[test]
    fn a_line_gives_what_it_says_and_no_more() {
        let rights = parse(
            "# who\n\nanonymous pull public/\n* pull team/base\nalice pull,push team/\nroot push,delete *\nbob delete x",
        )
        .unwrap();
        let may = |user: &str, name: &str| {
            let allowed = Action::ALL
                .into_iter()
                .filter(|action| rights.allow(user, name, *action));
            super::super::need::names(&allowed.collect::<Vec<_>>())
        };
        for (user, name, expected) in [
            ("", "public/a", "pull"),
            ("", "public/a/b", "pull"),
            ("", "public", ""),
            ("", "publicity/a", ""),
            ("", "team/base", ""),
            ("bob", "public/a", "pull"),
            ("bob", "team/base", "pull"),
            ("bob", "team/base/x", ""),
            ("bob", "x", "delete"),
            ("alice", "team/app", "pull,push"),
            ("alice", "teams/app", ""),
            ("root", "anything", "pull,push,delete"),
            ("anonymous", "team/app", ""),
            ("*", "team/app", ""),
        ] {
            assert_eq!(may(user, name), expected, "{user} {name}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_is_named_with_its_file() {
        for (text, why) in [
            ("\nalice", "line 2: not of the form"),
            ("alice pull", "line 1: it names no repositories"),
            ("alice write *", "line 1: \"write\" is no action"),
            ("alice pull, *", "line 1: \"\" is no action"),
            ("anonymous pull,push *", "line 1: anonymous can only be given pull"),
            ("alice pull /team", "line 1: \"/team\" is no name"),
            ("alice pull a/../b", "is no name"),
            ("alice pull Team/", "is no name"),
            ("alice pull team*", "is no name"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage);
            let error = error.to_string();
            assert!(error.starts_with("rights, ") && error.contains(why), "{error}");
        }
    }
}
