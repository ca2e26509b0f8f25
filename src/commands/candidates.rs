//! What a shell may offer where a value is expected: names and IDs of the store, hosts of config.json.
//!
//! Whoever presses Tab wants no error: what cannot be read offers nothing.

use std::collections::BTreeSet;

use crate::credentials::Credentials;
use crate::image::Reference;
use crate::settings::Settings;
use crate::store::{Image, Store};

/// The images of the store by their tags, and by their IDs once the beginning of one has been `typed`.
pub fn images(typed: &str) -> Vec<String> {
    let images = stored();
    let hex = typed.strip_prefix("sha256:").unwrap_or(typed);
    let ids = images
        .iter()
        .filter(|image| !hex.is_empty() && image.id.hex().starts_with(hex))
        .map(|image| format!("{}{}", &typed[..typed.len() - hex.len()], image.id.short()));
    tags(&images).into_iter().map(str::to_owned).chain(ids).collect()
}

/// The repositories of the store, and their tags.
pub fn names() -> Vec<String> {
    let images = stored();
    let repositories = images
        .iter()
        .flat_map(|image| &image.tags)
        .map(Reference::familiar_name);
    let names: BTreeSet<&str> = repositories.chain(tags(&images)).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The registries that have a login, and those that images of the store are named after.
pub fn hosts() -> Vec<String> {
    let Ok(settings) = Settings::settle(None) else {
        return Vec::new();
    };
    let images = Store::at(settings.store_folder.clone())
        .images()
        .all()
        .unwrap_or_default();
    let named = images.iter().flat_map(|image| &image.tags).map(Reference::domain);
    let credentials = Credentials::open(settings.logins);
    let hosts: BTreeSet<String> = credentials
        .servers()
        .into_iter()
        .chain(named.map(str::to_owned))
        .collect();
    hosts.into_iter().collect()
}

fn stored() -> Vec<Image> {
    let settings = Settings::settle(None);
    settings.map_or_else(
        |_| Vec::new(),
        |settings| Store::at(settings.store_folder).images().all().unwrap_or_default(),
    )
}

fn tags(images: &[Image]) -> BTreeSet<&str> {
    images
        .iter()
        .flat_map(|image| &image.tags)
        .map(Reference::familiar)
        .collect()
}
