//! The recorded cases of `docker rmi`, with images made on the spot: what is told, what stays, what is freed.

use std::fs::{self, File};
use std::time::SystemTime;

use super::*;
use crate::error::Clue;

const TEAM: &str = "127.0.0.1:5101/team/nginx";

/// nginx 1.15 and 1.14 share their base layer; `digest` is what the registry calls 1.15.
struct Shop {
    _folder: TempDir,
    store: Store,
    new: Descriptor,
    old: Descriptor,
}

fn shop(new: &[&str], old: &[&str]) -> Shop {
    let (folder, store) = new_store();
    let shop = Shop {
        _folder: folder,
        new: add_image(&store, &["base", "middle", "top"], 2019),
        old: add_image(&store, &["base", "fourteen"], 2018),
        store,
    };
    shop.tag(new, &shop.new);
    shop.tag(old, &shop.old);
    shop
}

impl Shop {
    fn tag(&self, names: &[&str], manifest: &Descriptor) {
        for text in names {
            self.store.names().set(&name(text), manifest).unwrap();
        }
    }

    fn id(&self, manifest: &Descriptor) -> String {
        id_of(&self.store, manifest).to_string()
    }

    /// The lines docker prints.
    fn rmi(&self, text: &str, force: Force) -> Result<Vec<String>, String> {
        let removed = remove(&self.store, text, force).map_err(|e| e.to_string())?;
        let untagged = removed
            .untagged
            .iter()
            .map(|name| format!("Untagged: {}", name.familiar()));
        Ok(untagged
            .chain(removed.deleted.iter().map(|id| format!("Deleted: {id}")))
            .collect())
    }

    fn deleted(&self, manifest: &Descriptor, layers: &[&str]) -> Vec<String> {
        let mut chain: Vec<Digest> = Vec::new();
        for layer in layers {
            let diff_id = Digest::of(layer.as_bytes());
            chain.push(chain.last().map_or(diff_id.clone(), |below| {
                Digest::of(format!("{below} {diff_id}").as_bytes())
            }));
        }
        let ids = std::iter::once(id_of(&self.store, manifest)).chain(chain.into_iter().rev());
        ids.map(|id| format!("Deleted: {id}")).collect()
    }

    fn at_digest(&self) -> String {
        format!("{TEAM}@{}", self.new.digest)
    }
}

fn untagged(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("Untagged: {name}")).collect()
}

#[test]
fn what_is_not_there_is_said_in_docker_s_words() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    let zeros = "0".repeat(64);
    for (text, said) in [
        ("nosuch", "No such image: nosuch:latest"),
        ("nosuch:v1", "No such image: nosuch:v1"),
        ("deadbeef", "No such image: deadbeef:latest"),
        ("sha256:z", "No such image: sha256:z"),
        (&zeros, &format!("No such image: sha256:{zeros}")),
        (&format!("sha256:{zeros}"), &format!("No such image: sha256:{zeros}")),
        (
            &format!("nginx@sha256:{zeros}"),
            &format!("No such image: nginx@sha256:{zeros}"),
        ),
        (
            "127.0.0.1:5101/x/nosuch",
            "No such image: 127.0.0.1:5101/x/nosuch:latest",
        ),
        ("Nginx", "invalid reference format: repository name must be lowercase"),
        ("nginx:", "invalid reference format"),
        ("", "invalid reference format"),
    ] {
        for force in [Force::No, Force::Yes] {
            let error = remove(&shop.store, text, force).unwrap_err();
            assert_eq!(error.to_string(), said, "{text}");
            let is_reference = said.starts_with("No such image");
            assert_eq!(error.kind(), if is_reference { Kind::NotFound } else { Kind::Usage });
        }
    }
    let near = shop.store.images().find("ngnix:1.14").unwrap_err();
    let names = vec!["nginx:1.14".to_owned(), "nginx:latest".to_owned()];
    assert_eq!(near.clue(), Some(&Clue::NearestNames(names)));
    assert_eq!(shop.store.images().find("deadbeef").unwrap_err().clue(), None);
}

