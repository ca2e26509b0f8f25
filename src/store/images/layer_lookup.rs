//! Layers by what they unpack to.

use crate::error::{During, Result};
use crate::image::{Body, Descriptor, Digest};
use crate::store::{Store, blobs};
use crate::tarball::content_digest;

impl Store {
    /// A layer of one of the images that unpacks to this diff ID. What a config says of it is not believed: the layer
    /// is unpacked.
    pub fn layer_of(&self, diff_id: &Digest) -> Result<Option<Descriptor>> {
        for image in self.images()? {
            let Ok(Body::Image(body)) = self.manifest_of(&image.manifest.digest).map(|it| it.body) else {
                continue;
            };
            let Ok(config) = self.config(&body) else {
                continue;
            };
            let place = config.diff_ids.iter().position(|known| known == diff_id);
            let layer = place.and_then(|place| body.layers.get(place));
            if let Some(layer) = layer.filter(|layer| self.has_whole(layer))
                && self.unpacks_to(&layer.digest, diff_id)?
            {
                return Ok(Some(layer.clone()));
            }
        }
        Ok(None)
    }

    fn unpacks_to(&self, layer: &Digest, diff_id: &Digest) -> Result<bool> {
        let (file, _) = blobs::open(&self.layout, layer)?;
        let actual = content_digest(file, diff_id.algorithm()).during(format!("unpacking blob {layer}"))?;
        Ok(actual == *diff_id)
    }
}
