//! Who asks, and what he may see and change.

use std::rc::Rc;

use super::need::Action;
use super::rights::Rights;
use super::scope::Scope;

/// Without a token and without rights everything is allowed.
#[derive(Default)]
pub(in crate::server) struct Caller {
    /// Empty for nobody in particular.
    pub(in crate::server) user: String,
    /// What his token was given for.
    pub(super) scopes: Option<Rc<[Scope]>>,
    pub(super) rights: Option<Rc<Rights>>,
}

impl Caller {
    pub(in crate::server) fn may(&self, name: &str, action: Action) -> bool {
        self.has_scope(name, action) && self.has_right(name, action)
    }

    /// Whether the repository may be named to him.
    pub(in crate::server) fn may_list(&self, name: &str) -> bool {
        self.has_right(name, Action::Pull)
    }

    pub(super) fn has_scope(&self, name: &str, action: Action) -> bool {
        let Some(scopes) = &self.scopes else {
            return true;
        };
        scopes.iter().any(|scope| scope.allows(name, action))
    }

    pub(super) fn has_right(&self, name: &str, action: Action) -> bool {
        self.rights
            .as_ref()
            .is_none_or(|rights| rights.allow(&self.user, name, action))
    }

    /// Whether the names of repositories may be listed: those that he may pull from.
    pub(super) fn may_list_some(&self) -> bool {
        let by_scope = self
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.contains(&Scope::Catalog));
        let by_right = || self.rights.as_ref().is_none_or(|rights| rights.let_in_anybody());
        by_scope && (!self.user.is_empty() || by_right())
    }
}
