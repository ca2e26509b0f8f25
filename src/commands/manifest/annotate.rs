//! `rdock manifest annotate`: says what an image of a local list runs on.

use clap::Args;
use serde_json::Value;

use super::members::lists;
use crate::commands::{Context, Status};
use crate::error::{Error, Kind, Result};
use crate::image::manifest_list::{OS_FEATURES, os_features};
use crate::image::{Platform, Reference};

/// Add additional information to a local image manifest
#[derive(Debug, Args)]
pub struct AnnotateArgs {
    /// Set architecture
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    arch: String,
    /// Set operating system
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    os: String,
    /// Set operating system feature
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    os_features: Vec<String>,
    /// Set operating system version
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    os_version: String,
    /// Set architecture variant
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    variant: String,
    #[arg(value_name = "MANIFEST_LIST")]
    list: String,
    #[arg(value_name = "MANIFEST")]
    manifest: String,
}

pub(super) fn run(args: &AnnotateArgs, context: &Context) -> Result<Status> {
    let named = |text: &str, what: &str| {
        let name = Reference::parse(text).map(Reference::or_latest);
        name.map_err(|e| Error::new(e.kind(), format!("annotate: error parsing name for {what} {text}: {e}")))
    };
    let list = named(&args.list, "manifest list")?;
    let image = named(&args.manifest, "manifest")?;
    let lists = lists(context);
    let Some(mut member) = lists.image(&list, &image)? else {
        let (image, list) = (&args.manifest, &args.list);
        let message = format!("manifest for image {image} does not exist in {list}");
        return Err(Error::new(Kind::NotFound, message));
    };
    let mut platform = member.descriptor.platform.unwrap_or_default();
    annotate(&mut platform, args);
    if !is_known(&platform) {
        let (os, arch) = (&args.os, &args.arch);
        let message = format!("manifest entry for image has unsupported os/arch combination: {os}/{arch}");
        return Err(Error::new(Kind::Usage, message));
    }
    member.descriptor.platform = Some(platform);
    lists.put(&list, &[member])?;
    Ok(Status::Done)
}

/// What is not given stays as it is; features are added to those that are there.
fn annotate(platform: &mut Platform, args: &AnnotateArgs) {
    for (member, given) in [
        (&mut platform.os, &args.os),
        (&mut platform.architecture, &args.arch),
        (&mut platform.variant, &args.variant),
        (&mut platform.os_version, &args.os_version),
    ] {
        if !given.is_empty() {
            member.clone_from(given);
        }
    }
    let mut features: Vec<String> = os_features(platform).into_iter().map(str::to_owned).collect();
    for feature in &args.os_features {
        if !features.contains(feature) {
            features.push(feature.clone());
        }
    }
    if !features.is_empty() {
        let features = features.into_iter().map(Value::String).collect();
        platform.rest.insert(OS_FEATURES.to_owned(), Value::Array(features));
    }
}

/// What docker's client accepts, and the two platforms that have come since its list was made.
fn is_known(platform: &Platform) -> bool {
    let architectures: &[&str] = match platform.os.as_str() {
        "darwin" => &["386", "amd64", "arm", "arm64"],
        "dragonfly" | "solaris" => &["amd64"],
        "freebsd" | "netbsd" | "openbsd" => &["386", "amd64", "arm"],
        "linux" => &[
            "386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x",
        ],
        "plan9" => &["386", "amd64"],
        "windows" => &["386", "amd64", "arm64"],
        _ => &[],
    };
    architectures.contains(&platform.architecture.as_str())
}
