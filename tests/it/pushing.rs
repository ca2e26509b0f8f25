//! What `push` says: docker's lines, streams and exit codes.

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::registry::{Registry, free_port};
use crate::support::sandbox::Sandbox;

fn short(digest: &str) -> &str {
    &digest[7..19]
}

/// A sandbox that has an image of two layers as `HOST/team/web:v1`.
fn with_image(registry: &Registry) -> (Sandbox, Built, String) {
    let sandbox = Sandbox::new();
    let image = Image::new()
        .layer(Layer::files(2, 500))
        .layer(Layer::text("etc/motd", "hi\n"));
    let built = image.write(&sandbox.root().join("image"));
    registry.push("team/web", "v1", &built);
    let name = format!("{}/team/web:v1", registry.host());
    sandbox.rdock(&["pull", "-q", &name]).ok();
    (sandbox, built, name)
}

#[test]
fn push_tells_every_layer_from_the_top_down() {
    let registry = Registry::open();
    let (sandbox, built, name) = with_image(&registry);
    let other = Registry::open();
    let target = format!("{}/x/web:v1", other.host());
    sandbox.rdock(&["tag", &name, &target]).ok();
    let run = sandbox.rdock(&["push", &target]).ok();
    let ids: Vec<&str> = built.diff_ids.iter().map(|id| short(id)).collect();
    let told: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        told[0],
        format!("The push refers to repository [{}/x/web]", other.host())
    );
    assert_eq!(
        told[1..3],
        [format!("{}: Preparing", ids[1]), format!("{}: Preparing", ids[0])]
    );
    let mut pushed = told[3..5].to_vec();
    pushed.sort_unstable();
    let mut expected: Vec<String> = ids.iter().map(|id| format!("{id}: Pushed")).collect();
    expected.sort();
    assert_eq!(pushed, expected);
    let last = format!("v1: digest: {} size: {}", built.digest, built.manifest.len());
    assert_eq!(told[5..], [last], "{run}");
    assert_eq!(run.stderr, "");
    // The local tag gains the digest in the repository it went to. Docker shows none where a tag is asked for.
    let repository = target.trim_end_matches(":v1");
    let digests = sandbox.rdock(&["images", "--digests", repository]).ok();
    assert!(digests.stdout.contains(&built.digest), "{digests}");
}

#[test]
fn quiet_pushes_print_the_name_alone_and_all_tags_go_in_order() {
    let registry = Registry::open();
    let (sandbox, built, name) = with_image(&registry);
    let other = Registry::open();
    let target = format!("{}/x/web", other.host());
    for tag in ["v2", "latest", "v1"] {
        sandbox.rdock(&["tag", &name, &format!("{target}:{tag}")]).ok();
    }
    let one = format!("{target}:v1");
    assert_eq!(sandbox.rdock(&["push", "-q", &one]).ok().stdout, format!("{one}\n"));
    let all = sandbox.rdock(&["push", "-a", &target]).ok();
    let told: Vec<&str> = all
        .stdout
        .lines()
        .filter(|line| line.get(12..14) != Some(": "))
        .collect();
    let size = built.manifest.len();
    let end = |tag: &str| format!("{tag}: digest: {} size: {size}", built.digest);
    let header = format!("The push refers to repository [{target}]");
    assert_eq!(told, [header, end("latest"), end("v1"), end("v2")], "{all}");
    let quiet = sandbox.rdock(&["push", "--all-tags", "--quiet", &target]).ok();
    assert_eq!(quiet.stdout, format!("{target}\n"));
    assert_eq!(sandbox.rdock(&["tags", "-q", &target]).ok().stdout.lines().count(), 3);
}

#[test]
fn what_is_not_here_cannot_be_pushed() {
    let registry = Registry::open();
    let (sandbox, built, name) = with_image(&registry);
    let host = registry.host();
    let header = |path: &str| format!("The push refers to repository [{path}]\n");
    let web = format!("{host}/team/web");
    let default = "Using default tag: latest\n";
    let absent = |name: &str| format!("An image does not exist locally with the tag: {name}\n");
    let id = short(&built.config_digest);
    for (arguments, stdout, stderr) in [
        (
            vec!["nosuch"],
            format!("{default}{}", header("docker.io/library/nosuch")),
            absent("nosuch"),
        ),
        (vec!["nosuch:v1"], header("docker.io/library/nosuch"), absent("nosuch")),
        (vec!["-a", "a/nosuch"], header("docker.io/a/nosuch"), absent("a/nosuch")),
        (vec!["-q", "nosuch"], String::new(), absent("nosuch")),
        (
            vec![id],
            format!("{default}{}", header(&format!("docker.io/library/{id}"))),
            absent(id),
        ),
        (
            vec![&web],
            format!("{default}{}", header(&web)),
            format!("tag does not exist: {web}:latest\n"),
        ),
    ] {
        let run = sandbox.rdock(&[vec!["push"], arguments].concat()).fails(1);
        assert_eq!(run.stdout, stdout, "{run}");
        let message = run.stderr.lines().next().unwrap();
        assert_eq!(format!("{message}\n"), stderr, "{run}");
        let rest: Vec<&str> = run.stderr.lines().skip(1).collect();
        assert!(
            rest.len() <= 1 && rest.iter().all(|line| line.starts_with("hint: ")),
            "{run}"
        );
    }

    let refusing = format!("127.0.0.1:{}", free_port());
    let target = format!("{refusing}/x/web:v1");
    sandbox.rdock(&["tag", &name, &target]).ok();
    let run = sandbox.rdock(&["push", &target]).fails(1);
    assert!(run.stdout.starts_with(&header(&format!("{refusing}/x/web"))), "{run}");
    let words = format!("Get \"http://{refusing}/v2/\": dial tcp {refusing}: connect: connection refused\n");
    assert!(run.stderr.starts_with(&words), "{run}");
}

#[test]
fn a_registry_with_a_door_refuses_a_push_without_a_login() {
    let registry = Registry::open();
    let (sandbox, _, name) = with_image(&registry);
    let closed = Registry::htpasswd("alice", "s3cret-pw");
    let target = format!("{}/x/web:v1", closed.host());
    sandbox.rdock(&["tag", &name, &target]).ok();
    let run = sandbox.rdock(&["push", &target]).fails(1);
    let hint = format!("hint: {0} wants a login: rdock login {0}\n", closed.host());
    assert_eq!(run.stderr, format!("no basic auth credentials\n{hint}"), "{run}");
}
