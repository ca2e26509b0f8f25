//! The one walk over a graph of manifests: an index leads to manifests, which may be indexes again and may be shared.
//!
//! A [`Walk`] reads nothing by itself. Whoever walks takes the next node, reads it as its place allows, and answers with
//! what it leads to: one after another, or many at once. Nothing here calls itself, so no depth can end the program.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use super::{Body, Descriptor, Digest, Manifest};
use crate::error::{Error, Kind, Result};

/// The manifests that this one lists, in its order, each as often as it is listed.
pub fn children(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    listed(manifest).filter(|child| is_manifest(child))
}

/// What is no manifest: layers, base first, and the config; what an index lists without a manifest between, as a build
/// cache does (<https://github.com/moby/buildkit/blob/master/cache/remotecache/v1/spec.go>).
pub fn blobs(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let of_image = match &manifest.body {
        Body::Image(image) => Some(image.layers.iter().chain([&image.config])),
        Body::Index(_) => None,
    };
    let of_index = listed(manifest).filter(|child| !is_manifest(child));
    of_image.into_iter().flatten().chain(of_index)
}

fn listed(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    match &manifest.body {
        Body::Image(_) => [].iter(),
        Body::Index(index) => index.manifests.iter(),
    }
}

fn is_manifest(child: &Descriptor) -> bool {
    let media_type = child.media_type.as_str();
    [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, ""].contains(&media_type) || media_type.contains("manifest")
}

/// Blobs of one image with all its platforms, far more than any has: each costs some hundred bytes of memory.
pub const MAX_BLOBS: usize = 50_000;

/// How much of a graph is followed before it counts as hostile.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Manifests, the first ones included.
    pub nodes: usize,
    /// Manifests on the longest way from the first one down.
    pub depth: usize,
}

impl Limits {
    /// The limits for an image from outside: far more than any has.
    pub const IMAGE: Self = Self {
        nodes: 10_000,
        depth: 16,
    };
    /// No limits, for what lies in a store and was let in once: all of it counts, whatever its shape.
    pub const NONE: Self = Self {
        nodes: usize::MAX,
        depth: usize::MAX,
    };
}

/// A manifest of the graph, as the first that leads to it describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub digest: Digest,
    /// Bytes, as they are said.
    pub size: u64,
}

/// Visits every manifest once, parents before children, and knows in the end in which order to put them.
#[derive(Debug)]
pub struct Walk {
    limits: Limits,
    /// Nodes in the order in which they were found; those from `unread` on were not handed out yet.
    found: Vec<Found>,
    unread: usize,
    places: HashMap<Digest, usize>,
    links: usize,
}

#[derive(Debug)]
struct Found {
    node: Node,
    /// Manifests on the shortest way to it.
    depth: usize,
    children: Vec<usize>,
    is_skipped: bool,
}

impl Walk {
    /// A walk that begins at these manifests.
    pub fn new<'a>(roots: impl IntoIterator<Item = &'a Descriptor>, limits: Limits) -> Result<Self> {
        let mut walk = Self {
            limits,
            found: Vec::new(),
            unread: 0,
            places: HashMap::new(),
            links: 0,
        };
        for root in roots {
            walk.find(root, 1)?;
        }
        Ok(walk)
    }

    /// A walk that begins at manifests of which only the digests are known.
    pub fn of_digests(roots: impl IntoIterator<Item = Digest>, limits: Limits) -> Result<Self> {
        let roots: Vec<Descriptor> = roots.into_iter().map(|root| Descriptor::new("", root, 0)).collect();
        Self::new(&roots, limits)
    }

    /// The next manifest to read, each once; none while all that is known was handed out.
    pub fn next_unread(&mut self) -> Option<Node> {
        let next = self.found.get(self.unread)?.node.clone();
        self.unread += 1;
        Some(next)
    }

    /// Tells what a manifest leads to.
    pub fn answer<'a>(&mut self, node: &Node, children: impl IntoIterator<Item = &'a Descriptor>) -> Result<()> {
        let Some(&parent) = self.places.get(&node.digest) else {
            return Ok(());
        };
        let depth = self.found[parent].depth.saturating_add(1);
        let mut links = Vec::new();
        for child in children {
            if depth > self.limits.depth {
                return Err(self.too_deep());
            }
            let place = self.find(child, depth)?;
            links.push(place);
        }
        // The same child may be listed many times over.
        links.sort_unstable();
        links.dedup();
        self.links = self.links.saturating_add(links.len());
        if self.links > self.limits.nodes.saturating_mul(LINKS) {
            return Err(self.too_many());
        }
        self.found[parent].children = links;
        Ok(())
    }

    /// Leaves a manifest out of the order, since it is there already with all below it.
    pub fn skip(&mut self, node: &Node) {
        if let Some(&place) = self.places.get(&node.digest) {
            self.found[place].is_skipped = true;
        }
    }

    /// All that was visited, children before parents: each level holds those that only lead to levels before it.
    pub fn into_levels(self) -> Result<Vec<Vec<Node>>> {
        let mut parents: Vec<Vec<usize>> = vec![Vec::new(); self.found.len()];
        let mut open: Vec<usize> = Vec::with_capacity(self.found.len());
        for (place, found) in self.found.iter().enumerate() {
            open.push(found.children.len());
            found.children.iter().for_each(|&child| parents[child].push(place));
        }
        let mut level: Vec<usize> = (0..open.len()).filter(|&place| open[place] == 0).collect();
        let mut levels = Vec::new();
        let mut done = 0;
        while !level.is_empty() {
            if levels.len() >= self.limits.depth {
                return Err(self.too_deep());
            }
            done += level.len();
            let mut above = Vec::new();
            for &parent in level.iter().flat_map(|&place| &parents[place]) {
                open[parent] -= 1;
                if open[parent] == 0 {
                    above.push(parent);
                }
            }
            above.sort_unstable();
            let wanted = level.iter().map(|&place| &self.found[place]);
            let nodes = wanted.filter(|it| !it.is_skipped).map(|it| it.node.clone());
            levels.push(nodes.collect());
            level = above;
        }
        if done < self.found.len() {
            let message = "the manifests of an image lead to themselves";
            return Err(Error::new(Kind::Corrupt, message));
        }
        Ok(levels)
    }

    fn find(&mut self, manifest: &Descriptor, depth: usize) -> Result<usize> {
        let place = self.found.len();
        match self.places.entry(manifest.digest.clone()) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(_) if place >= self.limits.nodes => {}
            Entry::Vacant(free) => {
                free.insert(place);
                self.found.push(Found {
                    node: Node {
                        digest: manifest.digest.clone(),
                        size: manifest.size,
                    },
                    depth,
                    children: Vec::new(),
                    is_skipped: false,
                });
                return Ok(place);
            }
        }
        Err(self.too_many())
    }

    fn too_many(&self) -> Error {
        let (what, most) = (self.root(), self.limits.nodes);
        Error::new(
            Kind::Corrupt,
            format!("{what} has too many children: more than {most} manifests"),
        )
    }

    fn too_deep(&self) -> Error {
        let (what, most) = (self.root(), self.limits.depth);
        Error::new(
            Kind::Corrupt,
            format!("{what} is nested too deeply: more than {most} manifests below one another"),
        )
    }

    fn root(&self) -> String {
        match self.found.first() {
            Some(first) => format!("the index {}", first.node.digest),
            None => "the index".to_owned(),
        }
    }
}

/// How many links there may be for each manifest that is allowed: hardly any manifest has two parents.
const LINKS: usize = 8;

#[cfg(test)]
mod tests;
