use bytes::Bytes;
use serde_json::{Value, json};

use crate::image::descriptor::Descriptor;
use crate::image::digest::{Algorithm, Digest};
use crate::image::history::Step;
use crate::image::inspection::{Inspection, Known};
use crate::image::layout::LayoutIndex;
use crate::image::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::image::{
    Body, ImageConfig, Manifest, Platform, Reference, Referral, config, glob, go_duration, graph, size,
};
use crate::tests::fuzz::Target;

const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn descriptor(media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": format!("sha256:{HEX}"), "size": 2,
        "platform": {"os": "linux", "architecture": "arm", "variant": "v7", "os.features": ["a"]},
        "annotations": {"org.opencontainers.image.ref.name": "app:1"}, "urls": ["https://h/x"], "data": "e30="})
}

fn manifests() -> Vec<String> {
    let (layer, child) = (
        descriptor("application/vnd.oci.image.layer.v1.tar+gzip"),
        descriptor(OCI_MANIFEST),
    );
    [
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layer, "layers": [layer, layer],
            "subject": child, "artifactType": "a/b", "annotations": {"a": "b"}}),
        json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": layer, "layers": null}),
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child, child, layer]}),
        json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": null}),
        json!({"schemaVersion": 1, "fsLayers": []}),
    ]
    .map(|it| it.to_string())
    .into()
}

#[test]
fn references_print_as_what_they_were_read_from() {
    let digest = format!("app@sha256:{HEX}");
    let seeds = [
        "nginx",
        "h:5000/a/b:1",
        "[::1]:5/a",
        "localhost/a__b/c-d",
        "index.docker.io/x",
        &digest,
    ];
    let words = [
        "sha256:",
        HEX,
        "library/",
        "docker.io/",
        "localhost",
        ":",
        "@",
        "__",
        "--",
        "[::1]",
        "A",
    ];
    Target::text("references", seeds, &words).check_texts(|text| {
        let reference = match Reference::parse(text) {
            Ok(reference) => reference,
            Err(e) => return e.to_string().replace(text, ""),
        };
        for written in [reference.to_string(), reference.familiar().to_owned()] {
            assert_eq!(Reference::parse(&written).unwrap(), reference, "{written}");
        }
        assert!(reference.path().len() <= 255 && reference.tag().is_none_or(|tag| tag.len() <= 128));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@[]+".contains(c);
        assert!(reference.to_string().chars().all(is_plain) && !reference.path().contains(".."));
        let whole = reference.clone().or_latest();
        assert_eq!(whole.version().to_string(), reference.version().to_string());
        let shape = [
            reference.is_hub(),
            reference.tag().is_some(),
            reference.digest().is_some(),
        ];
        format!("{shape:?} {}", reference.path().matches('/').count().min(3))
    });
}

#[test]
fn platforms_print_as_what_they_were_read_from() {
    let seeds = [
        "linux/amd64",
        "linux/arm/v7",
        "arm64",
        "windows",
        "LINUX/aarch64/8",
        "linux/x86_64/v1",
    ];
    let words = ["linux", "arm", "armhf", "i386", "v", "8", "/", "macos", "unknown"];
    Target::text("platforms", seeds, &words).check_texts(|text| {
        let platform = match Platform::parse(text) {
            Ok(platform) => platform,
            Err(e) => return e.to_string().rsplit(':').nth(1).map(str::to_owned),
        };
        let again = Platform::parse(&platform.to_string()).unwrap();
        assert_eq!(again, platform);
        assert_eq!(platform.distance_to(&again), Some(0));
        let distance = platform.distance_to(&Platform::host());
        assert!(distance.is_none_or(|distance| distance > 0) || platform.os == "linux");
        Some(format!("{distance:?} {}", platform.architecture.len()))
    });
}

#[test]
fn durations_are_as_long_as_a_plain_sum_says() {
    let seeds = [
        "1h30m",
        "1.5h",
        "250ms",
        "7\u{b5}s3ns",
        "9223372036854775807ns",
        "+0.1234567891234s",
    ];
    let words = ["ns", "us", "\u{3bc}s", "ms", "s", "m", "h", ".", "+", "1", "99999"];
    Target::text("durations", seeds, &words).check_texts(|text| {
        let read = go_duration::parse(text);
        let plain = plain_sum(text);
        match (read, plain) {
            (Some(read), Some(plain)) => {
                let apart = read.as_nanos().abs_diff(plain);
                assert!(apart <= text.len() as u128, "{text}: {} and {plain}", read.as_nanos());
            }
            (None, None) => {}
            // At the very edge of what fits, what is less than a nanosecond may decide.
            (read, plain) => {
                let edge = read.map(|it| it.as_nanos()).or(plain).unwrap_or_default();
                assert!(
                    edge + text.len() as u128 >= i64::MAX as u128,
                    "{text}: {read:?} {plain:?}"
                );
            }
        }
        let shape = text.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().join("");
        (read.is_some(), shape.chars().take(6).collect::<String>())
    });
}

