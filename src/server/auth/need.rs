//! What a request must be allowed, in the words of docker's token documents.

/// What is done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Action {
    Pull,
    Push,
    Delete,
}

impl Action {
    pub(in crate::server) const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    pub(in crate::server) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == text)
    }

    pub(in crate::server) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Need<'a> {
    Nothing,
    /// Any user will do.
    Login,
    /// The names of repositories: those are shown that may be pulled from.
    Catalog,
    Repository {
        /// The client's spelling.
        asked: &'a str,
        /// The spelling of the catalog.
        name: &'a str,
        actions: &'static [Action],
    },
}

impl Need<'_> {
    /// Type, name and actions; none where no scope is needed.
    pub(super) fn scope(&self) -> Option<(&str, &str, String)> {
        match self {
            Need::Nothing | Need::Login => None,
            Need::Catalog => Some(("registry", "catalog", "*".to_owned())),
            Need::Repository { asked, actions, .. } => Some(("repository", asked, names(actions))),
        }
    }
}

/// `pull,push`.
pub(super) fn names(actions: &[Action]) -> String {
    let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
    names.join(",")
}
