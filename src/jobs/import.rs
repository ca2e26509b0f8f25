//! `import`: a root file system becomes an image of one layer.

use std::io::Read;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::commit::{self, Arrival};
use crate::archive::RootFs;
use crate::content::Sink as _;
use crate::error::{Error, Kind, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest, Platform, Reference, RunConfig};
use crate::store::{Scratch, Store};

/// What is to be made of a root file system.
pub struct Import {
    pub store: Store,
    pub platform: Platform,
    pub config: RunConfig,
    pub message: String,
    pub name: Option<Reference>,
}

impl Import {
    /// Reads the tar, packed or not, and gives the image's ID.
    pub async fn run(&self, stream: Box<dyn Read + Send>) -> Result<Digest> {
        let writer = self.store.begin_afresh()?;
        let scratch = writer.scratch()?;
        let read = {
            let scratch = Arc::clone(&scratch);
            tokio::task::spawn_blocking(move || layer(stream, &scratch))
        };
        let lost = |e| Error::new(Kind::Io, "the thread that reads the tar was lost").caused_by(e);
        let root = read.await.map_err(lost)??;
        let config = document(&self.platform, &self.config, &self.message, &root.diff_id)?;
        let manifest = root.manifest(&config)?;
        let kept = scratch.take(&mut config.as_slice(), config.len() as u64, Algorithm::Sha256)?;
        writer.publish(&root.layer)?;
        writer.publish(&kept)?;
        writer.put_manifest(&manifest).await?;
        let names = self.name.clone().into_iter().collect();
        let image = Descriptor {
            platform: Some(self.platform.clone().into()),
            ..manifest.descriptor.clone()
        };
        let arrival = Arrival::new(names, manifest.digest(), image);
        commit::to_store(&self.store, vec![arrival])?;
        Ok(kept.digest)
    }
}

fn layer(stream: Box<dyn Read + Send>, scratch: &Scratch) -> Result<RootFs> {
    let root = RootFs::read(stream, &|bytes, size, algorithm| scratch.take(bytes, size, algorithm))?;
    let whole = scratch.unpacked_size(&root.layer);
    whole.map_err(|e| e.during("importing the root file system"))?;
    Ok(root)
}

/// The image's config, its members in docker's order.
#[derive(Serialize)]
struct Document<'a> {
    architecture: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
    comment: &'a str,
    config: &'a RunConfig,
    created: &'a str,
    history: [Step<'a>; 1],
    os: &'a str,
    rootfs: Layers<'a>,
}

#[derive(Serialize)]
struct Step<'a> {
    created: &'a str,
    comment: &'a str,
}

#[derive(Serialize)]
struct Layers<'a> {
    #[serde(rename = "type")]
    sort: &'static str,
    diff_ids: [&'a Digest; 1],
}

fn document(platform: &Platform, config: &RunConfig, message: &str, diff_id: &Digest) -> Result<Vec<u8>> {
    let created = &Timestamp::now().to_string();
    let document = Document {
        architecture: &platform.architecture,
        variant: &platform.variant,
        comment: message,
        config,
        created,
        history: [Step {
            created,
            comment: message,
        }],
        os: &platform.os,
        rootfs: Layers {
            sort: "layers",
            diff_ids: [diff_id],
        },
    };
    serde_json::to_vec(&document).map_err(|e| Error::new(Kind::Io, "the config cannot be written").caused_by(e))
}
