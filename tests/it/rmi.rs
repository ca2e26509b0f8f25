//! `rmi` over one small store, in docker's words and order.

use std::fs;

use crate::support::three_images::{NOTHING, ThreeImages, ZEROS, gone, short};

#[test]
fn rmi_by_name_keeps_the_image_until_its_last_name_goes() {
    let images = ThreeImages::new();
    let digest = format!("HOST/team/nginx@{}", images.new.digest);
    images.rdock(&["tag", "HOST/team/nginx", "HOST/team/nginx:1.15"]).ok();
    images.rdock(&["tag", "HOST/team/nginx", "nginx"]).ok();
    images.removes(&["HOST/team/nginx:1.15"], &gone(&["HOST/team/nginx:1.15"], None, 0));
    images.removes(
        &["HOST/team/nginx"],
        &gone(&["HOST/team/nginx:latest", &digest], None, 0),
    );
    // The base is the older image's too.
    images.removes(&["nginx"], &gone(&["nginx:latest"], Some(&images.new), 1));
    let old_digest = format!("HOST/team/nginx@{}", images.old.digest);
    images.removes(&[&old_digest], &gone(&[&old_digest], None, 0));
    images.removes(
        &["--no-prune", "HOST/team/nginx:1.14"],
        &gone(&["HOST/team/nginx:1.14"], Some(&images.old), 2),
    );
    assert_eq!(
        images.rows(&[]),
        [format!("HOST/hello:latest {}", short(&images.hello))]
    );
}

#[test]
fn rmi_by_id_wants_to_be_forced_when_there_are_several_names() {
    let images = ThreeImages::new();
    let id = short(&images.new);
    let digest = format!("HOST/team/nginx@{}", images.new.digest);
    let conflict =
        format!("conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories");
    images.rdock(&["tag", "HOST/team/nginx", "HOST/team/nginx:1.15"]).ok();
    images.fails(&["rmi", id], &conflict);
    images.rdock(&["rmi", "HOST/team/nginx:1.15"]).ok();
    images.rdock(&["tag", "HOST/team/nginx", "nginx"]).ok();
    images.fails(&["rmi", &id[..6]], &conflict);
    images.rdock(&["rmi", "nginx"]).ok();
    // One tag and its digest in one repository is clear enough.
    images.removes(
        &[&id[..8]],
        &gone(&["HOST/team/nginx:latest", &digest], Some(&images.new), 1),
    );

    let (old, whole) = (short(&images.old), images.old.config_digest.clone());
    let old_digest = format!("HOST/team/nginx@{}", images.old.digest);
    images.rdock(&["tag", old, "zz"]).ok();
    images.rdock(&["tag", old, "aa:2"]).ok();
    let names = ["HOST/team/nginx:1.14", &old_digest, "aa:2", "zz:latest"];
    images.removes(&["-f", &whole], &gone(&names, Some(&images.old), 2));
    let hello = images.hello.digest.clone();
    let by_digest = format!("HOST/hello@{hello}");
    images.rdock(&["tag", "HOST/hello", "keeps:1"]).ok();
    images.rdock(&["rmi", "HOST/hello:latest"]).ok();
    images.fails(
        &["rmi", &by_digest],
        &format!("No such image: {}@{hello}", format_args!("{}/hello", images.host)),
    );
    images.removes(
        &[&images.hello.config_digest],
        &gone(&["keeps:1"], Some(&images.hello), 1),
    );
    assert_eq!(images.rdock(&["images"]).ok().stdout, NOTHING);
}

#[test]
fn rmi_does_what_it_can_and_tells_the_rest_at_the_end() {
    let images = ThreeImages::new();
    let lower = "invalid reference format: repository name must be lowercase";
    for (name, stderr) in [
        ("nosuch", "No such image: nosuch:latest".to_owned()),
        ("nosuch:v1", "No such image: nosuch:v1".to_owned()),
        ("Nginx", lower.to_owned()),
        ("nginx:", "invalid reference format".to_owned()),
        ("", "invalid reference format".to_owned()),
        ("deadbeef", "No such image: deadbeef:latest".to_owned()),
        (ZEROS, format!("No such image: {ZEROS}")),
        (&ZEROS["sha256:".len()..], format!("No such image: {ZEROS}")),
        (&format!("nosuch@{ZEROS}"), format!("No such image: nosuch@{ZEROS}")),
    ] {
        images.fails(&["rmi", name], &stderr);
    }
    images.fails(
        &["rmi", "nosuch1", "nosuch2"],
        "No such image: nosuch1:latest\nNo such image: nosuch2:latest",
    );
    let forced = images.rdock(&["rmi", "-f", "nosuch1", "nosuch2"]).ok();
    assert_eq!(
        forced.stderr,
        "No such image: nosuch1:latest\nNo such image: nosuch2:latest\n"
    );
    images.fails(
        &["rmi", "-f", "nosuch", "Nginx"],
        &format!("No such image: nosuch:latest\n{lower}"),
    );

    let run = images
        .rdock(&["rmi", "nosuch", "HOST/hello", "HOST/hello", "HOST/team/nginx:1.14"])
        .fails(1);
    let said: Vec<String> = run
        .stdout
        .lines()
        .map(|line| line.replace(&images.host, "HOST"))
        .collect();
    let hello = format!("HOST/hello@{}", images.hello.digest);
    let old = format!("HOST/team/nginx@{}", images.old.digest);
    let mut expected = gone(&["HOST/hello:latest", &hello], Some(&images.hello), 1);
    expected.extend(gone(&["HOST/team/nginx:1.14", &old], Some(&images.old), 1));
    assert_eq!(said, expected);
    let errors: Vec<&str> = run.stderr.lines().filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(
        errors,
        [
            "No such image: nosuch:latest",
            &format!("No such image: {}/hello:latest", images.host)
        ]
    );
    assert_eq!(
        images.rows(&[]),
        [format!("HOST/team/nginx:latest {}", short(&images.new))]
    );
    // What nothing names any more is off the disk at once: manifest, config and two layers are left.
    let blobs = fs::read_dir(images.sandbox.store().join("blobs/sha256"))
        .unwrap()
        .count();
    assert_eq!(blobs, 4);
}
