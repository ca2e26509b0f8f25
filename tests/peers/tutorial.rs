//! The registry tutorial from its first line to its last, with docker's own words on the screen.

use std::path::Path;

use crate::support::authority::Authority;
use crate::support::hub::Hub;
use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// An image of files large and small, Docker-typed as the tutorial's nginx is.
fn nginx(folder: &Path) -> Built {
    Image::new()
        .docker()
        .layer(Layer::files(40, 20_000))
        .layer(Layer::text("etc/nginx/nginx.conf", "daemon off;\n"))
        .layer(Layer::files(3, 500))
        .config(serde_json::json!({"Cmd": ["nginx", "-g", "daemon off;"]}))
        .write(folder)
}

/// Docker's short ID of a digest.
fn short(digest: &str) -> &str {
    &digest[7..19]
}

/// Sorts the lines of a transfer, whose order is its own business, leaving the rest in place.
fn layer_lines(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output
        .lines()
        .filter(|line| line.get(12..14) == Some(": ") && line.bytes().take(12).all(|b| b.is_ascii_hexdigit()))
        .collect();
    lines.sort_unstable();
    lines
}

fn other_lines(output: &str) -> Vec<&str> {
    let layers = layer_lines(output);
    output.lines().filter(|line| !layers.contains(line)).collect()
}

