use super::*;
use crate::image::layout::{INDEX, MARKER, marker};
use crate::tests::fuzz::{Target, with_checksums};

/// What an archive that is taken must be: every blob of it under the digest of its bytes, and named by what can be.
fn loaded(bytes: &[u8], folder: &Path) -> Result<usize> {
    let keep = |stream: &mut dyn Read, _: u64, _: Algorithm| keep(folder, stream);
    let reading = Reading {
        keep: &keep,
        has: &|_, _| false,
        progress: &Nobody,
    };
    let contents = Contents::read(bytes, &reading)?;
    let held = Held {
        has: &|_| false,
        layer: &|_| Ok(None),
    };
    let images = images_of(&contents, &held, &[])?;
    for image in &images {
        for name in &image.names {
            assert_eq!(Reference::parse(&name.to_string()).unwrap(), *name);
        }
        for blob in image.blobs.iter().filter(|blob| !image.missing.contains(blob)) {
            let kept = contents.kept(&blob.digest).unwrap();
            assert_eq!(Digest::of(&fs::read(&kept.path).unwrap()), blob.digest);
            assert!(kept.size == blob.size && kept.path.starts_with(folder));
        }
    }
    Ok(images.len())
}

/// How it ended, without what the archive itself says.
fn ending(loaded: Result<usize>) -> String {
    match loaded {
        Ok(images) => images.to_string(),
        Err(e) => e
            .to_string()
            .chars()
            .filter(char::is_ascii_alphabetic)
            .take(40)
            .collect(),
    }
}

#[tokio::test]
async fn an_archive_that_is_damaged_is_refused_or_right() {
    let sample = Sample::new("hello");
    let oci = written(&sample).await;
    let links = tree(&[("a/layer.tar", "x"), ("manifest.json", "[]")]).unwrap();
    let words = [
        "manifest.json",
        "index.json",
        "blobs/sha256/",
        "../",
        "/",
        "oci-layout",
        "ustar",
        "2",
        "1",
        "5",
        "x",
        "00000777",
    ];
    let mut target = Target::text("archives", [oci, links], &words);
    target.longest = 64 << 10;
    target.cases = 100;
    target.check(|input| {
        let folder = tempfile::tempdir().unwrap();
        let mended = with_checksums(input);
        let held = held_by_archive(&mended[..]).map(|held| held.len());
        (ending(loaded(&mended, folder.path())), held.is_ok())
    });
}

#[test]
fn a_manifest_json_names_what_is_in_its_archive() {
    let sample = Sample::new("hello");
    let config = String::from_utf8(sample.config.clone()).unwrap();
    let layer = String::from_utf8(sample.layer.clone()).unwrap();
    let seeds = [
        r#"[{"Config":"config.json","RepoTags":["app:1","h:5000/a:2"],"Layers":["layer.tar"]}]"#,
        r#"[{"Config":"config.json","RepoTags":null,"Layers":[""]},{"Config":"config.json","Layers":["./layer.tar"]}]"#,
    ];
    let words = [
        "\"Config\":",
        "\"RepoTags\":[",
        "\"Layers\":[",
        "\"layer.tar\",",
        "\"config.json\"",
        "../",
        "./",
        "/",
        "@sha256:",
        "A:1",
    ];
    let mut target = Target::text("manifest-json", seeds, &words);
    target.cases = 100;
    target.check_texts(|text| {
        let folder = tempfile::tempdir().unwrap();
        let archive = tree(&[("config.json", &config), ("layer.tar", &layer), ("manifest.json", text)]).unwrap();
        ending(loaded(&archive, folder.path()))
    });
}

#[test]
fn an_index_json_names_what_is_in_its_archive() {
    let sample = Sample::new("hello");
    let texts =
        [&sample.config[..], &sample.layer, &sample.manifest.raw].map(|it| String::from_utf8(it.to_vec()).unwrap());
    let paths = texts
        .each_ref()
        .map(|text| format!("blobs/sha256/{}", Digest::of(text.as_bytes()).hex()));
    let root = serde_json::to_string(&sample.manifest.descriptor).unwrap();
    let named = root.replace(
        '}',
        r#","annotations":{"io.containerd.image.name":"docker.io/library/app:1"}}"#,
    );
    let seeds = [
        format!(r#"{{"schemaVersion":2,"manifests":[{named},{root}]}}"#),
        r#"{"schemaVersion":2,"manifests":null}"#.to_owned(),
    ];
    let words = [
        "\"digest\":",
        "\"size\":",
        "\"mediaType\":",
        "\"annotations\":{",
        "\"platform\":{",
        "sha256:",
        &root,
    ];
    let marker = String::from_utf8(marker()).unwrap();
    let mut target = Target::text("archive-index", seeds, &words);
    target.cases = 100;
    target.check_texts(|text| {
        let folder = tempfile::tempdir().unwrap();
        let blobs = paths.iter().map(String::as_str).zip(texts.iter().map(String::as_str));
        let files: Vec<(&str, &str)> = blobs.chain([(MARKER, marker.as_str()), (INDEX, text)]).collect();
        ending(loaded(&tree(&files).unwrap(), folder.path()))
    });
}

#[test]
fn a_list_of_what_is_held_is_read_in_one_pass() {
    let hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let seeds = [format!("app@sha256:{hex} 2 MB\nsha256:{hex}\n")];
    Target::text("held", seeds, &["sha256:", "sha", hex, "@", "\n", "<none>"]).check_texts(|text| {
        let held = held_by_list(text);
        assert!(held.iter().all(|digest| text.contains(digest.as_str())));
        held.len().min(3)
    });
}
