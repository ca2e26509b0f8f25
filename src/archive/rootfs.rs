//! A root file system as a tar, made into a layer.

use std::fs::File;
use std::io::{self, Read};

use flate2::Compression;
use flate2::read::GzEncoder;

use super::contents::KeepBytes;
use super::docker;
use super::entries::broken;
use crate::content::Kept;
use crate::error::{During, Result};
use crate::image::digest::Algorithm;
use crate::image::{Descriptor, Digest, Digester, Manifest};
use crate::tarball::{Packing, peeked, unpacked};

/// A layer whose bytes were kept, and what it unpacks to.
#[derive(Debug)]
pub struct RootFs {
    pub layer: Kept,
    pub diff_id: Digest,
}

impl RootFs {
    /// Takes the tar in. What is packed with gzip stays as it is; anything else is packed so, since that is what every
    /// registry and engine takes.
    pub fn read(stream: impl Read + Send, keep: &KeepBytes<'_>) -> Result<Self> {
        let (packing, mut stream) = peeked(stream).map_err(broken)?;
        if packing == Packing::Gzip {
            let layer = keep(&mut stream, 0, Algorithm::Sha256)?;
            let file = File::open(&layer.path).during("reading the layer again")?;
            let (_, unpacked) = unpacked(file).map_err(broken)?;
            let mut hashed = Hashed::new(unpacked);
            io::copy(&mut hashed, &mut io::sink()).map_err(broken)?;
            let diff_id = hashed.digester.finish();
            return Ok(Self { layer, diff_id });
        }
        let (_, unpacked) = unpacked(stream).map_err(broken)?;
        let mut packed = GzEncoder::new(Hashed::new(unpacked), Compression::default());
        let layer = keep(&mut packed, 0, Algorithm::Sha256);
        let hashed = packed.into_inner();
        let layer = match (layer, hashed.failure) {
            (_, Some(e)) => return Err(broken(e)),
            (layer, None) => layer?,
        };
        let diff_id = hashed.digester.finish();
        Ok(Self { layer, diff_id })
    }

    /// The manifest of an image with this layer alone.
    pub fn manifest(&self, config: &[u8]) -> Result<Manifest> {
        let layer = Descriptor::new(docker::GZIP_LAYER, self.layer.digest.clone(), self.layer.size);
        let config = Descriptor::new(docker::CONFIG_TYPE, Digest::of(config), config.len() as u64);
        docker::made(&config, &[layer])
    }
}

/// Hashes what passes.
struct Hashed<R> {
    stream: R,
    digester: Digester,
    failure: Option<io::Error>,
}

impl<R> Hashed<R> {
    fn new(stream: R) -> Self {
        Self {
            stream,
            digester: Digester::new(Algorithm::Sha256),
            failure: None,
        }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(room) {
            Ok(n) => {
                self.digester.update(&room[..n]);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                // Whoever reads through the packing sees the failure in other words.
                let told = io::Error::new(e.kind(), e.to_string());
                self.failure = Some(e);
                Err(told)
            }
        }
    }
}