/// The tutorial, with `host/` in front of each name. `image` is at `host/library/nginx:latest`.
fn tutorial(sandbox: &Sandbox, host: &str, image: &Built, other: &Registry) {
    let id = short(&image.config_digest);
    let name = |rest: &str| format!("{host}/{rest}");

    let pulled = sandbox.rdock(&["pull", &name("library/nginx")]).ok();
    let digest = &image.digest;
    assert_eq!(
        other_lines(&pulled.stdout),
        [
            "Using default tag: latest",
            "latest: Pulling from library/nginx",
            &format!("Digest: {digest}"),
            &format!("Status: Downloaded newer image for {host}/library/nginx:latest"),
            &format!("{host}/library/nginx:latest"),
        ]
    );
    for layer in &image.layers {
        let id = short(&layer.digest);
        for word in ["Pulling fs layer", "Download complete", "Pull complete"] {
            assert!(
                pulled.stdout.contains(&format!("{id}: {word}\n")),
                "{id}: {word}\n{pulled}"
            );
        }
    }

    let images = sandbox.rdock(&["images"]).ok();
    let row = images.stdout.lines().nth(1).unwrap();
    assert!(images.stdout.starts_with("REPOSITORY "), "{images}");
    let cells: Vec<&str> = row
        .split("   ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(cells[..3], [&name("library/nginx"), "latest", id], "{images}");

    sandbox
        .rdock(&["tag", &name("library/nginx"), &name("feiben/nginx:1.17.5")])
        .ok();
    let mounted = sandbox.rdock(&["push", &name("feiben/nginx:1.17.5")]).ok();
    assert_eq!(
        other_lines(&mounted.stdout),
        [
            format!("The push refers to repository [{host}/feiben/nginx]"),
            format!("1.17.5: digest: {digest} size: {}", image.manifest.len()),
        ]
    );
    for diff_id in &image.diff_ids {
        let line = format!("{}: Mounted from library/nginx\n", short(diff_id));
        assert!(mounted.stdout.contains(&line), "{line}{mounted}");
    }

    let elsewhere = format!("{}/nginx:latest", other.host());
    sandbox.rdock(&["tag", &name("library/nginx"), &elsewhere]).ok();
    let pushed = sandbox.rdock(&["push", &elsewhere]).ok();
    let again = sandbox.rdock(&["push", &elsewhere]).ok();
    for diff_id in &image.diff_ids {
        let id = short(diff_id);
        assert!(pushed.stdout.contains(&format!("{id}: Preparing\n")), "{pushed}");
        assert!(pushed.stdout.contains(&format!("{id}: Pushed\n")), "{pushed}");
        assert!(
            again.stdout.contains(&format!("{id}: Layer already exists\n")),
            "{again}"
        );
    }
    let last = format!("latest: digest: {digest} size: {}\n", image.manifest.len());
    assert!(
        pushed.stdout.ends_with(&last) && again.stdout.ends_with(&last),
        "{pushed}{again}"
    );

    let catalog = sandbox.rdock(&["catalog", host]).ok();
    assert_eq!(
        catalog.stdout,
        format!("REPOSITORY\n{host}/feiben/nginx\n{host}/library/nginx\n")
    );
    let tags = sandbox.rdock(&["tags", &name("feiben/nginx")]).ok();
    assert_eq!(tags.stdout, "TAG\n1.17.5\n");
    let found = sandbox.rdock(&["search", &name("ngi")]).ok();
    assert!(found.stdout.starts_with("NAME "), "{found}");
    assert!(found.stdout.contains(&format!("\n{host}/library/nginx ")), "{found}");

    let untagged = sandbox.rdock(&["rmi", &elsewhere]).ok();
    assert_eq!(
        untagged.stdout,
        format!("Untagged: {elsewhere}\nUntagged: {}/nginx@{digest}\n", other.host())
    );
    sandbox.rdock(&["rmi", &name("feiben/nginx:1.17.5")]).ok();
    let deleted = sandbox.rdock(&["rmi", &name("library/nginx")]).ok();
    let lines: Vec<&str> = deleted.stdout.lines().collect();
    assert_eq!(lines[0], format!("Untagged: {host}/library/nginx:latest"));
    assert_eq!(lines[1], format!("Untagged: {host}/library/nginx@{digest}"));
    assert_eq!(lines[2], format!("Deleted: {}", image.config_digest));
    assert_eq!(lines.len(), 3 + image.layers.len(), "{deleted}");
    assert_eq!(*lines.last().unwrap(), format!("Deleted: {}", image.diff_ids[0]));
    let images = sandbox.rdock(&["images"]).ok();
    assert_eq!(images.stdout, "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");

    let full = name("library/nginx:latest");
    sandbox.rdock(&["pull", &full]).ok();
    let up_to_date = sandbox.rdock(&["pull", &full]).ok();
    assert_eq!(
        up_to_date.stdout,
        format!(
            "latest: Pulling from library/nginx\nDigest: {digest}\nStatus: Image is up to date for {full}\n{full}\n"
        )
    );
}

#[test]
fn the_tutorial_runs_over_plain_http() {
    let (sandbox, registry, other) = (Sandbox::new(), Registry::open(), Registry::open());
    let image = nginx(&sandbox.root().join("image"));
    registry.push("library/nginx", "latest", &image);
    tutorial(&sandbox, &registry.host(), &image, &other);
}

#[test]
fn the_tutorial_runs_behind_a_password() {
    let (sandbox, other) = (Sandbox::new(), Registry::open());
    let registry = Registry::htpasswd("alice", "s3cret-pw");
    let image = nginx(&sandbox.root().join("image"));
    registry.push("library/nginx", "latest", &image);
    let host = registry.host();

    let refused = sandbox.rdock(&["pull", &format!("{host}/library/nginx")]).fails(1);
    assert_eq!(
        refused.stderr,
        format!(
            "Head \"http://{host}/v2/library/nginx/manifests/latest\": no basic auth credentials\n\
             hint: {host} wants a login: rdock login {host}\n"
        )
    );
    let wrong = sandbox.rdock_stdin(&["login", "-u", "alice", "--password-stdin", &host], "nonsense");
    assert!(
        wrong.stderr.starts_with(&format!(
            "login attempt to http://{host}/v2/ failed with status: 401 Unauthorized\n"
        )),
        "{wrong}"
    );
    assert!(
        !sandbox.config_path().exists(),
        "nothing is stored before the server agrees"
    );
    assert_eq!(wrong.code, 1);

    let login = sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin", &host], "s3cret-pw\n")
        .ok();
    assert_eq!(login.stdout, "Login Succeeded\n");
    tutorial(&sandbox, &host, &image, &other);
    let logout = sandbox.rdock(&["logout", &host]).ok();
    assert_eq!(logout.stdout, format!("Removing login credentials for {host}\n"));
    sandbox
        .rdock(&["pull", &format!("{host}/feiben/nginx:1.17.5")])
        .fails(1);
}

#[test]
fn the_tutorial_runs_over_tls_from_a_private_authority() {
    let (sandbox, other) = (Sandbox::new(), Registry::open());
    let authority = Authority::new();
    let registry = Registry::tls_htpasswd(&authority, "alice", "s3cret-pw");
    let image = nginx(&sandbox.root().join("image"));
    registry.push("library/nginx", "latest", &image);
    let host = registry.host();
    let folder = sandbox.home().join(".config/docker/certs.d").join(&host);
    std::fs::create_dir_all(&folder).unwrap();
    authority.pem_file(&folder);
    sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin", &host], "s3cret-pw")
        .ok();
    tutorial(&sandbox, &host, &image, &other);
    sandbox.rdock(&["logout", &host]).ok();
}

#[test]
fn the_tutorial_runs_on_docker_hub_without_a_host() {
    let hub = Hub::new();
    let mut sandbox = Sandbox::new();
    hub.internet().apply(&mut sandbox);
    let index = Index::multi_platform().write(&sandbox.root().join("image"));
    hub.seed("library/nginx", "latest", &index);
    let image = &index.children[0];
    let login = sandbox
        .rdock_stdin(&["login", "-u", "alice", "--password-stdin"], "s3cret-pw")
        .ok();
    assert_eq!(login.stdout, "Login Succeeded\n");
    let config = std::fs::read_to_string(sandbox.config_path()).unwrap();
    assert!(config.contains("\"https://index.docker.io/v1/\""), "{config}");

    let pulled = sandbox.rdock(&["pull", "nginx"]).ok();
    assert_eq!(
        other_lines(&pulled.stdout),
        [
            "Using default tag: latest",
            "latest: Pulling from library/nginx",
            &format!("Digest: {}", index.digest),
            "Status: Downloaded newer image for nginx:latest",
            "docker.io/library/nginx:latest",
        ]
    );
    let images = sandbox.rdock(&["images", "--digests"]).ok();
    assert!(images.stdout.contains(&index.digest), "{images}");
    assert!(images.stdout.contains(short(&image.config_digest)), "{images}");

    sandbox.rdock(&["tag", "nginx", "alice/nginx:1.17.5"]).ok();
    let pushed = sandbox.rdock(&["push", "alice/nginx:1.17.5"]).ok();
    let first = "The push refers to repository [docker.io/alice/nginx]\n";
    let last = format!("1.17.5: digest: {} size: {}\n", image.digest, image.manifest.len());
    assert!(
        pushed.stdout.starts_with(first) && pushed.stdout.ends_with(&last),
        "{pushed}"
    );
    assert!(pushed.stdout.contains("Mounted from library/nginx"), "{pushed}");

    let tags = sandbox.rdock(&["tags", "nginx"]).ok();
    assert_eq!(tags.stdout, "TAG\nlatest\n");
    let found = sandbox.rdock(&["search", "nginx"]).ok();
    let header: Vec<&str> = found.stdout.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "DESCRIPTION", "STARS", "OFFICIAL", "AUTOMATED"]);
    let official = found.stdout.lines().find(|line| line.starts_with("nginx ")).unwrap();
    assert!(
        official.contains("Official build of Nginx.") && official.contains("[OK]"),
        "{found}"
    );

    let up_to_date = sandbox.rdock(&["pull", "nginx:latest"]).ok();
    assert!(
        up_to_date
            .stdout
            .contains("Status: Image is up to date for nginx:latest\n"),
        "{up_to_date}"
    );
    let untagged = sandbox.rdock(&["rmi", "nginx"]).ok();
    assert_eq!(
        untagged.stdout,
        format!("Untagged: nginx:latest\nUntagged: nginx@{}\n", index.digest)
    );
    let logout = sandbox.rdock(&["logout"]).ok();
    assert_eq!(
        logout.stdout,
        "Removing login credentials for https://index.docker.io/v1/\n"
    );

    let basic: Vec<String> = hub
        .authorizations()
        .into_iter()
        .filter(|(_, header)| header.starts_with("Basic "))
        .map(|(host, _)| host)
        .collect();
    assert!(
        !basic.is_empty() && basic.iter().all(|host| host.starts_with("auth.docker.io")),
        "{basic:?}"
    );
    assert_eq!(hub.internet().refused(), Vec::<String>::new());
}
