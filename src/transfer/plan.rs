//! What has to move for one image: each blob once, children before their parent.

use std::collections::HashSet;

use crate::content::Source;
use crate::error::{Error, Kind, Result};
use crate::image::{Body, Descriptor, Digest, ImageConfig, ImageManifest, Manifest};
use crate::progress::Layer;

#[derive(Debug, Default)]
pub struct Plan {
    /// The layers to show, in the order of the manifests, base first.
    pub layers: Vec<Layer>,
    /// The blobs to move, each once.
    pub blobs: Vec<Descriptor>,
    /// The manifests below the root, to be put before it.
    pub children: Vec<Manifest>,
}

impl Plan {
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
        let mut plan = Self::default();
        let mut pending: Vec<Descriptor> = Vec::new();
        let mut seen: HashSet<Digest> = HashSet::new();
        let take_in = |plan: &mut Self, manifest: &Manifest, pending: &mut Vec<Descriptor>| {
            match &manifest.body {
                Body::Image(image) => plan.add(image, Some(&read(image)?), &has),
                Body::Index(index) => pending.extend(index.manifests.iter().rev().cloned()),
            }
            Ok::<_, Error>(())
        };
        take_in(&mut plan, root, &mut pending)?;
        while let Some(child) = pending.pop() {
            if !seen.insert(child.digest.clone()) {
                continue;
            }
            if seen.len() > MAX_CHILDREN {
                return Err(Error::new(
                    Kind::Corrupt,
                    format!("the index {} has too many children", root.digest()),
                ));
            }
            let manifest = source.manifest(&child.digest).await?;
            take_in(&mut plan, &manifest, &mut pending)?;
            plan.children.push(manifest);
        }
        // Found from the root down, put from the leaves up.
        plan.children.reverse();
        Ok(plan)
    }

    pub(super) fn add(
        &mut self,
        image: &ImageManifest,
        config: Option<&ImageConfig>,
        has: impl Fn(&Descriptor) -> bool,
    ) {
        let mut planned: HashSet<Digest> = self.blobs.iter().map(|b| b.digest.clone()).collect();
        let diff_ids = config.map(|c| c.diff_ids.as_slice()).unwrap_or_default();
        let mut all_below = true;
        for (position, layer) in image.layers.iter().enumerate() {
            all_below &= has(layer);
            if planned.insert(layer.digest.clone()) {
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
        if !has(&image.config) && planned.insert(image.config.digest.clone()) {
            self.blobs.push(image.config.clone());
        }
    }
}

/// Far more than any index has: a guard against an index that never ends.
pub(super) const MAX_CHILDREN: usize = 1000;
