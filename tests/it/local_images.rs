//! `images` and `tag` over one small store, in docker's words and order.

use crate::support::three_images::{NOTHING, ThreeImages, ZEROS, short};

#[test]
fn images_lists_the_newest_first_and_always_in_the_same_order() {
    let images = ThreeImages::new();
    for target in ["zz:1", "aa:2", "nginx:latest", "nginx:1.15"] {
        images.rdock(&["tag", "HOST/team/nginx", target]).ok();
    }
    let (new, old, hello) = (short(&images.new), short(&images.old), short(&images.hello));
    let expected = [
        format!("HOST/hello:latest {hello}"),
        format!("HOST/team/nginx:latest {new}"),
        format!("aa:2 {new}"),
        format!("nginx:1.15 {new}"),
        format!("nginx:latest {new}"),
        format!("zz:1 {new}"),
        format!("HOST/team/nginx:1.14 {old}"),
    ];
    for _ in 0..5 {
        assert_eq!(images.rows(&[]), expected);
    }
    let ids: Vec<String> = [hello, new, new, new, new, new, old]
        .map(|id| format!("{id}\n"))
        .to_vec();
    for flags in ["-q", "-aq", "-qa"] {
        assert_eq!(images.rdock(&["images", flags]).ok().stdout, ids.concat());
    }
    let whole = images.rdock(&["image", "ls", "-q", "--no-trunc", "HOST/hello"]).ok();
    assert_eq!(whole.stdout, format!("{}\n", images.hello.config_digest));
    let digests = images.rdock(&["images", "--digests", "*/*/nginx"]).ok().stdout;
    let line = digests.lines().nth(1).unwrap();
    assert!(
        line.contains(&format!("   latest    {}   {new}   ", images.new.digest)),
        "{digests}"
    );
    let unknown = images.rdock(&["images", "--digests", "zz"]).ok().stdout;
    assert!(unknown.contains("1         <none>    "), "{unknown}");
}

#[test]
fn images_takes_a_pattern_as_docker_does() {
    let images = ThreeImages::new();
    for (source, target) in [
        ("HOST/team/nginx", "nginx"),
        ("HOST/team/nginx", "nginx:1.15"),
        ("HOST/team/nginx:1.14", "nginx:1.14"),
    ] {
        images.rdock(&["tag", source, target]).ok();
    }
    let (new, old) = (short(&images.new), short(&images.old));
    let all = [
        format!("nginx:1.15 {new}"),
        format!("nginx:latest {new}"),
        format!("nginx:1.14 {old}"),
    ];
    for pattern in ["nginx", "nginx:*", "*", "ngin?", "[mn]ginx"] {
        assert_eq!(images.rows(&[pattern]), all, "{pattern}");
    }
    assert_eq!(images.rows(&["nginx:1.14"]), all[2..]);
    assert_eq!(images.rows(&["docker.io/library/nginx"]), all);
    assert_eq!(images.rows(&[""]).len(), 6);
    let below = [
        format!("HOST/team/nginx:latest {new}"),
        format!("HOST/team/nginx:1.14 {old}"),
    ];
    for pattern in ["*/*/*", "HOST/*/*", "HOST/team/nginx"] {
        assert_eq!(images.rows(&[pattern]), below, "{pattern}");
    }
    for pattern in [
        "nosuch",
        "Nginx",
        "docker.io/nginx",
        "library/nginx",
        "nginx:",
        new,
        &format!("nginx@{ZEROS}"),
    ] {
        let run = images.rdock(&["images", pattern]).ok();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (NOTHING, ""), "{run}");
    }
    let command = images.rdock(&["images", "ls"]).ok();
    assert_eq!(command.stdout, NOTHING);
    assert_eq!(
        command.stderr,
        "\nNo images found matching \"ls\": did you mean \"rdock image ls\"?\n"
    );
    images.fails(&["images", "["], "syntax error in pattern");
}

#[test]
fn tag_takes_any_way_to_say_which_image_and_moves_names_silently() {
    let images = ThreeImages::new();
    let (id, old) = (images.new.config_digest.clone(), short(&images.old).to_owned());
    let by_digest = format!("HOST/team/nginx@{}", images.new.digest);
    let prefix = format!("sha256:{}", short(&images.new));
    for source in [
        "HOST/team/nginx",
        &id,
        &id["sha256:".len()..],
        short(&images.new),
        &prefix,
        &by_digest,
    ] {
        let run = images.rdock(&["tag", source, "byid"]).ok();
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
        assert_eq!(images.rows(&["byid"]), [format!("byid:latest {}", short(&images.new))]);
        images.rdock(&["image", "tag", &old, "byid:latest"]).ok();
        assert_eq!(images.rows(&["byid"]), [format!("byid:latest {old}")]);
    }
    images.rdock(&["tag", "byid", "byid"]).ok();
    // The hello image loses its only tag, and what is left of its name is the digest it was pulled by.
    images.rdock(&["tag", "byid", "HOST/hello"]).ok();
    assert!(
        images
            .rows(&[])
            .contains(&format!("HOST/hello:<none> {}", short(&images.hello)))
    );
    for target in [
        "MyHost:5000/foo",
        "localhost/foo",
        "docker.io/foo",
        "index.docker.io/foo/bar:v2",
    ] {
        images.rdock(&["tag", "byid", target]).ok();
    }
    assert_eq!(images.rows(&["foo/bar:v2"]), [format!("foo/bar:v2 {old}")]);
}

#[test]
fn tag_refuses_what_docker_refuses_in_docker_s_words() {
    let images = ThreeImages::new();
    let hex = "a".repeat(64);
    let invalid =
        |name: &str, why: &str| format!("Error parsing reference: {name:?} is not a valid repository/tag: {why}");
    let format = "invalid reference format";
    for (source, target, stderr) in [
        ("nosuch", "foo", "No such image: nosuch:latest".to_owned()),
        ("nosuch:v1", "foo", "No such image: nosuch:v1".to_owned()),
        ("deadbeef", "foo", "No such image: deadbeef:latest".to_owned()),
        (
            &format!("nosuch@{ZEROS}"),
            "foo",
            format!("No such image: nosuch@{ZEROS}"),
        ),
        (
            "HOST/hello",
            "Foo/Bar",
            invalid(
                "Foo/Bar",
                "invalid reference format: repository name (Bar) must be lowercase",
            ),
        ),
        (
            "Nginx",
            "foo",
            invalid(
                "Nginx",
                "invalid reference format: repository name (library/Nginx) must be lowercase",
            ),
        ),
        ("HOST/hello", "foo:bad/tag", invalid("foo:bad/tag", format)),
        ("HOST/hello", "foo:", invalid("foo:", format)),
        ("HOST/hello", "-x", invalid("-x", format)),
        ("HOST/hello", "", invalid("", format)),
        ("", "x", invalid("", format)),
        (
            "HOST/hello",
            "http://example.com/foo",
            invalid("http://example.com/foo", format),
        ),
        (
            "HOST/hello",
            &format!("foo@{ZEROS}"),
            "refusing to create a tag with a digest reference".to_owned(),
        ),
        (
            "HOST/hello",
            "sha256:abc",
            "refusing to create an ambiguous tag using digest algorithm as name".to_owned(),
        ),
        (
            "HOST/hello",
            &hex,
            invalid(
                &hex,
                &format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings"),
            ),
        ),
    ] {
        images.fails(&["tag", source, target], &stderr);
    }
    assert_eq!(images.rows(&[]).len(), 3);
}