/// The sum in nanoseconds; none where it is no duration or does not fit.
fn plain_sum(text: &str) -> Option<u128> {
    let units = [
        ("ns", 1_u128),
        ("us", 1000),
        ("\u{b5}s", 1000),
        ("\u{3bc}s", 1000),
        ("ms", 1_000_000),
    ];
    let units = units
        .into_iter()
        .chain([("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)]);
    let units: Vec<_> = units.collect();
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut sum = if rest.is_empty() { return None } else { 0_u128 };
    while !rest.is_empty() {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let unit = units.iter().find(|(name, _)| *name == &after[..end])?.1;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let whole: u128 = if whole.is_empty() {
            0
        } else {
            whole.parse::<u64>().ok()?.into()
        };
        let digits = &fraction[..fraction.len().min(20)];
        let part = digits
            .bytes()
            .rev()
            .fold(0_f64, |part, digit| (part + f64::from(digit - b'0')) / 10.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "less than one unit"
        )]
        let part = (part * unit as f64) as u128;
        sum += whole * unit + part;
        rest = &after[end..];
    }
    (sum <= i64::MAX as u128).then_some(sum)
}

#[test]
fn manifests_are_what_they_say_or_are_refused() {
    let sha512 = format!("sha512:{HEX}{HEX}");
    let words = [
        "\"schemaVersion\":2",
        "\"mediaType\":",
        OCI_INDEX,
        OCI_MANIFEST,
        "\"manifests\":[",
        "\"layers\":[",
        "\"config\":{",
        "\"digest\":",
        &sha512,
        "\"size\":",
        "\"platform\":",
        "\"subject\":",
        "\"urls\":",
    ];
    let mut target = Target::text("manifests", manifests(), &words);
    target.cases = 500;
    target.check(|input| {
        let raw = Bytes::copy_from_slice(input);
        let types = [
            None,
            Some(OCI_MANIFEST),
            Some(OCI_INDEX),
            Some("application/json; charset=x"),
            Some("\u{1b}"),
        ];
        let mut shown = Vec::new();
        for content_type in types {
            match Manifest::parse(raw.clone(), content_type, None) {
                Ok(manifest) => shown.push(looked_at(&manifest, input)),
                Err(e) => shown.push(
                    e.to_string()
                        .chars()
                        .filter(char::is_ascii_alphabetic)
                        .take(30)
                        .collect(),
                ),
            }
        }
        let other = Digest::of(b"other");
        assert!(Manifest::parse(raw, None, Some(&other)).is_err());
        shown
    });
}

fn looked_at(manifest: &Manifest, input: &[u8]) -> String {
    assert_eq!(manifest.raw, input);
    assert_eq!(*manifest.digest(), Digest::of(input));
    let listed: Vec<&Descriptor> = graph::children(manifest).chain(graph::blobs(manifest)).collect();
    for descriptor in &listed {
        assert_eq!(Digest::parse(descriptor.digest.as_str()).unwrap(), descriptor.digest);
        let written = serde_json::to_string(descriptor).unwrap();
        assert_eq!(
            serde_json::from_str::<Descriptor>(&written).unwrap(),
            **descriptor,
            "{written}"
        );
    }
    let sum = size::total(listed.iter().map(|it| it.size));
    assert!(listed.iter().all(|it| it.size <= sum));
    let referral = Referral::of(manifest).is_some();
    let chosen = match &manifest.body {
        Body::Index(index) => index.choose(&Platform::host()).is_ok(),
        Body::Image(_) => false,
    };
    format!("{} {referral} {chosen}", listed.len().min(4))
}

#[test]
fn digests_are_never_a_path() {
    let seeds = Algorithm::ALL.map(|algorithm| format!("{}:{}", algorithm.name(), HEX.repeat(2)));
    let words = ["sha256:", "sha384:", "sha512:", HEX, "../", "A"];
    Target::text("digests", seeds, &words).check_texts(|text| {
        let digest = match Digest::parse(text) {
            Ok(digest) => digest,
            Err(e) => return e.to_string(),
        };
        assert_eq!(digest.as_str(), text);
        assert!(
            digest
                .hex()
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        );
        assert!(digest.hex().len() >= 64 && digest.short().len() == 12);
        digest.algorithm().name().to_owned()
    });
}

#[test]
fn configs_are_read_by_all_who_read_them() {
    let config = json!({"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z", "author": "a",
        "config": {"Labels": {"a": "b"}, "Env": ["A=b"], "Cmd": ["x"], "ExposedPorts": {"80/tcp": {}}, "Volumes": null,
            "Healthcheck": {"Test": ["NONE"], "Interval": 1_000_000_000}, "StopTimeout": 10},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{HEX}")]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "x", "empty_layer": true}]});
    let seeds = [
        config.to_string(),
        "{}".to_owned(),
        r#"{"rootfs":null,"config":null,"history":null}"#.to_owned(),
    ];
    let words = [
        "\"Labels\":",
        "\"config\":",
        "\"history\":",
        "\"rootfs\":",
        "\"diff_ids\":[",
        "0001-01-01T00:00:00Z",
        "+99:99",
    ];
    let id = Digest::of(b"id");
    let target = Descriptor::new(OCI_MANIFEST, id.clone(), 1);
    let mut fuzz = Target::text("configs", seeds, &words);
    fuzz.cases = 500;
    fuzz.check(|input| {
        let parsed = ImageConfig::parse(input);
        if let Ok(parsed) = &parsed {
            assert_eq!(config::chain_ids(&parsed.diff_ids).len(), parsed.diff_ids.len());
            assert!(parsed.platform.rest.is_empty());
        }
        assert!(ImageConfig::parse_as("application/x-other", input).is_ok());
        let steps = Step::parse_all(input).map(|steps| steps.iter().filter(|step| step.created().is_some()).count());
        let known = Known {
            id: &id,
            target: &target,
            tags: &[],
            digests: &[],
            size: u64::MAX,
        };
        let inspection = Inspection::new(known, input);
        if let Ok(inspection) = &inspection {
            let printed = inspection.document.to_string();
            assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), inspection.document);
        }
        let created = parsed
            .as_ref()
            .ok()
            .map(|it| (it.created.is_some(), it.labels.len(), it.diff_ids.len()));
        (created, steps.ok(), inspection.is_ok())
    });
}

#[test]
fn what_stands_in_an_index_is_written_again_as_it_was() {
    let entry = descriptor(OCI_MANIFEST);
    let seeds = [
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry, entry, {"odd": 1}, 7], "annotations": {}}),
        json!({"manifests": null, "x": {"y": [1e3, 18_446_744_073_709_551_615_u64]}}),
    ]
    .map(|it| it.to_string());
    let words = [
        "\"schemaVersion\":",
        "\"manifests\":[",
        "\"annotations\":{",
        "\"mediaType\":",
        "\"digest\":",
    ];
    let mut target = Target::text("index", seeds, &words);
    target.cases = 500;
    target.check(|input| {
        let Ok(index) = LayoutIndex::parse(input) else {
            return None;
        };
        let written = index.rest.written_with(index.manifests.iter()).unwrap();
        let again = LayoutIndex::parse(&written).unwrap();
        assert_eq!(again.manifests, index.manifests);
        assert_eq!(again.rest.strangers, index.rest.strangers);
        assert_eq!(again.rest.written_with(again.manifests.iter()).unwrap(), written);
        Some((index.manifests.len().min(5), index.rest.strangers.len().min(5)))
    });
}

#[test]
fn patterns_end_whatever_they_are() {
    let seeds = ["*a*b\u{0}xaxxbx", "[^a-z]?\\*\u{0}nginx:1", "*/*\u{0}a/b"];
    let words = ["*", "?", "[", "]", "^", "-", "\\", "/", "\u{0}", "a"];
    Target::text("patterns", seeds, &words).check_texts(|text| {
        let (pattern, name) = text.split_once('\u{0}').unwrap_or((text, text));
        let fits = glob::matches(pattern, name).ok();
        // Whether a pattern is one does not hang on the name.
        assert_eq!(fits.is_some(), glob::matches(pattern, "").is_ok());
        (
            fits,
            pattern
                .chars()
                .filter(|c| "*?[".contains(*c))
                .take(5)
                .collect::<String>(),
        )
    });
}
