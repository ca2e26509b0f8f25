//! `buildx imagetools`, called as docker: indexes made of what is on registries, and what a name stands for there.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::{Layer, digest};
use crate::support::process::Run;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// Two registries; on the first one an image for each of two platforms.
struct Shop {
    sandbox: Sandbox,
    registry: Registry,
    other: Registry,
    amd64: Built,
    arm64: Built,
}

impl Shop {
    fn new() -> Self {
        Self::of(Image::new)
    }

    fn of(image: fn() -> Image) -> Self {
        let (sandbox, registry) = (Sandbox::new(), Registry::open());
        symlink(env!("CARGO_BIN_EXE_rdock"), sandbox.bin().join("docker")).unwrap();
        let write = |platform: &str, seed| {
            let image = image().layer(Layer::seeded(seed, 2, 500)).platform(platform);
            image.write(&sandbox.root().join(seed.to_string()))
        };
        let (amd64, arm64) = (write("linux/amd64", 1), write("linux/arm64/v8", 2));
        registry.push("team/app", "amd64", &amd64);
        registry.push("team/app", "arm64", &arm64);
        let other = Registry::open();
        Self {
            sandbox,
            registry,
            other,
            amd64,
            arm64,
        }
    }

    /// Runs `docker buildx imagetools` with the words of a line, `HOST` and `OTHER` filled in.
    fn imagetools(&self, line: &str) -> Run {
        let line = line.replace("HOST", &self.registry.host());
        let line = line.replace("OTHER", &self.other.host());
        let words: Vec<&str> = ["buildx", "imagetools"].into_iter().chain(line.split(' ')).collect();
        self.sandbox.run("docker", &words)
    }

    fn raw(&self, name: &str) -> Vec<u8> {
        self.imagetools(&format!("inspect --raw {name}")).ok().bytes
    }

    fn digests(&self, name: &str) -> Vec<String> {
        let format = "inspect --format {{range.Manifest.Manifests}}{{.Digest}},{{end}}";
        let listed = self.imagetools(&format!("{format} {name}")).ok().stdout;
        listed.trim().split_terminator(',').map(str::to_owned).collect()
    }
}

#[test]
fn one_index_gets_several_tags() {
    let shop = Shop::new();
    let made =
        shop.imagetools("create -t HOST/team/app:1 --tag HOST/team/app:latest HOST/team/app:amd64 HOST/team/app:arm64");
    let made = made.ok();
    assert_eq!(made.stdout, "");
    let raw = shop.raw("HOST/team/app:1");
    assert_eq!(shop.raw("HOST/team/app:latest"), raw);
    let host = shop.registry.host();
    let pushed = format!("#1 [internal] pushing {host}/team/app:1\n#1 0.");
    assert!(made.stderr.starts_with(&pushed), "{made}");
    let line = format!(" pushing {} to {host}/team/app:latest\n#2 DONE ", digest(&raw));
    assert!(made.stderr.contains(&line), "{made}");
    // Nothing had to be copied within the repository.
    assert!(!made.stderr.contains("copying"), "{made}");
    assert_eq!(
        shop.digests("HOST/team/app:1"),
        [shop.amd64.digest.as_str(), &shop.arm64.digest]
    );
    let dry = shop
        .imagetools("create --dry-run HOST/team/app:amd64 HOST/team/app:arm64")
        .ok();
    assert_eq!(dry.bytes, [raw, b"\n".to_vec()].concat());
}

#[test]
fn images_are_brought_to_the_repository_of_the_index() {
    let shop = Shop::new();
    let made = shop
        .imagetools("create -t OTHER/mirror/app:1 HOST/team/app:amd64 HOST/team/app:arm64")
        .ok();
    let copied = format!(
        "copying {} from {}/team/app:amd64 to ",
        shop.amd64.digest,
        shop.registry.host()
    );
    assert!(made.stderr.contains(&copied), "{made}");
    let name = format!("{}/mirror/app:1", shop.other.host());
    shop.sandbox.rdock(&["pull", "-q", "--all-platforms", &name]).ok();
    // What is appended comes to what is there.
    let third = Image::new().layer(Layer::seeded(3, 1, 100)).platform("linux/s390x");
    let third = third.write(&shop.sandbox.root().join("third"));
    shop.registry.push("team/app", "s390x", &third);
    shop.imagetools("create --append -t OTHER/mirror/app:1 HOST/team/app:s390x")
        .ok();
    assert_eq!(shop.digests("OTHER/mirror/app:1").len(), 3);
}

