//! What is freed and what is not, while the registry serves.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use rdock::store::Store;

use crate::support::image::{Built, Image};
use crate::support::layer::{Layer, digest, noise};
use crate::support::runtime::wait_for;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

fn has(root: &Path, digest: &str) -> bool {
    root.join("blobs").join(digest.replace(':', "/")).exists()
}

fn image(sandbox: &Sandbox, text: &str) -> Built {
    let image = Image::new()
        .layer(Layer::text("shared", "x"))
        .layer(Layer::text("own", text));
    image.write(&sandbox.root().join(text))
}

#[test]
fn what_nothing_names_is_freed_after_its_time_and_nothing_else() {
    let (mut serve, sandbox) = (Serve::open(), Sandbox::new());
    let (old, new) = (image(&sandbox, "old"), image(&sandbox, "new"));
    serve.push("app", "1", &old);
    serve.push("app", "2", &new);
    let orphan = serve.put_blob("app", b"for no manifest");
    let open = serve.ask("POST", "/v2/app/blobs/uploads/", &[]).is(202);
    serve
        .send("PATCH", open.header("location").unwrap(), b"never finished", &[])
        .is(202);
    serve
        .ask("DELETE", &format!("/v2/app/manifests/{}", old.digest), &[])
        .is(202);
    // Not before all has been pushed: a push takes what it takes.
    serve.kill();
    serve.start(&["--keep-unnamed", "1"]);
    for gone in [&orphan, &old.digest, &old.layers[1].digest, &old.config_digest] {
        wait_for("a blob to be freed", || (!has(serve.root(), gone)).then_some(()));
        serve.get(&format!("/v2/app/blobs/{gone}")).refuses(404, "BLOB_UNKNOWN");
    }
    wait_for("the upload to expire", || {
        (fs::read_dir(serve.root().join("ingest")).unwrap().count() == 0).then_some(())
    });
    // Its file goes first.
    wait_for("the upload to be forgotten", || {
        (serve.get(open.header("location").unwrap()).status == 404).then_some(())
    });
    serve
        .get(open.header("location").unwrap())
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
    for kept in [
        &new.digest,
        &new.config_digest,
        &old.layers[0].digest,
        &new.layers[1].digest,
    ] {
        assert!(has(serve.root(), kept), "{kept}");
    }
    sandbox.rdock(&["pull", &format!("{}/app:2", serve.host())]).ok();
}

#[test]
fn another_process_frees_no_blob_that_a_push_counts_on() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let sandbox = sandbox.env("RDOCK_HOME", serve.root());
    let image = image(&sandbox, "only");
    serve.push("app", "1", &image);
    // A client asks, hears that all layers are here, and will not send them.
    for layer in &image.layers {
        serve
            .ask("HEAD", &format!("/v2/app/blobs/{}", layer.digest), &[])
            .is(200);
    }
    serve
        .ask("DELETE", &format!("/v2/app/manifests/{}", image.digest), &[])
        .is(202);
    sandbox
        .rdock(&["pull", "-q", &format!("{}/none:1", serve.host())])
        .fails(1);
    serve.push("other", "1", &image);
    sandbox.rdock(&["rmi", "other:1"]).ok();
    assert!(image.layers.iter().all(|layer| has(serve.root(), &layer.digest)));
    let media_type = format!("Content-Type: {}", image.media_type);
    serve
        .send("PUT", "/v2/app/manifests/2", &image.manifest, &[&media_type])
        .is(201);
}

#[test]
fn many_at_once_push_the_same_blob_and_different_tags_and_lose_nothing() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let shared = noise(5, 400_000);
    let images: Vec<Built> = (0..6).map(|n| image(&sandbox, &format!("own{n}"))).collect();
    thread::scope(|scope| {
        for (n, image) in images.iter().enumerate() {
            let (serve, shared) = (&serve, &shared);
            scope.spawn(move || {
                assert_eq!(serve.put_blob("app", shared), digest(shared));
                serve.push("app", &format!("t{n}"), image);
            });
        }
    });
    for (n, image) in images.iter().enumerate() {
        assert_eq!(
            serve.get(&format!("/v2/app/manifests/t{n}")).is(200).body,
            image.manifest
        );
    }
    let blob = serve.get(&format!("/v2/app/blobs/{}", digest(&shared))).is(200);
    assert_eq!(blob.body, shared);
    assert_eq!(fs::read_dir(serve.root().join("ingest")).unwrap().count(), 0);
}

#[test]
fn another_process_frees_what_is_old_and_spares_what_a_client_has_yet_to_name() {
    let (serve, sandbox) = (Serve::open(), Sandbox::new());
    let sandbox = sandbox.env("RDOCK_HOME", serve.root());
    let image = image(&sandbox, "mine");
    let blobs = image.layers.iter().map(|layer| &layer.digest);
    for blob in blobs.clone().chain([&image.config_digest]) {
        assert_eq!(serve.put_blob("app", &fs::read(image.blob(blob)).unwrap()), *blob);
    }
    let begun = serve.ask("POST", "/v2/app/blobs/uploads/", &[]).is(202);
    let begun = begun.header("location").unwrap();
    serve.send("PATCH", begun, b"half", &[]).is(202);
    let old = serve.put_blob("app", b"from a client that went away");
    let path = serve.root().join("blobs").join(old.replace(':', "/"));
    let two_hours_ago = SystemTime::now() - Duration::from_hours(2);
    fs::File::open(path).unwrap().set_modified(two_hours_ago).unwrap();
    let busy = sandbox.rdock(&["system", "prune", "-f"]).ok();
    assert!(
        busy.stderr.starts_with("WARNING: clients of rdock serve are at work"),
        "{busy}"
    );
    wait_for("the store to be let go of", || {
        let sweep = Store::at(serve.root().to_owned());
        sweep.sweep().prune(|_| false, Duration::ZERO).unwrap().freed
    });
    sandbox.rdock(&["system", "prune", "-f", "--partial"]).ok();
    assert!(!has(serve.root(), &old));
    assert!(blobs.into_iter().all(|layer| has(serve.root(), layer)));
    serve.get(begun).is(204);
    let media_type = format!("Content-Type: {}", image.media_type);
    serve
        .send("PUT", "/v2/app/manifests/1", &image.manifest, &[&media_type])
        .is(201);
}

#[test]
fn what_another_process_removes_is_freed_by_a_registry_that_is_never_idle() {
    let (mut serve, sandbox) = (Serve::open(), Sandbox::new());
    let (gone, kept) = (image(&sandbox, "gone"), image(&sandbox, "kept"));
    serve.push("app", "1", &gone);
    serve.push("app", "2", &kept);
    // Not before all has been pushed: a push takes what it takes.
    serve.kill();
    serve.start(&["--keep-unnamed", "3"]);
    let path = format!("/v2/app/blobs/{}", kept.layers[1].digest);
    serve.ask("HEAD", &path, &[]).is(200);
    let sandbox = sandbox.env("RDOCK_HOME", serve.root());
    sandbox.rdock(&["rmi", "app:1"]).ok();
    wait_for("the layer to be freed", || {
        serve.ask("HEAD", &path, &[]).is(200);
        (!has(serve.root(), &gone.layers[1].digest)).then_some(())
    });
    assert!(kept.layers.iter().all(|layer| has(serve.root(), &layer.digest)));
    sandbox.rdock(&["system", "check"]).ok();
}
