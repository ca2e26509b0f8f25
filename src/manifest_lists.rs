//! Manifest lists that are being made: `docker manifest` keeps them in `manifests` beside its config.json, and rdock
//! uses the same files, so that either goes on where the other one stopped.
//!
//! A list is a folder, each of its images a file, both named by the reference with `:` as `-` and `/` as `_`
//! (<https://github.com/docker/cli/blob/v28.2.2/cli/manifest/store/store.go>).

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Clue, During, Error, Kind, Result};
use crate::image::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::image::manifest_list::Spec;
use crate::image::{Descriptor, Digest, Reference, go_json};

/// How the folders begin in which lists are made before they get their places.
const UNDER_WAY: &str = ".new-";
/// The age at which a list is given up: nobody works so long at one.
const ABANDONED: Duration = Duration::from_hours(1);

/// All lists of one config folder. Making this touches nothing.
#[derive(Debug)]
pub struct ManifestLists {
    folder: PathBuf,
}

/// One image of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The reference of its manifest.
    pub name: Reference,
    /// Its manifest, with the platform that the list is to give it.
    pub descriptor: Descriptor,
    /// The manifest as it came; nothing in a list that a docker older than 23 made.
    pub raw: Bytes,
}

/// `types.ImageManifest` of docker's client, as far as it is read.
#[derive(Deserialize)]
struct MemberFile {
    #[serde(rename = "Ref")]
    name: String,
    #[serde(rename = "Descriptor")]
    descriptor: Descriptor,
    #[serde(rename = "Raw", default)]
    raw: String,
}

#[derive(Serialize)]
struct DescriptorFile<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    digest: &'a Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Spec<'a>>,
}

impl Member {
    /// Docker's JSON for it on one line.
    pub fn to_json(&self) -> String {
        let descriptor = DescriptorFile {
            media_type: &self.descriptor.media_type,
            digest: &self.descriptor.digest,
            size: self.descriptor.size,
            platform: self
                .descriptor
                .platform
                .as_ref()
                .map(|platform| Spec::of(Some(platform))),
        };
        let descriptor = serde_json::to_string(&descriptor).unwrap_or_default();
        let raw = STANDARD.encode(&self.raw);
        let body = match self.descriptor.media_type.as_str() {
            DOCKER_MANIFEST => Some("SchemaV2Manifest"),
            OCI_MANIFEST => Some("OCIManifest"),
            _ => None,
        };
        let body = body.map(|member| {
            let manifest = go_json::embedded(&String::from_utf8_lossy(&self.raw));
            format!(",\"{member}\":{manifest}")
        });
        format!(
            "{{\"Ref\":\"{}\",\"Descriptor\":{},\"Raw\":\"{raw}\"{}}}",
            self.name,
            go_json::embedded(&descriptor),
            body.unwrap_or_default()
        )
    }

    fn parse(text: &[u8]) -> Result<Self> {
        let invalid = |e: serde_json::Error| Error::new(Kind::Corrupt, "it is not a manifest of a list").caused_by(e);
        let file: MemberFile = serde_json::from_slice(text).map_err(invalid)?;
        let raw = STANDARD
            .decode(&file.raw)
            .map_err(|e| Error::new(Kind::Corrupt, "its member Raw is not base64").caused_by(e))?;
        Ok(Self {
            name: Reference::parse(&file.name)?,
            descriptor: file.descriptor,
            raw: raw.into(),
        })
    }
}

impl ManifestLists {
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The images of a list in docker's order, that of their file names. Errors are in docker's words.
    pub fn list(&self, list: &Reference) -> Result<Vec<Member>> {
        let folder = self.folder.join(file_name(list));
        let mut paths = match fs::read_dir(&folder) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()
                .during(format!("reading {}", folder.display()))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(missing(list)),
            Err(e) => return Err(e).during(format!("reading {}", folder.display())),
        };
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// One image of a list; `None` where the list has none of this name, or there is no list.
    pub fn image(&self, list: &Reference, image: &Reference) -> Result<Option<Member>> {
        let path = self.folder.join(file_name(list)).join(file_name(image));
        match path.try_exists() {
            Ok(true) => read(&path).map(Some),
            Ok(false) => Ok(None),
            Err(e) => Err(e).during(format!("reading {}", path.display())),
        }
    }

    /// Puts images into a list, each in the place of the one of the same name: all of them or, where it fails or is
    /// killed, none.
    pub fn put(&self, list: &Reference, members: &[Member]) -> Result<()> {
        let folder = self.folder.join(file_name(list));
        let write = || {
            fs::create_dir_all(&self.folder)?;
            self.sweep()?;
            // Not in the list's own folder, where docker takes every file for an image.
            let new = tempfile::Builder::new()
                .prefix(UNDER_WAY)
                .permissions(Permissions::from_mode(0o755))
                .tempdir_in(&self.folder)?;
            copy_files(&folder, new.path())?;
            for member in members {
                let mut file = File::create(new.path().join(file_name(&member.name)))?;
                file.write_all(member.to_json().as_bytes())?;
                file.sync_all()?;
            }
            take_place(new.path(), &folder)
        };
        write().during(format!("writing {}", folder.display()))
    }

    /// Removes what others left that were killed.
    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let is_ours = entry.file_name().to_string_lossy().starts_with(UNDER_WAY);
            let age = entry.metadata().and_then(|it| it.modified()).map(|it| it.elapsed());
            if is_ours && matches!(age, Ok(Ok(age)) if age > ABANDONED) {
                // It may be gone by now, and is no trouble to anyone.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Forgets a list; an error in docker's words where there is none.
    pub fn remove(&self, list: &Reference) -> Result<()> {
        let folder = self.folder.join(file_name(list));
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(missing(list)),
            removed => removed.during(format!("removing {}", folder.display())),
        }
    }
}

/// The files of a list that is there, which docker may have written.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    match fs::read_dir(from) {
        Ok(mut entries) => entries.try_for_each(|entry| {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name())).map(drop)
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Gives the new folder the place of the old one, in one step; the old one is then where the new one was.
fn take_place(new: &Path, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => fs::rename(new, old),
        // Not every file system can exchange (NFS): then the old one steps aside for a moment.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = new.with_extension("old");
            fs::rename(old, &aside)?;
            fs::rename(new, old).inspect_err(|_| drop(fs::rename(&aside, old)))?;
            fs::remove_dir_all(aside)
        }
        Err(e) => Err(e.into()),
    }
}

fn file_name(name: &Reference) -> String {
    name.to_string().replace(':', "-").replace('/', "_")
}

fn missing(list: &Reference) -> Error {
    Error::new(Kind::NotFound, format!("No such manifest: {list}"))
}

fn read(path: &Path) -> Result<Member> {
    let shown = path.display().to_string();
    let text = fs::read(path).during(format!("reading {shown}"))?;
    Member::parse(&text).map_err(|e| {
        e.during(format!("{shown} cannot be used"))
            .with_clue(Clue::BrokenFile { path: shown })
    })
}
