//! What has to move for one image: each blob once, children before their parent.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use futures_util::stream::FuturesOrdered;

use super::children::{Children, Places, read};
use crate::content::Source;
use crate::error::{Clue, Error, Kind, Result};
use crate::image::graph::{self, Limits, MAX_BLOBS, Node, Walk};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest};
use crate::progress::Layer;

/// How many manifests are looked for and read at once.
const AT_ONCE: usize = 20;

#[derive(Debug, Default)]
pub struct Plan {
    /// The layers to show, in the order of the manifests, base first.
    pub layers: Vec<Layer>,
    /// The blobs to move, each once.
    pub blobs: Vec<Descriptor>,
    /// The manifests below the root, to be put before it.
    pub children: Children,
    /// All blobs of the image, those included that need not move.
    needed: HashSet<Digest>,
}

impl Plan {
    /// The plan for blobs without manifests; `layers` are shown.
    pub fn for_blobs(layers: Vec<Layer>, blobs: Vec<Descriptor>) -> Self {
        Self {
            needed: blobs.iter().map(|blob| blob.digest.clone()).collect(),
            layers,
            blobs,
            children: Children::default(),
        }
    }

    /// The plan for one single-platform image. Layers that the sink has with all below them, and a config that it
    /// has, are not moved. `config` supplies the diff IDs where it is known already.
    pub fn for_image(image: &ImageManifest, config: Option<&ImageConfig>, has: impl Fn(&Descriptor) -> bool) -> Self {
        let mut plan = Self::default();
        plan.add(image, config, has);
        plan
    }

    /// The plan for a whole image of the source, with every child where it is an index. As in
    /// [`Plan::for_image`], what the sink `has` is not moved; `read` supplies each image's config.
    pub async fn for_tree(
        source: &impl Source,
        root: &Manifest,
        read: impl Fn(&ImageManifest) -> Result<ImageConfig>,
        has: impl Fn(&Descriptor) -> bool,
    ) -> Result<Self> {
        let is_there = async |_: &Digest| Ok(false);
        Self::gather(source, root, is_there, |plan, image| {
            plan.add(image, Some(&read(image)?), &has);
            Ok(())
        })
        .await
    }

    /// The plan for all of an image that the sink lacks, where the sink can say so manifest by manifest. A child that it
    /// `has` is left out with all its blobs.
    pub async fn for_missing(
        source: &impl Source,
        root: &Manifest,
        has: impl AsyncFn(&Digest) -> Result<bool>,
    ) -> Result<Self> {
        Self::gather(source, root, has, |plan, image| {
            plan.add(image, None, |_| false);
            Ok(())
        })
        .await
    }

    /// The plan for what of a manifest a sink lacks, by its refusal of the manifest; none where that names nothing of it.
    pub fn for_lacking(manifest: &Manifest, refusal: &Error) -> Option<Self> {
        let Some(Clue::Lacking { digests, .. }) = refusal.clue() else {
            return None;
        };
        let is_lacking = |it: &&Descriptor| digests.iter().any(|digest| digest == it.digest.as_str());
        let blobs: Vec<Descriptor> = graph::blobs(manifest).filter(is_lacking).cloned().collect();
        let node = |it: &Descriptor| Node {
            digest: it.digest.clone(),
            size: it.size,
        };
        let children: Vec<Node> = graph::children(manifest).filter(is_lacking).map(node).collect();
        let is_any = !(blobs.is_empty() && children.is_empty());
        is_any.then(|| Self {
            children: Children::side_by_side(children),
            ..Self::for_blobs(Vec::new(), blobs)
        })
    }

    /// Every blob of the image, moved or not, each once.
    pub fn needed(&self) -> impl Iterator<Item = &Digest> {
        self.needed.iter()
    }

    async fn gather(
        source: &impl Source,
        root: &Manifest,
        has: impl AsyncFn(&Digest) -> Result<bool>,
        add: impl Fn(&mut Self, &ImageManifest) -> Result<()>,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let mut walk = Walk::new([&root.descriptor], Limits::IMAGE)?;
        let mut next = walk.next_unread();
        if let Some(first) = next.take() {
            plan.take_in(root, &add)?;
            walk.answer(&first, graph::children(root))?;
        }
        let find = async |node: Node| {
            let found = if has(&node.digest).await? {
                None
            } else {
                Some(read(source, &node).await?)
            };
            Ok::<_, Error>((node, found))
        };
        let mut places = Places::new(AT_ONCE);
        // In the order in which they are listed, whichever comes first.
        let mut under_way = FuturesOrdered::new();
        loop {
            next = next.or_else(|| walk.next_unread());
            while let Some(node) = next.take_if(|node| places.enter(node.size)) {
                under_way.push_back(find(node));
                next = walk.next_unread();
            }
            let Some((node, found)) = under_way.try_next().await? else {
                break;
            };
            places.leave(node.size);
            if let Some(manifest) = found {
                plan.take_in(&manifest, &add)?;
                walk.answer(&node, graph::children(&manifest))?;
                plan.children.keep(manifest);
            } else {
                walk.skip(&node);
            }
        }
        let mut levels = walk.into_levels()?;
        // The root is put last, under its name.
        levels.pop();
        plan.children.order(levels);
        Ok(plan)
    }

    fn take_in(&mut self, manifest: &Manifest, add: impl Fn(&mut Self, &ImageManifest) -> Result<()>) -> Result<()> {
        match &manifest.body {
            Body::Image(image) => add(self, image)?,
            Body::Index(_) => {
                for blob in graph::blobs(manifest) {
                    if self.needed.insert(blob.digest.clone()) {
                        self.blobs.push(blob.clone());
                    }
                }
            }
        }
        if self.needed.len() <= MAX_BLOBS {
            return Ok(());
        }
        let message = format!("the image has too many blobs: more than {MAX_BLOBS}");
        Err(Error::new(Kind::Corrupt, message))
    }

    fn add(&mut self, image: &ImageManifest, config: Option<&ImageConfig>, has: impl Fn(&Descriptor) -> bool) {
        let diff_ids = config.map(|c| c.diff_ids.as_slice()).unwrap_or_default();
        let mut all_below = true;
        for (position, layer) in image.layers.iter().enumerate() {
            all_below &= has(layer);
            if self.needed.insert(layer.digest.clone()) {
                self.layers.push(Layer {
                    digest: layer.digest.clone(),
                    size: layer.size,
                    diff_id: diff_ids.get(position).cloned(),
                    present: all_below,
                });
                if !all_below {
                    self.blobs.push(layer.clone());
                }
            }
        }
        if self.needed.insert(image.config.digest.clone()) && !has(&image.config) {
            self.blobs.push(image.config.clone());
        }
    }
}