#[test]
fn a_single_source_is_copied_or_listed() {
    let shop = Shop::new();
    shop.imagetools("create --prefer-index=false -t OTHER/a/one:1 HOST/team/app:amd64")
        .ok();
    assert_eq!(digest(&shop.raw("OTHER/a/one:1")), shop.amd64.digest);
    shop.imagetools("create -t OTHER/a/one:2 HOST/team/app:amd64").ok();
    assert_eq!(shop.digests("OTHER/a/one:2"), [shop.amd64.digest.as_str()]);
    // An index stays the index that it is.
    shop.imagetools("create -t OTHER/b/one:2 OTHER/a/one:2").ok();
    assert_eq!(shop.raw("OTHER/b/one:2"), shop.raw("OTHER/a/one:2"));
}

#[test]
fn sources_are_names_digests_and_descriptors() {
    let shop = Shop::new();
    let (amd64, arm64) = (&shop.amd64.digest, &shop.arm64.digest);
    let size = shop.arm64.manifest.len();
    let descriptor = format!(
        r#"{{"digest":"{arm64}","size":{size},"platform":{{"os":"plan9","architecture":"arm"}},"annotations":{{"a":"b"}}}}"#
    );
    let file = shop.sandbox.root().join("descriptor.json");
    fs::write(&file, descriptor + "\n").unwrap();
    shop.imagetools(&format!("create -t HOST/team/app:2 --file {} {amd64}", file.display()))
        .ok();
    assert_eq!(shop.digests("HOST/team/app:2"), [arm64.as_str(), amd64]);
    let shown = shop.imagetools("inspect HOST/team/app:2").ok().stdout;
    assert!(
        shown.contains("  Platform:    plan9/arm\n  Annotations: \n    a: b\n"),
        "{shown}"
    );
    fs::write(&file, format!(r#"{{"digest":"{arm64}","size":1}}"#)).unwrap();
    let wrong = shop
        .imagetools(&format!("create -t HOST/team/app:3 -f {}", file.display()))
        .fails(1);
    assert_eq!(
        wrong.stderr,
        format!("ERROR: invalid size mismatch for {arm64}, 1 != {size}\n")
    );
    let lost = shop
        .imagetools(&format!("create -t OTHER/x:1 {amd64} HOST/team/app:arm64"))
        .fails(1);
    let words = format!("ERROR: multiple repositories specified, cannot infer repository for \"{amd64}\"\n");
    assert_eq!(lost.stderr, words);
}

#[test]
fn annotations_are_kept_where_the_index_can_hold_them() {
    let shop = Shop::new();
    let line = "--annotation index:org.example.title=App --annotation manifest-descriptor[linux/arm64]:org.example.a=b \
                HOST/team/app:amd64 HOST/team/app:arm64";
    let index = shop.imagetools(&format!("create -t HOST/team/app:1 {line}")).ok();
    assert!(!index.stderr.contains("WARNING"), "{index}");
    let raw: serde_json::Value = serde_json::from_slice(&shop.raw("HOST/team/app:1")).unwrap();
    assert_eq!(raw["annotations"]["org.example.title"], "App");
    assert_eq!(raw["manifests"][1]["annotations"]["org.example.a"], "b");
    assert!(raw["manifests"][0].get("annotations").is_none());
    let docker_s = Shop::of(|| Image::new().docker());
    let list = docker_s.imagetools(&format!("create --dry-run {line}")).ok();
    assert!(list.stderr.starts_with("WARNING: annotations are left out: "), "{list}");
}

#[test]
fn inspect_shows_what_buildx_shows() {
    let shop = Shop::new();
    let host = shop.registry.host();
    shop.imagetools("create -t HOST/team/app:1 HOST/team/app:amd64 HOST/team/app:arm64")
        .ok();
    let whole = digest(&shop.raw("HOST/team/app:1"));
    let member = |digest: &str, platform: &str| {
        format!(
            "  Name:      {host}/team/app:1@{digest}\n  \
             MediaType: application/vnd.oci.image.manifest.v1+json\n  Platform:  {platform}\n"
        )
    };
    let (amd64, arm64) = (
        member(&shop.amd64.digest, "linux/amd64"),
        member(&shop.arm64.digest, "linux/arm64"),
    );
    let blanks = " ".repeat(11);
    let expected = format!(
        "Name:      {host}/team/app:1\nMediaType: application/vnd.oci.image.index.v1+json\nDigest:    {whole}\n\
         {blanks}\nManifests: \n{amd64}{blanks}  \n{arm64}"
    );
    assert_eq!(shop.imagetools("inspect HOST/team/app:1").ok().stdout, expected);
    assert_eq!(
        shop.imagetools("inspect --format {{.Manifest}} HOST/team/app:1")
            .ok()
            .stdout,
        expected
    );
    let filled = |format: &str| {
        shop.imagetools(&format!("inspect HOST/team/app:1 --format {format}"))
            .ok()
            .stdout
    };
    // No line end, as buildx writes none.
    assert_eq!(filled("{{.Manifest.Digest}}"), whole);
    assert_eq!(filled("{{.Name}}"), format!("{host}/team/app:1"));
    let image = shop.sandbox.run(
        "docker",
        &[
            "buildx",
            "imagetools",
            "inspect",
            "--format",
            "{{json (index .Image \"linux/amd64\")}}",
            &format!("{host}/team/app:1"),
        ],
    );
    let image = image.ok().stdout;
    assert!(
        image.starts_with("{\n  \"") && image.contains("\n  \"architecture\": \"amd64\","),
        "{image}"
    );
}

/// An index with an attestation of its first image, and what a template makes of it.
struct Attested {
    shop: Shop,
    index: Built,
}

impl Attested {
    fn new(index: &Index) -> Self {
        let shop = Shop::new();
        let index = index.clone().attestation().sboms();
        let index = index.write(&shop.sandbox.root().join("attested"));
        shop.registry.push("team/attested", "1", &index);
        Self { shop, index }
    }

    fn filled(&self, format: &str) -> String {
        let name = format!("{}/team/attested:1", self.shop.registry.host());
        let words = ["buildx", "imagetools", "inspect", "--format", format, &name];
        self.shop.sandbox.run("docker", &words).ok().stdout
    }
}

#[test]
fn what_was_attested_is_shown_by_platform_or_of_the_only_image() {
    let slsa = "{\n  \"buildType\": \"here\",\n  \"builder\": {\n    \"id\": \"a\\u0026b\"\n  }\n}";
    let several = Attested::new(&Index::multi_platform());
    for (format, expected) in [
        (r#"{{json (index .Provenance "linux/amd64").SLSA}}"#, slsa),
        (r#"{{(index .Provenance "linux/amd64").SLSA.buildType}}"#, "here"),
        (r#"{{(index .SBOM "linux/amd64").SPDX.spdxVersion}}"#, "SPDX-2.3"),
        (
            r#"{{range (index .SBOM "linux/amd64").AdditionalSPDXs}}{{.name}}{{end}}"#,
            "1",
        ),
        (
            r"{{range $platform, $it := .SBOM}}{{$platform}} {{end}}",
            "linux/amd64 ",
        ),
        (r"{{len .Image}} {{len .Provenance}}", "3 1"),
        (r#"{{(index .Image "linux/arm64").Architecture}}"#, "arm64"),
        (r#"{{(index .Image "linux/arm/v7").Architecture}}"#, "arm"),
    ] {
        assert_eq!(several.filled(format), expected, "{format}");
    }
    assert!(!several.filled("{{json .}}").contains("SPDX"));
    let image = Image::new().layer(Layer::seeded(5, 1, 100));
    let single = Attested::new(&Index::new().image(image));
    for (format, expected) in [
        (r"{{json .Provenance.SLSA}}", slsa),
        (r"{{.SBOM.SPDX.SPDXID}} {{.Image.OS}}", "SPDXRef-DOCUMENT linux"),
        (
            r"{{json .SBOM}}",
            "{\n  \"SPDX\": {\n    \"SPDXID\": \"SPDXRef-DOCUMENT\",\n    \"name\": 0,\n    \"spdxVersion\": \"SPDX-2.3\"\n  },\n  \
             \"AdditionalSPDXs\": [\n    {\n      \"SPDXID\": \"SPDXRef-DOCUMENT\",\n      \"name\": 1,\n      \
             \"spdxVersion\": \"SPDX-2.3\"\n    }\n  ]\n}",
        ),
    ] {
        assert_eq!(single.filled(format), expected, "{format}");
    }
    let name = format!("{}/team/app:amd64", single.shop.registry.host());
    let format = "{{json .SBOM}}{{json .Provenance.SLSA}}";
    let words = ["buildx", "imagetools", "inspect", "--format", format, &name];
    let bare = single.shop.sandbox.run("docker", &words);
    assert_eq!(bare.ok().stdout, "{}null");
}

#[test]
fn an_index_may_be_made_of_some_platforms_and_tells_what_it_is() {
    let attested = Attested::new(&Index::multi_platform());
    let shop = &attested.shop;
    let [amd64, arm64, v7, attestation] = attested.index.children.as_slice() else {
        panic!("three images and an attestation")
    };
    let file = shop.sandbox.root().join("metadata.json");
    let made = shop.imagetools(&format!(
        "create -t OTHER/x/app:1 -t OTHER/x/app:2 --platform linux/amd64,linux/arm/v7 --metadata-file {} HOST/team/attested:1",
        file.display()
    ));
    let made = made.ok();
    assert_eq!(
        shop.digests("OTHER/x/app:1"),
        [amd64.digest.as_str(), &v7.digest, &attestation.digest]
    );
    assert!(!made.stderr.contains(&arm64.digest), "{made}");
    let raw = shop.raw("OTHER/x/app:1");
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.descriptor"]["digest"], digest(&raw));
    assert_eq!(metadata["containerimage.descriptor"]["size"], raw.len());
    assert_eq!(metadata["image.name"], format!("{}/x/app", shop.other.host()));
    // All of it is the index itself.
    shop.imagetools("create -t OTHER/x/app:3 -p linux/amd64 -p linux/arm64 -p linux/arm/v7 HOST/team/attested:1")
        .ok();
    assert_eq!(shop.raw("OTHER/x/app:3"), attested.index.manifest);
    for (line, words) in [
        (
            "-p linux/s390x HOST/team/attested:1",
            "none of the manifests match the provided platforms",
        ),
        (
            "-p linux/s390x --prefer-index=false HOST/team/app:amd64",
            "input platform linux/amd64 does not match any of the provided platforms",
        ),
    ] {
        let run = shop.imagetools(&format!("create -t OTHER/x/app:4 {line}")).fails(1);
        assert_eq!(run.stderr, format!("ERROR: {words}\n"), "{line}");
    }
    shop.imagetools("create -t OTHER/x/app:4 -p amd64 --prefer-index=false HOST/team/app:amd64")
        .ok();
    assert_eq!(digest(&shop.raw("OTHER/x/app:4")), shop.amd64.digest);
}

#[test]
fn mistakes_are_told_as_buildx_tells_them() {
    let shop = Shop::new();
    let host = shop.registry.host();
    for (line, words) in [
        ("create -t HOST/a:1", "no sources specified"),
        (
            "create HOST/team/app:amd64",
            "can't push with no tags specified, please set --tag or --dry-run",
        ),
        ("inspect HOST/team/app:nope", "HOST/team/app:nope: not found"),
        ("create -t HOST/a:1 HOST/nope:1", "HOST/nope:1: not found"),
        (
            "inspect --raw --format x HOST/team/app:1",
            "format and raw cannot be used together",
        ),
        (
            "create -t HOST/a:1 --annotation x=y HOST/team/app:amd64",
            "\"\" annotations are not supported yet",
        ),
    ] {
        let run = shop.imagetools(line).fails(1);
        assert_eq!(run.stderr.replace(&host, "HOST"), format!("ERROR: {words}\n"), "{line}");
    }
    // Nothing was named on the way.
    shop.sandbox.rdock(&["digest", &format!("{host}/a:1")]).fails(1);
}
