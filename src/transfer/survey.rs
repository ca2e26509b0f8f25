//! What of an image a place still lacks, where the place can say so manifest by manifest.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Plan;
use super::plan::MAX_CHILDREN;
use crate::content::Source;
use crate::error::{Error, Kind, Result};
use crate::image::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::image::{Body, Descriptor, Digest, Manifest};

/// How many manifests are asked for at once.
const AT_ONCE: usize = 8;

impl Plan {
    /// The plan for all of an image that the sink lacks. A child that the sink has is left out with all its blobs.
    pub async fn for_missing(
        source: &impl Source,
        root: &Manifest,
        has: impl AsyncFn(&Digest) -> Result<bool>,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let mut seen: HashSet<Digest> = HashSet::new();
        let mut level = vec![root.clone()];
        while !level.is_empty() {
            let mut children = Vec::new();
            for manifest in &level {
                match &manifest.body {
                    Body::Image(image) => plan.add(image, None, |_| false),
                    Body::Index(index) => children.extend(index.manifests.iter().cloned()),
                }
            }
            children.retain(|child| seen.insert(child.digest.clone()));
            if seen.len() > MAX_CHILDREN {
                let message = format!("the index {} has too many children", root.digest());
                return Err(Error::new(Kind::Corrupt, message));
            }
            // A build cache lists its layers in an index, without manifests between
            // (https://github.com/moby/buildkit/blob/master/cache/remotecache/v1/spec.go).
            let (manifests, blobs): (Vec<_>, Vec<_>) = children.into_iter().partition(is_manifest);
            for blob in blobs {
                if !plan.blobs.iter().any(|known| known.digest == blob.digest) {
                    plan.blobs.push(blob);
                }
            }
            let find = async |child: Descriptor| {
                if has(&child.digest).await? {
                    return Ok(None);
                }
                source.manifest(&child.digest).await.map(Some)
            };
            let found: Vec<Option<Manifest>> = stream::iter(manifests)
                .map(find)
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            level = found.into_iter().flatten().collect();
            plan.children.extend(level.iter().cloned());
        }
        // Found from the root down, put from the leaves up.
        plan.children.reverse();
        Ok(plan)
    }
}

fn is_manifest(child: &Descriptor) -> bool {
    let media_type = child.media_type.as_str();
    [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, ""].contains(&media_type) || media_type.contains("manifest")
}