#[test]
fn the_last_tag_takes_the_image_and_its_unshared_layers_along() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    let mut lines = untagged(&["nginx:latest"]);
    lines.extend(shop.deleted(&shop.new, &["base", "middle", "top"]));
    lines.pop();
    assert_eq!(shop.rmi("nginx", Force::No).unwrap(), lines);
    for gone in ["middle", "top"] {
        assert!(!shop.store.blobs().has(&Digest::of(gone.as_bytes())), "{gone}");
    }
    assert!(!shop.store.blobs().has(&shop.new.digest));
    assert!(shop.store.blobs().has(&Digest::of(b"base")));
    assert_eq!(shop.rmi("nginx", Force::No), Err("No such image: nginx:latest".into()));
    let mut lines = untagged(&["nginx:1.14"]);
    lines.extend(shop.deleted(&shop.old, &["base", "fourteen"]));
    assert_eq!(shop.rmi("nginx:1.14", Force::No).unwrap(), lines);
    assert!(listing(&shop.store).is_empty());
    let blobs = fs::read_dir(shop.store.layout.paths().blobs().join("sha256")).unwrap();
    assert_eq!(blobs.count(), 0);
}

#[test]
fn an_id_with_several_tags_must_be_forced() {
    for names in [&["nginx", "nginx:1.15", "web"][..], &["nginx:1.15", "nginx"]] {
        let shop = shop(names, &["nginx:1.14"]);
        let id = shop.id(&shop.new);
        let short = &id[7..19];
        assert_eq!(
            shop.rmi(short, Force::No),
            Err(format!(
                "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
            ))
        );
        assert_eq!(remove(&shop.store, &id, Force::No).unwrap_err().kind(), Kind::Conflict);
        let mut lines = untagged(&["nginx:1.15", "nginx:latest", "web:latest"][..names.len()]);
        lines.extend(shop.deleted(&shop.new, &["base", "middle", "top"]));
        lines.pop();
        assert_eq!(shop.rmi(short, Force::Yes).unwrap(), lines);
    }
}

#[test]
fn an_id_with_one_tag_goes_by_any_prefix() {
    for len in [4, 12, 64, 71] {
        let shop = shop(&["nginx"], &["nginx:1.14"]);
        let id = shop.id(&shop.new);
        let text = if len == 71 { &id } else { &id[7..7 + len] };
        assert_eq!(shop.rmi(text, Force::No).unwrap().len(), 4, "{text}");
    }
}

#[test]
fn a_prefix_of_two_ids_means_none() {
    let (_folder, store) = new_store();
    // Seventeen IDs and sixteen first digits.
    for n in 0..17 {
        let image = add_image(&store, &[&n.to_string()], 2019);
        store.names().set(&name(&format!("image:{n}")), &image).unwrap();
    }
    let ids: Vec<String> = store
        .images()
        .all()
        .unwrap()
        .iter()
        .map(|i| i.id.hex().to_owned())
        .collect();
    let is_shared = |digit: &char| ids.iter().filter(|id| id.starts_with(*digit)).count() > 1;
    let digit = "0123456789abcdef".chars().find(is_shared).unwrap();
    let says = |text: &str| store.images().find(text).unwrap_err().to_string();
    assert_eq!(says(&digit.to_string()), format!("No such image: {digit}:latest"));
    assert_eq!(
        says(&format!("sha256:{digit}")),
        format!("No such image: sha256:{digit}")
    );
    assert_eq!(says("sha256"), "No such image: sha256:latest");
}

#[test]
fn a_digest_goes_alone_while_the_tag_is_there() {
    let shop = shop(&["nginx", TEAM], &["nginx:1.14"]);
    let digest = shop.at_digest();
    shop.tag(&[&digest], &shop.new);
    assert_eq!(shop.rmi(&digest, Force::No).unwrap(), untagged(&[&digest]));
    assert_eq!(
        listing(&shop.store),
        [format!("{TEAM}:latest nginx:latest"), "nginx:1.14".into()]
    );
}

