//! What the pages of the registry share: the store behind them, and what is remembered of it.

use std::time::Duration;

use super::super::auth::caller::Caller;
use super::super::backing::retention::Retention;
use super::super::backing::{Backing, OffThread};
use super::facts::{FactsCache, roots};
use super::links::Links;
use super::repository_names::RepositoryNames;
use super::route::Name;
use super::upstream::Upstream;
use crate::error::Result;
use crate::image::Digest;

pub(in crate::server) struct State<B: Backing> {
    pub(in crate::server) store: OffThread<B>,
    pub(in crate::server) names: RepositoryNames,
    pub(in crate::server) retention: Retention<B>,
    pub(in crate::server) facts: FactsCache,
    pub(in crate::server) links: Links,
    pub(in crate::server) upstream: Option<Upstream<B>>,
    /// Whether clients can push.
    pub(in crate::server) is_writable: bool,
    /// Whether somebody may see one repository and not another: then a blob is shown in those alone that have it.
    pub(in crate::server) is_divided: bool,
}

impl<B: Backing> State<B> {
    /// The state of a registry that takes pushes and shows everybody everything. What nothing names is kept for so
    /// long.
    pub(in crate::server) fn new(store: OffThread<B>, names: RepositoryNames, kept_for: Duration) -> Self {
        Self {
            retention: Retention::new(store.clone(), kept_for),
            store,
            names,
            facts: FactsCache::default(),
            links: Links::default(),
            upstream: None,
            is_writable: true,
            is_divided: false,
        }
    }

    /// Whether this blob, if it is here, may be shown in this repository.
    pub(in crate::server) async fn may_show(&self, name: &Name, digest: &Digest) -> Result<bool> {
        let repository = name.repository.name();
        if self.links.is_deleted(repository, digest) {
            return Ok(false);
        }
        if !self.is_divided || self.links.has(repository, digest) {
            return Ok(true);
        }
        let (facts, of, repository) = (self.facts.clone(), digest.clone(), name.repository.clone());
        let below = self.store.run(move |store| {
            let repositories = store.repositories()?;
            facts.below(store, roots(repositories.of(&repository)))
        });
        let is_below = below.await?.contains(&of);
        if is_below {
            self.links.give(name.repository.name(), digest);
        }
        Ok(is_below)
    }

    /// The paths of the repositories that can be served and that the caller may pull from, in no order.
    pub(in crate::server) async fn paths(&self, caller: &Caller) -> Result<Vec<String>> {
        let names = self.names.clone();
        let paths = self.store.run(move |store| {
            let repositories = store.repositories()?;
            let paths = repositories.each().filter_map(|named| names.path(&named.first()?.name));
            Ok(paths.collect::<Vec<_>>())
        });
        let mut paths = paths.await?;
        paths.retain(|path| caller.may_list(path));
        Ok(paths)
    }
}
