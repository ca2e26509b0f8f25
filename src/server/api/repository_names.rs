//! The path of a repository on this registry and its name in the store.

use super::super::http::refusal::{Code, Refusal};
use crate::image::Reference;
use crate::image::reference::HUB;

/// Whose names go without a host: Docker Hub's, or for a cache those of the registry behind it.
#[derive(Debug, Clone)]
pub(in crate::server) struct RepositoryNames {
    home: String,
}

impl RepositoryNames {
    pub(in crate::server) fn of_hub() -> Self {
        Self::of(HUB)
    }

    pub(in crate::server) fn of(domain: &str) -> Self {
        Self {
            home: domain.to_owned(),
        }
    }

    /// The repository that a client means by this path.
    pub(in crate::server) fn repository(&self, path: &str) -> Result<Reference, Refusal> {
        let invalid = |why: &str| Refusal::bad(Code::NameInvalid, format!("invalid repository name: {why}"));
        if path.contains([':', '@', '[']) || path.chars().any(char::is_uppercase) {
            return Err(invalid("it holds what no name of a repository may"));
        }
        let name = match self.home.as_str() {
            HUB => Reference::parse(path),
            home => Reference::parse(&format!("{home}/{path}")),
        };
        name.map_err(|e| invalid(&e.to_string()))
    }

    /// The path under which the catalog lists the repository that a client means by this one.
    pub(in crate::server) fn canonical(&self, path: &str) -> Option<String> {
        self.path(&self.repository(path).ok()?)
    }

    /// The path under which a repository is served, as docker shows its name: `nginx`, `quay.io/a/b`. None for one
    /// that cannot be: its host has a port, or is not the one behind the cache.
    pub(in crate::server) fn path(&self, name: &Reference) -> Option<String> {
        let path = match self.home.as_str() {
            HUB => name.familiar_name(),
            home if name.domain() == home => name.path(),
            _ => return None,
        };
        self.repository(path).is_ok().then(|| path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names_go_both_ways() {
        let names = RepositoryNames::of_hub();
        for (served, stored) in [
            ("nginx", "docker.io/library/nginx"),
            ("alice/app", "docker.io/alice/app"),
            ("quay.io/a/b", "quay.io/a/b"),
            ("localhost/x", "localhost/x"),
        ] {
            let name = names.repository(served).unwrap();
            assert_eq!(name.name(), stored);
            assert_eq!(names.path(&name).unwrap(), served);
        }
        assert_eq!(
            names.repository("library/nginx").unwrap().name(),
            "docker.io/library/nginx"
        );
        assert_eq!(names.path(&Reference::parse("127.0.0.1:5000/app").unwrap()), None);
    }

    #[test]
    fn a_cache_names_what_is_behind_it() {
        let names = RepositoryNames::of("127.0.0.1:5000");
        let name = names.repository("a/b").unwrap();
        assert_eq!(name.name(), "127.0.0.1:5000/a/b");
        assert_eq!(names.path(&name).unwrap(), "a/b");
        assert_eq!(names.path(&Reference::parse("quay.io/a/b").unwrap()), None);
    }

    #[test]
    fn no_path_leads_out_of_the_names() {
        for bad in [
            "..",
            "a/../b",
            "a//b",
            "/a",
            "a/",
            "",
            "A",
            "a:1",
            "a@sha256:0",
            "h:1/a",
            "[::1]/a",
            "a b",
            "Host/a",
            "a/%2e",
        ] {
            assert!(RepositoryNames::of_hub().repository(bad).is_err(), "{bad}");
            assert!(RepositoryNames::of("quay.io").repository(bad).is_err(), "{bad}");
        }
    }
}