#[test]
fn an_image_known_by_digest_alone_goes_by_digest_or_id() {
    for by_id in [true, false] {
        let shop = shop(&[], &[]);
        let digest = shop.at_digest();
        shop.tag(&[&digest], &shop.new);
        let mut lines = untagged(&[&digest]);
        lines.extend(shop.deleted(&shop.new, &["base", "middle", "top"]));
        let id = shop.id(&shop.new);
        assert_eq!(shop.rmi(if by_id { &id } else { &digest }, Force::No).unwrap(), lines);
    }
}

#[test]
fn the_repository_s_last_tag_takes_its_digests_along() {
    let (one, two) = (format!("{TEAM}:1.15"), format!("{TEAM}:latest"));
    let shop = shop(&[&one, &two], &["127.0.0.1:5101/team/nginx:1.14"]);
    let digest = shop.at_digest();
    shop.tag(&[&digest], &shop.new);
    let id = shop.id(&shop.new);
    assert!(shop.rmi(&id, Force::No).unwrap_err().starts_with("conflict: "));
    assert_eq!(shop.rmi(&one, Force::No).unwrap(), untagged(&[&one]));
    let mut lines = untagged(&[&two, &digest]);
    lines.extend(shop.deleted(&shop.new, &["base", "middle", "top"]));
    lines.pop();
    assert_eq!(shop.rmi(TEAM, Force::No).unwrap(), lines);
    assert_eq!(listing(&shop.store), [format!("{TEAM}:1.14")]);
}

#[test]
fn a_name_in_another_repository_keeps_the_image() {
    let shop = shop(&["nginx", TEAM], &[]);
    let digest = shop.at_digest();
    shop.tag(&[&digest], &shop.new);
    let tag = format!("{TEAM}:latest");
    assert_eq!(shop.rmi(TEAM, Force::No).unwrap(), untagged(&[&tag, &digest]));
    assert_eq!(listing(&shop.store), ["nginx:latest"]);
    assert!(shop.store.blobs().has(&Digest::of(b"top")));
}

#[test]
fn one_tag_and_a_digest_elsewhere_are_two_repositories() {
    let shop = shop(&["nginx"], &[]);
    shop.tag(&[&shop.at_digest()], &shop.new);
    let id = shop.id(&shop.new);
    assert!(shop.rmi(&id, Force::No).unwrap_err().starts_with("conflict: "));
}

#[test]
fn a_moved_tag_leaves_a_dangling_image_which_goes_by_id() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    let id = shop.id(&shop.new);
    shop.tag(&["nginx"], &shop.old);
    assert_eq!(listing(&shop.store), ["<none>", "nginx:1.14 nginx:latest"]);
    let mut lines = shop.deleted(&shop.new, &["base", "middle", "top"]);
    lines.pop();
    assert_eq!(shop.rmi(&id, Force::No).unwrap(), lines);
    assert_eq!(listing(&shop.store), ["nginx:1.14 nginx:latest"]);
}

#[test]
fn a_job_under_way_keeps_every_blob() {
    let shop = shop(&["nginx"], &[]);
    let other = Store::at(shop.store.root().into());
    let session = other.begin().unwrap();
    let removed = remove(&shop.store, "nginx", Force::No).unwrap();
    assert_eq!(removed.deleted.len(), 4);
    assert!(shop.store.blobs().has(&Digest::of(b"top")));
    assert_eq!(shop.store.sweep().old(Duration::ZERO).unwrap(), None);
    drop(session);
    assert!(shop.store.sweep().old(Duration::ZERO).unwrap().unwrap() > 0);
    assert!(!shop.store.blobs().has(&Digest::of(b"top")));
}

#[test]
fn what_could_not_be_freed_goes_with_the_next_command_that_frees() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    let other = Store::at(shop.store.root().into());
    let session = other.begin().unwrap();
    remove(&shop.store, "nginx", Force::No).unwrap();
    // Of what went, somebody needs this after all.
    assert!(other.blobs().touch(&Digest::of(b"middle")).unwrap());
    drop(session);
    let next = Store::at(shop.store.root().into());
    let pruned = next.sweep().prune(|_| false, layout::KEPT_FOR).unwrap();
    assert!(pruned.freed.unwrap() > 0);
    let is_there = |layer: &str| next.blobs().has(&Digest::of(layer.as_bytes()));
    assert_eq!(
        ["top", "middle", "base", "fourteen"].map(is_there),
        [false, true, true, true]
    );
    assert!(!next.blobs().has(&shop.new.digest));
}

