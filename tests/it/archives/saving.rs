//! `save`: docker's rules and words, the same bytes every time, nothing left on an error.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::archive_maker::{ArchiveMaker, image};
use crate::support::process::Run;
use crate::support::terminal::Terminal;

#[track_caller]
fn list(maker: &ArchiveMaker, archive: &str, document: &str) -> serde_json::Value {
    let run = maker.sandbox.run("tar", &["xOf", archive, document]).ok();
    serde_json::from_slice(&run.bytes).unwrap()
}

fn refused(run: Run, words: &str) {
    let run = run.fails(1);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("", format!("{words}\n").as_str()),
        "{run}"
    );
}

#[test]
fn an_archive_is_a_layout_with_the_exact_blobs_and_has_docker_s_manifest_json() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("nginx:1.14", &image(1));
    maker.sandbox.rdock(&["tag", "nginx:1.14", "nginx:old"]).ok();
    let other = maker.stock("nginx:latest", &image(2));
    let archive = maker.save("a.tar", &["nginx"]);

    let index = list(&maker, &archive, "index.json");
    let entries: Vec<_> = index["manifests"].as_array().unwrap().iter().collect();
    let names: Vec<_> = entries
        .iter()
        .map(|it| {
            (
                it["digest"].as_str().unwrap(),
                it["annotations"]["io.containerd.image.name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            (built.digest.as_str(), "docker.io/library/nginx:1.14"),
            (built.digest.as_str(), "docker.io/library/nginx:old"),
            (other.digest.as_str(), "docker.io/library/nginx:latest"),
        ]
    );
    assert_eq!(entries[0]["annotations"]["org.opencontainers.image.ref.name"], "1.14");
    let items = list(&maker, &archive, "manifest.json");
    assert_eq!(items[0]["RepoTags"], serde_json::json!(["nginx:1.14", "nginx:old"]));
    assert_eq!(
        items[0]["Config"],
        built.config_digest.replace("sha256:", "blobs/sha256/")
    );
    for image in [&built, &other] {
        let blobs = image
            .layers
            .iter()
            .map(|it| &it.digest)
            .chain([&image.digest, &image.config_digest]);
        for digest in blobs {
            let run = maker
                .sandbox
                .run("tar", &["xOf", &archive, &digest.replace("sha256:", "blobs/sha256/")])
                .ok();
            assert_eq!(&crate::support::layer::digest(&run.bytes), digest);
        }
    }
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);

    // By ID there are no tags; the same bytes come out of a pipe and of another store.
    let by_id = maker.save("b.tar", &[&built.config_digest["sha256:".len()..][..12]]);
    assert_eq!(
        list(&maker, &by_id, "manifest.json")[0]["RepoTags"],
        serde_json::Value::Null
    );
    let piped = maker.sandbox.rdock(&["image", "save", "nginx"]).ok();
    assert_eq!(piped.bytes, fs::read(&archive).unwrap());
    let far = crate::support::sandbox::Sandbox::new();
    far.rdock(&["load", "-i", &archive]).ok();
    assert_eq!(far.rdock(&["save", "nginx"]).ok().bytes, piped.bytes);
    // Several names of one image, one of them twice: one entry a name.
    let twice = maker.save("c.tar", &["nginx:old", "nginx:1.14", "nginx:old", &built.config_digest]);
    let items = list(&maker, &twice, "manifest.json");
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["RepoTags"], serde_json::json!(["nginx:old", "nginx:1.14"]));
}

#[test]
fn save_refuses_what_docker_refuses_and_leaves_nothing() {
    let maker = ArchiveMaker::new();
    let built = maker.stock("nginx:latest", &image(3));
    let save = |arguments: &[&str]| maker.sandbox.rdock(&[&["save"], arguments].concat());
    let zeros = format!("sha256:{}", "0".repeat(64));
    refused(save(&["nosuch"]), "No such image: nosuch");
    refused(save(&["nginx", "nosuch", "-o", "d.tar"]), "No such image: nosuch");
    refused(save(&["nosuch:1"]), "reference does not exist");
    refused(
        save(&["nginx:1"]),
        "reference does not exist\nhint: there is nginx:latest; rdock images lists all",
    );
    let near = "\nhint: there is nginx:latest; rdock images lists all";
    refused(
        save(&[&format!("nginx@{zeros}")]),
        &format!("reference does not exist{near}"),
    );
    refused(save(&[&zeros]), &format!("No such image: {zeros}"));
    refused(
        save(&["Nginx"]),
        "invalid reference format: repository name must be lowercase",
    );
    refused(save(&["nginx:"]), "invalid reference format");
    let stat = "failed to save image: invalid output path: stat /nosuchdir: no such file or directory";
    refused(save(&["-o", "/nosuchdir/x.tar", "nginx"]), stat);
    refused(
        save(&["-o", "/tmp", "nginx"]),
        "failed to save image: cannot write to a directory",
    );
    // Never a device of this machine: the tests run as root.
    let (pipe, link) = (maker.path("pipe"), maker.path("link"));
    maker.sandbox.run("mkfifo", &[pipe.to_str().unwrap()]).ok();
    std::os::unix::fs::symlink("elsewhere", &link).unwrap();
    let is_pipe = "failed to save image: cannot write to a named pipe (FIFO)";
    refused(save(&["-o", pipe.to_str().unwrap(), "nginx"]), is_pipe);
    let is_link = "failed to save image: cannot write to a symbolic link directly";
    refused(save(&["-o", link.to_str().unwrap(), "nginx"]), is_link);
    let absent = "image with reference nginx was found but does not provide the specified platform (linux/s390x)";
    refused(save(&["--platform", "linux/s390x", "nginx"]), absent);

    let mut terminal = Terminal::start(&maker.sandbox.command(&["save", "nginx"]), 80, 24);
    let ends = terminal.finish();
    let said = "cowardly refusing to save to a terminal. Use the -o flag or redirect\r\n";
    assert_eq!((ends.code, String::from_utf8(ends.output).unwrap().as_str()), (1, said));

    // A blob that is not what it should be: no archive, and the old one stays.
    let old = maker.save("old.tar", &["nginx"]);
    let bytes = fs::read(&old).unwrap();
    let blob = maker
        .sandbox
        .store()
        .join(built.layers[0].digest.replace("sha256:", "blobs/sha256/"));
    let mut layer = fs::read(&blob).unwrap();
    layer[10] ^= 1;
    fs::write(&blob, layer).unwrap();
    let run = save(&["nginx", "-o", &old]).fails(1);
    assert!(
        run.stderr.contains(&built.layers[0].digest) && run.stderr.contains("damaged"),
        "{run}"
    );
    assert_eq!(fs::read(&old).unwrap(), bytes);
    let left = fs::read_dir(maker.sandbox.root())
        .unwrap()
        .chain(fs::read_dir(maker.sandbox.home()).unwrap());
    let names: Vec<String> = left
        .map(|it| it.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        !names.iter().any(|name| name.starts_with(".tmp") || name == "d.tar"),
        "{names:?}"
    );
}
