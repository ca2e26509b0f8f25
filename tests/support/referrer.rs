//! What speaks of an image, signatures and SBOMs, and the lists of them that clients keep by hand.

use serde_json::json;

use super::image::Built;
use super::layout::Layout;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest of this kind that speaks of `subject`, with one small blob, in the subject's layout.
pub(crate) fn of(subject: &Built, kind: &str) -> Built {
    let layout = Layout::open(&subject.folder);
    let empty = layout.put(b"{}", "application/vnd.oci.empty.v1+json");
    let blob = layout.put(format!("{kind} of {}", subject.digest).as_bytes(), "text/plain");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": empty.descriptor(),
        "layers": [blob.descriptor()],
        "subject": subject.descriptor(),
    });
    Built {
        config_digest: empty.digest,
        layers: vec![blob],
        ..Built::of(&layout, &manifest, MANIFEST, Vec::new())
    }
}

/// The list of these, to be put under the tag of their subject's digest.
pub(crate) fn list(referrers: &[&Built]) -> Built {
    let layout = Layout::open(&referrers[0].folder);
    let manifests: Vec<_> = referrers.iter().map(|it| it.descriptor()).collect();
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": {"by": "hand"}});
    Built::of(&layout, &list, INDEX, Vec::new())
}
