//! The manifests below the root of an image: small ones in memory, others read again when they are put.

use std::borrow::Cow;
use std::collections::HashMap;

use futures_util::TryStreamExt;
use futures_util::stream::FuturesUnordered;

use crate::content::{Sink, Source};
use crate::error::{Error, Kind, Result};
use crate::image::graph::Node;
use crate::image::{Descriptor, Digest, Manifest};

/// Bytes of manifests that are kept until they are put. Parsed, they take several times as much.
const KEPT: u64 = 4 << 20;
/// Bytes of manifests that are read or put at once.
const AT_ONCE_BYTES: u64 = 8 << 20;

/// The manifests that have to be put, and which of them before which others.
#[derive(Debug, Default)]
pub struct Children {
    /// Each level leads to those before it only.
    levels: Vec<Vec<Node>>,
    kept: HashMap<Digest, Manifest>,
    bytes: u64,
}

impl Children {
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(Vec::is_empty)
    }

    /// Children before parents.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.levels.iter().flatten()
    }

    pub fn retain(&mut self, is_wanted: impl Fn(&Digest) -> bool) {
        for level in &mut self.levels {
            level.retain(|node| is_wanted(&node.digest));
        }
    }

    /// One of them, kept or read again.
    pub async fn read(&self, node: &Node, source: &impl Source) -> Result<Cow<'_, Manifest>> {
        match self.kept.get(&node.digest) {
            Some(kept) => Ok(Cow::Borrowed(kept)),
            None => read(source, node).await.map(Cow::Owned),
        }
    }

    /// Puts all of them into the sink, so many at once where none of them leads to another.
    pub async fn put(&self, source: &impl Source, sink: &impl Sink, at_once: usize) -> Result<()> {
        let put = async |manifest: &Manifest| sink.put_manifest(manifest).await;
        self.put_each(source, put, at_once).await
    }

    /// The same, with a way to put each of them.
    pub(super) async fn put_each(
        &self,
        source: &impl Source,
        put: impl AsyncFn(&Manifest) -> Result<()>,
        at_once: usize,
    ) -> Result<()> {
        let put = &put;
        for level in &self.levels {
            let mut places = Places::new(at_once);
            let mut ahead = level.iter().peekable();
            let mut under_way = FuturesUnordered::new();
            loop {
                while let Some(node) = ahead.next_if(|node| places.enter(node.size)) {
                    under_way.push(async move {
                        let manifest = self.read(node, source).await?;
                        put(&manifest).await?;
                        Ok::<_, Error>(node.size)
                    });
                }
                match under_way.try_next().await? {
                    Some(size) => places.leave(size),
                    None => break,
                }
            }
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, manifest: Manifest) {
        let bytes = self.bytes.saturating_add(manifest.raw.len() as u64);
        if bytes <= KEPT {
            self.bytes = bytes;
            self.kept.insert(manifest.digest().clone(), manifest);
        }
    }

    /// Adds one that leads to others of them.
    pub fn push_parent(&mut self, manifest: Manifest) {
        let Descriptor { digest, size, .. } = &manifest.descriptor;
        let (digest, size) = (digest.clone(), *size);
        self.levels.push(vec![Node { digest, size }]);
        self.keep(manifest);
    }

    /// These alone, none of which leads to another.
    pub(super) fn side_by_side(nodes: Vec<Node>) -> Self {
        Self {
            levels: vec![nodes],
            ..Self::default()
        }
    }

    pub(super) fn order(&mut self, levels: Vec<Vec<Node>>) {
        self.levels = levels;
    }
}

/// The manifest of a node. One that is longer than it is said to be is refused: by what is said, memory is shared out.
pub(super) async fn read(source: &impl Source, node: &Node) -> Result<Manifest> {
    let manifest = source.manifest(&node.digest).await?;
    let (is, said) = (manifest.raw.len() as u64, node.size);
    if is > said {
        let message = format!("the manifest {} has {is} bytes, not {said}", node.digest);
        return Err(Error::new(Kind::Corrupt, message));
    }
    Ok(manifest)
}

/// How many manifests may be read or put at once: so many, as long as they are small.
#[derive(Debug)]
pub(super) struct Places {
    at_once: usize,
    count: usize,
    bytes: u64,
}

impl Places {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            count: 0,
            bytes: 0,
        }
    }

    /// Takes a place for a manifest of this size, if there is one; a single manifest always has one.
    pub(super) fn enter(&mut self, size: u64) -> bool {
        let bytes = self.bytes.saturating_add(size);
        let is_free = self.count == 0 || (self.count < self.at_once && bytes <= AT_ONCE_BYTES);
        if is_free {
            self.count += 1;
            self.bytes = bytes;
        }
        is_free
    }

    pub(super) fn leave(&mut self, size: u64) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }
}