#[test]
fn what_nobody_fetches_is_freed_beside_a_job() {
    let shop = shop(&["nginx"], &[]);
    let session = shop.store.begin().unwrap();
    let [idle, busy] =
        [Digest::of(b"idle"), Digest::of(b"busy")].map(|digest| shop.store.layout.paths().partial(&digest));
    fs::write(&idle, "12345").unwrap();
    let held = File::create(&busy).unwrap();
    held.lock().unwrap();
    assert_eq!(shop.store.sweep().partial().unwrap().freed, Some(5));
    assert!(!idle.exists() && busy.exists());
    assert_eq!(shop.store.sweep().partial().unwrap().freed, None);
    drop(session);
}

#[test]
fn leftovers_of_killed_jobs_are_kept_for_a_week() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    let session = shop.store.begin().unwrap();
    let (young, old) = (add_blob(&session, b"young"), add_blob(&session, b"old"));
    drop(session);
    let partials = [Digest::of(b"p1"), Digest::of(b"p2")].map(|digest| shop.store.layout.paths().partial(&digest));
    for partial in &partials {
        fs::write(partial, "half").unwrap();
    }
    let eight_days_ago = SystemTime::now() - Duration::from_hours(8 * 24);
    let in_use = shop.store.layout.paths().blob(&Digest::of(b"fourteen"));
    for path in [&shop.store.layout.paths().blob(&old.digest), &partials[1], &in_use] {
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(eight_days_ago)
            .unwrap();
    }
    remove(&shop.store, "nginx", Force::No).unwrap();
    assert!(shop.store.blobs().has(&young.digest) && partials[0].exists() && in_use.exists());
    assert!(!shop.store.blobs().has(&old.digest) && !partials[1].exists());
}

#[test]
fn the_document_of_a_digest_name_is_kept_as_long_as_the_name() {
    let shop = shop(&["nginx"], &[]);
    let session = shop.store.begin().unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [shop.new, shop.old]}).to_string();
    let index = Manifest::parse(index.into_bytes().into(), None, None).unwrap();
    wait(session.put_manifest(&index)).unwrap();
    drop(session);
    let digest = format!("nginx@{}", index.digest());
    shop.tag(&[&digest], &shop.new);
    assert!(shop.store.sweep().old(Duration::ZERO).unwrap().is_some());
    assert!(shop.store.blobs().has(index.digest()));
    // The other child is not what the name means.
    assert!(!shop.store.blobs().has(&shop.old.digest));
    let removed = remove(&shop.store, "nginx", Force::No).unwrap();
    assert_eq!(removed.untagged.len(), 2);
    assert!(!shop.store.blobs().has(index.digest()));
}

#[test]
fn a_damaged_image_can_be_removed() {
    let shop = shop(&["nginx"], &["nginx:1.14"]);
    fs::write(shop.store.layout.paths().blob(&shop.new.digest), "{}").unwrap();
    let store = Store::at(shop.store.root().into());
    assert_eq!(
        remove(&store, "nginx", Force::No).unwrap().deleted,
        std::slice::from_ref(&shop.new.digest)
    );
    assert_eq!(listing(&store), ["nginx:1.14"]);
    assert!(store.images().find("nginx:1.14").unwrap().image.fault.is_none());
}

#[test]
fn nothing_is_made_where_there_is_no_store() {
    let (_folder, store) = new_store();
    assert_eq!(
        remove(&store, "nginx", Force::No).unwrap_err().to_string(),
        "No such image: nginx:latest"
    );
    assert!(store.images().all().unwrap().is_empty());
    assert_eq!(store.names().target(&name("nginx")).unwrap(), None);
    assert!(store.images().find("nginx").is_err());
    assert!(store.notes().locations("docker.io").unwrap().is_empty());
    assert_eq!(store.sweep().old(Duration::ZERO).unwrap(), Some(0));
    assert_eq!(store.sweep().prune(|_| true, Duration::ZERO).unwrap().freed, Some(0));
    assert!(!store.root().exists());
}
