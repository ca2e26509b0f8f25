//! What `pull` says and leaves behind: docker's lines, streams and exit codes.

use crate::support::image::{Built, Image};
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::registry::{Registry, free_port};
use crate::support::sandbox::Sandbox;

fn short(digest: &str) -> &str {
    &digest[7..19]
}

/// The lines without the checksum ones, which docker drops at times.
fn lines(run: &Run) -> Vec<&str> {
    let told = run.stdout.lines();
    told.filter(|line| !line.ends_with(": Verifying Checksum")).collect()
}

/// The `IMAGE ID`, repository and tag of each row.
fn rows(sandbox: &Sandbox) -> Vec<[String; 3]> {
    let images = sandbox.rdock(&["images"]).ok();
    let cells = |line: &str| {
        let mut cells = line.split_whitespace().map(str::to_owned);
        let [repository, tag, id] = std::array::from_fn(|_| cells.next().unwrap());
        [id, repository, tag]
    };
    let mut rows: Vec<_> = images.stdout.lines().skip(1).map(cells).collect();
    rows.sort();
    rows
}

struct Shop {
    sandbox: Sandbox,
    registry: Registry,
}

impl Shop {
    fn new() -> Self {
        Self {
            sandbox: Sandbox::new(),
            registry: Registry::open(),
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    fn image(&self, repository: &str, tag: &str, image: &Image) -> Built {
        let folder = self.sandbox.root().join(format!("{:016x}", fastrand::u64(..)));
        let built = image.write(&folder);
        self.registry.push(repository, tag, &built);
        built
    }

    fn pull(&self, arguments: &[&str]) -> Run {
        self.sandbox.rdock(&[&["pull"], arguments].concat())
    }

    /// Pulls, and expects these lines and nothing on stderr.
    #[track_caller]
    fn assert_pulls(&self, arguments: &[&str], expected: &[&str]) {
        let run = self.pull(arguments).ok();
        assert_eq!(lines(&run), expected, "{run}");
        assert_eq!(run.stderr, "", "{run}");
    }

    #[track_caller]
    fn assert_refused(&self, arguments: &[&str], stdout: &str, stderr: &str) {
        let run = self.pull(arguments).fails(1);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (stdout, stderr), "{run}");
    }
}

fn image(seeds: &[u64]) -> Image {
    let layers = seeds.iter().map(|seed| Layer::seeded(*seed, 2, 500));
    layers.fold(Image::new(), Image::layer)
}

#[test]
fn layers_that_are_here_from_the_base_up_already_exist() {
    let shop = Shop::new();
    shop.image("team/a", "latest", &image(&[1, 2]));
    let other = shop.image("team/b", "latest", &image(&[1, 3]));
    let upside_down = shop.image("team/c", "latest", &image(&[4, 1]));
    let same = shop.image("team/d", "v1", &image(&[1, 2]));
    shop.pull(&["-q", &shop.name("team/a")]).ok();

    let (base, top) = (short(&other.layers[0].digest), short(&other.layers[1].digest));
    let name = shop.name("team/b:latest");
    shop.assert_pulls(
        &[&name],
        &[
            "latest: Pulling from team/b",
            &format!("{base}: Already exists"),
            &format!("{top}: Pulling fs layer"),
            &format!("{top}: Download complete"),
            &format!("{top}: Pull complete"),
            &format!("Digest: {}", other.digest),
            &format!("Status: Downloaded newer image for {name}"),
            &name,
        ],
    );
    // What lies on a layer that is missing is pulled with it, as docker shows it.
    let run = shop.pull(&[&shop.name("team/c")]).ok();
    assert!(!run.stdout.contains("Already exists"), "{run}");
    let base = short(&upside_down.layers[1].digest);
    assert!(run.stdout.contains(&format!("{base}: Pulling fs layer\n")), "{run}");
    assert!(run.stdout.contains(&format!("{base}: Pull complete\n")), "{run}");

    // The whole image under another name: no layer lines at all.
    let name = shop.name("team/d:v1");
    let digest = format!("Digest: {}", same.digest);
    let newer = format!("Status: Downloaded newer image for {name}");
    shop.assert_pulls(&[&name], &["v1: Pulling from team/d", &digest, &newer, &name]);
    let up_to_date = format!("Status: Image is up to date for {name}");
    shop.assert_pulls(&[&name], &["v1: Pulling from team/d", &digest, &up_to_date, &name]);
}

#[test]
fn a_pull_by_digest_makes_no_tag() {
    let shop = Shop::new();
    let built = shop.image("team/web", "v1", &image(&[1]));
    let name = shop.name("team/web");
    let at = format!("{name}@{}", built.digest);
    for (typed, status) in [
        (at.clone(), "Downloaded newer image for"),
        (at.clone(), "Image is up to date for"),
        (format!("{name}:nosuchtag@{}", built.digest), "Image is up to date for"),
    ] {
        let run = shop.pull(&[&typed]).ok();
        let told = lines(&run);
        assert_eq!(told[0], format!("{at}: Pulling from team/web"), "{run}");
        let end = [
            format!("Digest: {}", built.digest),
            format!("Status: {status} {at}"),
            typed.clone(),
        ];
        assert_eq!(told[told.len() - 3..], end, "{run}");
        assert_eq!(shop.pull(&["-q", &typed]).ok().stdout, format!("{typed}\n"));
    }
    let id = short(&built.config_digest).to_owned();
    assert_eq!(rows(&shop.sandbox), [[id.clone(), name.clone(), "<none>".to_owned()]]);
    shop.pull(&["-q", &format!("{name}:v1")]).ok();
    assert_eq!(rows(&shop.sandbox), [[id.clone(), name.clone(), "v1".to_owned()]]);
    let removed = shop.sandbox.rdock(&["rmi", &at]).ok();
    assert_eq!(removed.stdout, format!("Untagged: {at}\n"));
    let removed = shop.sandbox.rdock(&["rmi", &format!("{name}:v1")]).ok();
    assert!(
        removed
            .stdout
            .starts_with(&format!("Untagged: {name}:v1\nDeleted: {}\n", built.config_digest)),
        "{removed}"
    );

    let missing = format!("{name}@sha256:{}", "0".repeat(64));
    let words = format!("manifest for {missing} not found: manifest unknown: manifest unknown\n");
    shop.assert_refused(&[&missing], "", &words);
}

#[test]
fn a_tag_moves_and_the_old_image_stays() {
    let shop = Shop::new();
    let old = shop.image("team/web", "latest", &image(&[1, 2]));
    let name = shop.name("team/web");
    shop.pull(&[&name]).ok();
    let new = shop.image("team/web", "latest", &image(&[1, 3]));
    let run = shop.pull(&[&name]).ok();
    assert!(
        run.stdout
            .contains(&format!("Status: Downloaded newer image for {name}:latest\n")),
        "{run}"
    );
    let row = |built: &Built, tag: &str| [short(&built.config_digest).to_owned(), name.clone(), tag.to_owned()];
    let mut expected = [row(&old, "<none>"), row(&new, "latest")];
    expected.sort();
    assert_eq!(rows(&shop.sandbox), expected);
}

#[test]
fn all_tags_come_with_one_status() {
    let shop = Shop::new();
    let one = shop.image("team/web", "1.0", &image(&[1]));
    let two = shop.image("team/web", "2.0", &image(&[2]));
    let name = shop.name("team/web");
    let run = shop.pull(&["-a", &name]).ok();
    let told: Vec<&str> = lines(&run)
        .into_iter()
        .filter(|line| line.get(12..14) != Some(": "))
        .collect();
    let block = |tag: &str, built: &Built| {
        [
            format!("{tag}: Pulling from team/web"),
            format!("Digest: {}", built.digest),
        ]
    };
    // The blocks come in the registry's order.
    let mut blocks = [block("1.0", &one), block("2.0", &two)];
    if told[0].starts_with("2.0") {
        blocks.reverse();
    }
    let mut expected = blocks.concat();
    expected.extend([format!("Status: Downloaded newer image for {name}"), name.clone()]);
    assert_eq!(told, expected, "{run}");
    let again = shop.pull(&["--all-tags", &name]).ok();
    expected[4] = format!("Status: Image is up to date for {name}");
    assert_eq!(lines(&again), expected, "{again}");
    assert_eq!(shop.pull(&["-aq", &name]).ok().stdout, format!("{name}\n"));
    assert_eq!(rows(&shop.sandbox).len(), 2);
    let missing = shop.name("no/such");
    let words = format!("repository {missing} not found: name unknown: repository name not known to registry\n");
    shop.assert_refused(&["-a", &missing], "", &words);
}

const DEFAULT: &str = "Using default tag: latest\n";

#[test]
fn a_platform_is_chosen_from_an_index() {
    let mut shop = Shop::new();
    let index = Index::multi_platform().write(&shop.sandbox.root().join("index"));
    shop.registry.push("team/multi", "latest", &index);
    let name = shop.name("team/multi");
    let latest = format!("{name}:latest");
    let newer = format!("Status: Downloaded newer image for {latest}\n");
    let same = format!("Status: Image is up to date for {latest}\n");
    let tagged = |shop: &Shop| {
        let row = rows(&shop.sandbox).into_iter().find(|row| row[2] == "latest");
        row.unwrap()[0].clone()
    };
    let [amd64, arm64, arm] = [0, 1, 2].map(|child: usize| short(&index.children[child].config_digest).to_owned());
    for (flags, id, status) in [
        (vec!["--platform", "linux/amd64"], &amd64, &newer),
        (vec!["--platform", "amd64"], &amd64, &same),
        (vec!["--platform", "linux/arm64"], &arm64, &newer),
        (vec!["--platform=linux/arm64/v8"], &arm64, &same),
        (vec!["--platform", "linux/arm/v7"], &arm, &newer),
    ] {
        let run = shop.pull(&[flags, vec![&latest]].concat()).ok();
        assert!(run.stdout.contains(&format!("Digest: {}\n", index.digest)), "{run}");
        assert!(run.stdout.ends_with(&format!("{status}{latest}\n")), "{run}");
        assert_eq!(tagged(&shop), *id, "{run}");
    }
    // Without a wish it is the machine's own again, not what is here.
    let run = shop.pull(&[&latest]).ok();
    assert!(run.stdout.ends_with(&format!("{newer}{latest}\n")), "{run}");
    assert_ne!(tagged(&shop), arm);
    shop.sandbox.set_env("DOCKER_DEFAULT_PLATFORM", "linux/arm/v7");
    shop.pull(&["-q", &latest]).ok();
    assert_eq!(tagged(&shop), arm);
    shop.pull(&["-q", "--platform", "linux/arm64", &latest]).ok();
    assert_eq!(tagged(&shop), arm64);

    shop.assert_refused(
        &["--platform", "windows/amd64", &name],
        &format!("{DEFAULT}latest: Pulling from team/multi\n"),
        "no matching manifest for windows/amd64 in the manifest list entries\n\
         hint: the image exists for linux/amd64, linux/arm64/v8, linux/arm/v7: choose one with --platform\n",
    );
    let bad = "\"nosuchos\": unknown operating system or architecture: invalid argument\n";
    shop.assert_refused(&["--platform", "nosuchos", &name], DEFAULT, bad);
    shop.sandbox.set_env("DOCKER_DEFAULT_PLATFORM", "nosuchos");
    shop.assert_refused(&[&name], DEFAULT, bad);
    let bad = "\"nonsense/a/b/c\": cannot parse platform specifier: invalid argument\n";
    shop.assert_refused(&["--platform", "nonsense/a/b/c", &name], DEFAULT, bad);
}

#[test]
fn an_image_for_another_platform_comes_with_a_warning() {
    let shop = Shop::new();
    let built = shop.image("team/multi", "arm", &image(&[1]).platform("linux/s390x"));
    let name = shop.name("team/multi");
    let tag = format!("{name}:arm");
    shop.pull(&[&tag]).ok();
    let warning = format!(
        "WARNING: image with reference {name} was found but its platform (linux/s390x) does not match the specified \
         platform (linux/amd64)"
    );
    shop.assert_pulls(
        &["--platform", "linux/amd64", &tag],
        &[
            "arm: Pulling from team/multi",
            &format!("Digest: {}", built.digest),
            &format!("Status: Image is up to date for {tag}"),
            &warning,
            &tag,
        ],
    );
    assert_eq!(
        shop.pull(&["-q", "--platform", "linux/amd64", &tag]).ok().stdout,
        format!("{tag}\n")
    );
}

#[test]
fn what_is_not_there_is_refused_with_a_way_out() {
    let shop = Shop::new();
    let built = image(&[1]).write(&shop.sandbox.root().join("image"));
    for tag in ["1.17.5", "1.17", "latest"] {
        shop.registry.push("team/web", tag, &built);
    }
    let name = shop.name("team/web:1.17.4");
    let words = format!("manifest for {name} not found: manifest unknown: manifest unknown\n");
    let run = shop.pull(&[&name]).fails(1);
    let hint = run.stderr.strip_prefix(&words).unwrap_or_else(|| panic!("{run}"));
    assert!(hint.starts_with("hint: existing tags: 1.17.5, 1.17"), "{run}");
    assert_eq!(hint.lines().count(), 1, "{run}");
    assert_eq!(run.stdout, "");

    let missing = shop.name("no/such");
    let words = format!("manifest for {missing}:latest not found: manifest unknown: manifest unknown\n");
    shop.assert_refused(&[&missing], DEFAULT, &words);
    shop.assert_refused(&["-q", &missing], "", &words);
    shop.assert_refused(&["scratch"], DEFAULT, "'scratch' is a reserved name\n");

    let host = format!("127.0.0.1:{}", free_port());
    let run = shop.pull(&[&format!("{host}/team/web:latest")]).fails(1);
    let words = format!(
        "Get \"http://{host}/v2/\": dial tcp {host}: connect: connection refused\nhint: nothing answers at {host}: "
    );
    assert!(run.stderr.starts_with(&words), "{run}");
    assert_eq!(rows(&shop.sandbox).len(), 0);
}
