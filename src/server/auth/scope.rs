//! What a token is for (<https://distribution.github.io/distribution/spec/auth/scope/>).

use std::fmt;

use super::need::{Action, names};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum Scope {
    Catalog,
    Repository {
        /// The client's spelling, and that of the catalog.
        asked: String,
        name: String,
        actions: Vec<Action>,
    },
}

impl Scope {
    /// Reads `TYPE:NAME:ACTIONS`; none for what this registry does not have. `canonical` tells a repository's name in the
    /// catalog.
    pub(super) fn parse(text: &str, canonical: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (asked, actions) = rest.rsplit_once(':')?;
        match (kind, asked) {
            ("registry", "catalog") => (actions == "*").then_some(Self::Catalog),
            ("repository", asked) => Some(Self::Repository {
                asked: asked.to_owned(),
                name: canonical(asked)?,
                actions: match actions {
                    "*" => Action::ALL.to_vec(),
                    actions => actions.split(',').filter_map(Action::parse).collect(),
                },
            }),
            _ => None,
        }
    }

    /// The scope with those actions alone that `may` allows; none when nothing is left.
    pub(super) fn limited(self, may: impl Fn(&str, Action) -> bool) -> Option<Self> {
        let Self::Repository { asked, name, actions } = self else {
            return Some(self);
        };
        let actions: Vec<Action> = actions.into_iter().filter(|action| may(&name, *action)).collect();
        (!actions.is_empty()).then_some(Self::Repository { asked, name, actions })
    }

    pub(super) fn allows(&self, of: &str, action: Action) -> bool {
        matches!(self, Self::Repository { name, actions, .. } if name == of && actions.contains(&action))
    }

    /// How many bytes it takes, and no less.
    pub(super) fn weight(&self) -> usize {
        let texts = match self {
            Self::Catalog => 0,
            Self::Repository { asked, name, .. } => asked.len() + name.len(),
        };
        size_of::<Self>() + texts + 100
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => f.write_str("registry:catalog:*"),
            Self::Repository { asked, actions, .. } => write!(f, "repository:{asked}:{}", names(actions)),
        }
    }
}
