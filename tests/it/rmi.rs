//! `rmi` over one small store, in docker's words and order.

use std::fs;

use crate::support::shelf::{NOTHING, Shelf, ZEROS, gone, short};

#[test]
fn rmi_by_name_keeps_the_image_until_its_last_name_goes() {
    let shelf = Shelf::new();
    let digest = format!("HOST/team/nginx@{}", shelf.new.digest);
    shelf.rdock(&["tag", "HOST/team/nginx", "HOST/team/nginx:1.15"]).ok();
    shelf.rdock(&["tag", "HOST/team/nginx", "nginx"]).ok();
    shelf.removes(&["HOST/team/nginx:1.15"], &gone(&["HOST/team/nginx:1.15"], None, 0));
    shelf.removes(
        &["HOST/team/nginx"],
        &gone(&["HOST/team/nginx:latest", &digest], None, 0),
    );
    // The base is the older image's too.
    shelf.removes(&["nginx"], &gone(&["nginx:latest"], Some(&shelf.new), 1));
    let old_digest = format!("HOST/team/nginx@{}", shelf.old.digest);
    shelf.removes(&[&old_digest], &gone(&[&old_digest], None, 0));
    shelf.removes(
        &["--no-prune", "HOST/team/nginx:1.14"],
        &gone(&["HOST/team/nginx:1.14"], Some(&shelf.old), 2),
    );
    assert_eq!(shelf.rows(&[]), [format!("HOST/hello:latest {}", short(&shelf.hello))]);
}

#[test]
fn rmi_by_id_wants_to_be_forced_when_there_are_several_names() {
    let shelf = Shelf::new();
    let id = short(&shelf.new);
    let digest = format!("HOST/team/nginx@{}", shelf.new.digest);
    let conflict =
        format!("conflict: unable to delete {id} (must be forced) - image is referenced in multiple repositories");
    shelf.rdock(&["tag", "HOST/team/nginx", "HOST/team/nginx:1.15"]).ok();
    shelf.fails(&["rmi", id], &conflict);
    shelf.rdock(&["rmi", "HOST/team/nginx:1.15"]).ok();
    shelf.rdock(&["tag", "HOST/team/nginx", "nginx"]).ok();
    shelf.fails(&["rmi", &id[..6]], &conflict);
    shelf.rdock(&["rmi", "nginx"]).ok();
    // One tag and its digest in one repository is clear enough.
    shelf.removes(
        &[&id[..8]],
        &gone(&["HOST/team/nginx:latest", &digest], Some(&shelf.new), 1),
    );

    let (old, whole) = (short(&shelf.old), shelf.old.config_digest.clone());
    let old_digest = format!("HOST/team/nginx@{}", shelf.old.digest);
    shelf.rdock(&["tag", old, "zz"]).ok();
    shelf.rdock(&["tag", old, "aa:2"]).ok();
    let names = ["HOST/team/nginx:1.14", &old_digest, "aa:2", "zz:latest"];
    shelf.removes(&["-f", &whole], &gone(&names, Some(&shelf.old), 2));
    let hello = shelf.hello.digest.clone();
    let by_digest = format!("HOST/hello@{hello}");
    shelf.rdock(&["tag", "HOST/hello", "keeps:1"]).ok();
    shelf.rdock(&["rmi", "HOST/hello:latest"]).ok();
    shelf.fails(
        &["rmi", &by_digest],
        &format!("No such image: {}@{hello}", format_args!("{}/hello", shelf.host)),
    );
    shelf.removes(
        &[&shelf.hello.config_digest],
        &gone(&["keeps:1"], Some(&shelf.hello), 1),
    );
    assert_eq!(shelf.rdock(&["images"]).ok().stdout, NOTHING);
}

#[test]
fn rmi_does_what_it_can_and_tells_the_rest_at_the_end() {
    let shelf = Shelf::new();
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
        shelf.fails(&["rmi", name], &stderr);
    }
    shelf.fails(
        &["rmi", "nosuch1", "nosuch2"],
        "No such image: nosuch1:latest\nNo such image: nosuch2:latest",
    );
    let forced = shelf.rdock(&["rmi", "-f", "nosuch1", "nosuch2"]).ok();
    assert_eq!(
        forced.stderr,
        "No such image: nosuch1:latest\nNo such image: nosuch2:latest\n"
    );
    shelf.fails(
        &["rmi", "-f", "nosuch", "Nginx"],
        &format!("No such image: nosuch:latest\n{lower}"),
    );

    let run = shelf
        .rdock(&["rmi", "nosuch", "HOST/hello", "HOST/hello", "HOST/team/nginx:1.14"])
        .fails(1);
    let said: Vec<String> = run
        .stdout
        .lines()
        .map(|line| line.replace(&shelf.host, "HOST"))
        .collect();
    let hello = format!("HOST/hello@{}", shelf.hello.digest);
    let old = format!("HOST/team/nginx@{}", shelf.old.digest);
    let mut expected = gone(&["HOST/hello:latest", &hello], Some(&shelf.hello), 1);
    expected.extend(gone(&["HOST/team/nginx:1.14", &old], Some(&shelf.old), 1));
    assert_eq!(said, expected);
    let errors: Vec<&str> = run.stderr.lines().filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(
        errors,
        [
            "No such image: nosuch:latest",
            &format!("No such image: {}/hello:latest", shelf.host)
        ]
    );
    assert_eq!(
        shelf.rows(&[]),
        [format!("HOST/team/nginx:latest {}", short(&shelf.new))]
    );
    // What nothing names any more is off the disk at once: manifest, config and two layers are left.
    let blobs = fs::read_dir(shelf.sandbox.store().join("blobs/sha256"))
        .unwrap()
        .count();
    assert_eq!(blobs, 4);
}
