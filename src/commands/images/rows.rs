//! Docker's rows of images: one for each tag, times each digest of the same repository where digests are shown
//! (github.com/docker/cli/cli/command/formatter, image.go).

use crate::commands::filter::ImageFilter;
use crate::error::Result;
use crate::image::{Digest, Reference};
use crate::store::{Image, Store};

const NONE: &str = "<none>";

/// One line of the listing.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) image: &'a Image,
    pub(super) repository: &'a str,
    pub(super) tag: &'a str,
    pub(super) digest: &'a str,
}

/// What of the digests is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digests {
    Hidden,
    /// Rows of repositories with tags: docker's mistake with templates that name the digest.
    WithTags,
    Shown,
}

/// The rows of the images that the filter lets pass.
pub(super) fn rows<'a>(
    images: &'a [Image],
    filter: &ImageFilter,
    digests: Digests,
    store: &Store,
) -> Result<Vec<Row<'a>>> {
    let mut rows = Vec::new();
    for image in images.iter().filter(|image| filter.fits(image, store)) {
        let fitting = |names: &'a [Reference]| -> Result<Vec<&'a Reference>> {
            let mut fitting = Vec::new();
            for name in names {
                if filter.fits_name(name)? {
                    fitting.push(name);
                }
            }
            Ok(fitting)
        };
        let names = Names {
            tags: fitting(&image.tags)?,
            digests: fitting(&image.digests)?,
        };
        if names.are_meant(filter) {
            rows.extend(names.rows(image, digests));
        }
    }
    Ok(rows)
}

/// The names of one image that fit.
struct Names<'a> {
    tags: Vec<&'a Reference>,
    digests: Vec<&'a Reference>,
}

impl<'a> Names<'a> {
    fn are_meant(&self, filter: &ImageFilter) -> bool {
        let has_any = !self.tags.is_empty() || !self.digests.is_empty();
        match filter.dangling() {
            _ if filter.has_references() && !has_any => false,
            Some(true) => self.tags.is_empty(),
            Some(false) => has_any,
            None => true,
        }
    }

    fn rows(&self, image: &'a Image, shown: Digests) -> Vec<Row<'a>> {
        let row = |repository, tag, digest| Row {
            image,
            repository,
            tag,
            digest,
        };
        let text = |name: &'a Reference| name.digest().map_or(NONE, Digest::as_str);
        let mut rows = Vec::new();
        for tag in &self.tags {
            let its_own = |digest: &&&Reference| shown != Digests::Hidden && digest.name() == tag.name();
            let tag_row = |digest| row(tag.familiar_name(), tag.tag().unwrap_or(NONE), digest);
            let before = rows.len();
            let digests = self.digests.iter().filter(its_own);
            rows.extend(digests.map(|digest| tag_row(text(digest))));
            if rows.len() == before {
                rows.push(tag_row(NONE));
            }
        }
        let mut untagged = self.digests.clone();
        untagged.retain(|digest| !self.tags.iter().any(|tag| tag.name() == digest.name()));
        if shown == Digests::Shown {
            rows.extend(
                untagged
                    .iter()
                    .map(|digest| row(digest.familiar_name(), NONE, text(digest))),
            );
        } else {
            untagged.dedup_by_key(|digest| digest.name());
            rows.extend(untagged.iter().map(|digest| row(digest.familiar_name(), NONE, "")));
        }
        if rows.is_empty() {
            rows.push(row(NONE, NONE, NONE));
        }
        rows
    }
}
