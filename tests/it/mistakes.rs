//! What the command line answers to mistakes and to questions about itself: docker's words, streams and codes.

use crate::support::process::Run;
use crate::support::sandbox::Sandbox;

const HEADER: &str = "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n";

#[track_caller]
fn rdock(line: &str) -> Run {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    Sandbox::new().rdock(&arguments)
}

#[track_caller]
fn assert_refused(line: &str, code: i32, first: &str, usage: &str, last: &str) {
    let run = rdock(line).fails(code);
    let usage = if usage.is_empty() {
        String::new()
    } else {
        format!("Usage:  {usage}\n\n")
    };
    assert_eq!(run.stderr, format!("{first}\n\n{usage}{last}\n"), "{run}");
    assert_eq!(run.stdout, "", "{run}");
}

const PULL: &str = "rdock pull [OPTIONS] NAME[:TAG|@DIGEST]";
const PULL_LAST: &str = "Run 'rdock pull --help' for more information";
const IMAGES: &str = "rdock images [OPTIONS] [REPOSITORY[:TAG]]";
const IMAGES_LAST: &str = "Run 'rdock images --help' for more information";

#[test]
fn a_wrong_number_of_arguments_is_told_as_docker_tells_it() {
    for line in ["pull", "pull -a", "--config x pull", "pull --config x --config y"] {
        assert_refused(line, 1, "rdock: 'rdock pull' requires 1 argument", PULL, PULL_LAST);
    }
    let push = "rdock push [OPTIONS] NAME[:TAG]";
    let last = |command: &str| format!("Run 'rdock {command} --help' for more information");
    assert_refused(
        "push",
        1,
        "rdock: 'rdock push' requires 1 argument",
        push,
        &last("push"),
    );
    let tag = "rdock tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    for line in ["tag", "tag a", "tag a b c"] {
        assert_refused(line, 1, "rdock: 'rdock tag' requires 2 arguments", tag, &last("tag"));
    }
    let images = "rdock: 'rdock images' requires at most 1 argument";
    assert_refused("images a b", 1, images, IMAGES, IMAGES_LAST);
    assert_refused("images -- a b", 1, images, IMAGES, IMAGES_LAST);
    assert_refused(
        "rmi -f",
        1,
        "rdock: 'rdock rmi' requires at least 1 argument",
        "rdock rmi [OPTIONS] IMAGE [IMAGE...]",
        "See 'rdock rmi --help' for more information",
    );
    assert_refused(
        "image rm",
        1,
        "rdock: 'rdock image rm' requires at least 1 argument",
        "rdock image rm [OPTIONS] IMAGE [IMAGE...]",
        "See 'rdock image rm --help' for more information",
    );
    assert_refused(
        "version x",
        1,
        "rdock: 'rdock version' accepts no arguments",
        "rdock version [OPTIONS]",
        &last("version"),
    );
}

#[test]
fn an_unknown_flag_ends_with_125() {
    let tag = "rdock tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]";
    let root = "rdock [OPTIONS] COMMAND [ARG...]";
    for (line, first, usage, command) in [
        (
            "pull --nosuchflag nginx",
            "unknown flag: --nosuchflag",
            PULL,
            "rdock pull",
        ),
        (
            "pull nginx --nosuchflag",
            "unknown flag: --nosuchflag",
            PULL,
            "rdock pull",
        ),
        ("pull -z nginx", "unknown shorthand flag: 'z' in -z", PULL, "rdock pull"),
        (
            "images -azq",
            "unknown shorthand flag: 'z' in -zq",
            IMAGES,
            "rdock images",
        ),
        ("images -v", "unknown shorthand flag: 'v' in -v", IMAGES, "rdock images"),
        ("tag --foo b", "unknown flag: --foo", tag, "rdock tag"),
        ("--nosuch", "unknown flag: --nosuch", root, "rdock"),
        ("--config", "flag needs an argument: --config", root, "rdock"),
        (
            "pull --platform",
            "flag needs an argument: --platform",
            PULL,
            "rdock pull",
        ),
        (
            "images --quiet=maybe",
            "invalid argument \"maybe\" for \"-q, --quiet\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            IMAGES,
            "rdock images",
        ),
        (
            "images -q=",
            "invalid argument \"\" for \"-q, --quiet\" flag: strconv.ParseBool: parsing \"\": invalid syntax",
            IMAGES,
            "rdock images",
        ),
        (
            "pull --progress=fancy x",
            "invalid argument \"fancy\" for \"--progress\" flag: must be one of auto, tty, plain, json, none",
            PULL,
            "rdock pull",
        ),
    ] {
        let last = format!("Run '{command} --help' for more information");
        assert_refused(line, 125, first, usage, &last);
    }
}

#[test]
fn an_unknown_command_ends_with_1() {
    let last = "Run 'rdock --help' for more information";
    assert_refused("nosuch", 1, "rdock: unknown command: rdock nosuch", "", last);
    assert_refused(
        "image nosuch",
        1,
        "rdock: unknown command: rdock image nosuch",
        "rdock image",
        "Run 'rdock image --help' for more information",
    );
    assert_eq!(rdock("help nosuch").fails(1).stderr, "unknown help topic: nosuch\n");
}

#[test]
fn every_command_helps_on_stdout() {
    for command in [
        "catalog",
        "images",
        "login",
        "logout",
        "pull",
        "push",
        "rmi",
        "search",
        "tag",
        "tags",
        "version",
        "image",
        "image ls",
        "image pull",
        "image push",
        "image rm",
        "image tag",
    ] {
        let help = rdock(&format!("{command} --help")).ok();
        let usage = format!("Usage:  rdock {command}");
        assert!(help.stdout.starts_with(&usage), "{help}");
        assert_eq!(help.stderr, "", "{help}");
        assert_eq!(rdock(&format!("help {command}")).ok().stdout, help.stdout);
    }
    let pull = rdock("pull nginx --help").ok();
    assert!(
        pull.stdout.starts_with(&format!(
            "Usage:  {PULL}\n\nDownload an image from a registry, or several one after the other\n\nAliases:\n  rdock image \
             pull, rdock pull\n\nOptions:\n      --all-platforms "
        )),
        "{pull}"
    );
}

#[test]
fn rdock_and_its_groups_alone_show_help_on_stderr() {
    for line in ["", "image"] {
        let alone = rdock(line).ok();
        assert_eq!(alone.stdout, "", "{alone}");
        assert_eq!(alone.stderr, rdock(&format!("{line} --help")).ok().stdout);
    }
    let asked = rdock("help").ok();
    assert!(asked.stdout.contains("\nManagement Commands:\n  image "), "{asked}");
    assert!(!asked.stdout.contains("\n  help "), "{asked}");
}

#[test]
fn the_short_help_flag_is_noted_as_docker_notes_it() {
    let notice = "Flag shorthand -h has been deprecated, use --help\n";
    let (asked, help) = (rdock("-h").ok(), rdock("--help").ok());
    assert_eq!((asked.stdout, asked.stderr.as_str()), (help.stdout, notice));
    let (asked, help) = (rdock("images -h").ok(), rdock("images --help").ok());
    assert_eq!(
        (asked.stdout, asked.stderr.as_str()),
        (notice.to_owned() + &help.stdout, "")
    );
    assert!(
        help.stdout
            .contains("\nAliases:\n  rdock image ls, rdock image list, rdock images\n"),
        "{help}"
    );
}

#[test]
fn dashes_before_the_command_mean_nothing() {
    for line in [
        "-- images -q",
        "-D -- images -q",
        "--config x -- images -q",
        "images -q -- nginx",
    ] {
        assert_eq!(rdock(line).ok().stdout, "", "{line}");
    }
    rdock("images -- -q x").fails(1);
}

#[test]
fn the_version_is_docker_s_sentence() {
    let sentence = format!("rdock version {}\n", env!("CARGO_PKG_VERSION"));
    for line in ["-v", "--version", "-v images"] {
        let run = rdock(line).ok();
        assert_eq!((run.stdout, run.stderr), (sentence.clone(), String::new()), "{line}");
    }
    assert!(
        rdock("version")
            .ok()
            .stdout
            .starts_with("Client:\n Version:           ")
    );
}

#[test]
fn switches_take_go_s_truth_values() {
    for line in [
        "images --quiet=true",
        "images -q=1",
        "images -aq",
        "images -aq=T",
        "images -q -q",
        "images x -q",
    ] {
        assert_eq!(rdock(line).ok().stdout, "", "{line}");
    }
    for line in [
        "images --quiet=false",
        "images -q=0",
        "images -q --quiet=False",
        "images -- -q",
        "image ls -aq=f",
    ] {
        assert_eq!(rdock(line).ok().stdout, HEADER, "{line}");
    }
    // Without `=` it is an argument.
    assert_eq!(rdock("images -q true").ok().stdout, "");
    assert_eq!(rdock("images --no-trunc true").ok().stdout, HEADER);
}

#[test]
fn a_bad_reference_is_refused_in_docker_s_words() {
    let hex = "0".repeat(64);
    let long = format!("nginx:{}", "t".repeat(129));
    let id = format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings");
    let format = "invalid reference format";
    for command in ["pull", "push"] {
        for (name, words) in [
            (
                "Nginx",
                "invalid reference format: repository name (library/Nginx) must be lowercase",
            ),
            ("nginx:", format),
            ("nginx:a:b", format),
            ("", format),
            (" nginx", format),
            ("nginx@sha256:abc", format),
            (&long, format),
            (&hex, &id),
        ] {
            let run = Sandbox::new().rdock(&[command, name]).fails(1);
            assert_eq!(
                (run.stdout.as_str(), run.stderr.as_str()),
                ("", &*format!("{words}\n")),
                "{run}"
            );
        }
    }
    let digest = format!("nginx@sha256:{hex}");
    for (line, words) in [
        (["pull", "-q", "scratch"].as_slice(), "'scratch' is a reserved name"),
        (&["push", &digest], "cannot push a digest reference"),
        (&["pull", "-a", "nginx:latest"], "tag can't be used with --all-tags/-a"),
        (&["pull", "-a", &digest], "tag can't be used with --all-tags/-a"),
        (&["push", "-a", "nginx:latest"], "tag can't be used with --all-tags/-a"),
        (
            &["tag", "nginx", "-x"],
            "Error parsing reference: \"-x\" is not a valid repository/tag: invalid reference format",
        ),
    ] {
        let run = Sandbox::new().rdock(line).fails(1);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("", &*format!("{words}\n")),
            "{run}"
        );
    }
}

#[test]
fn an_argument_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::new();
    for line in [&["tag", "a"][..], &["pull"], &["images", "--format"], &["images"]] {
        let mut command = sandbox.command(line);
        command.arg(std::ffi::OsStr::from_bytes(b"x\xff"));
        let run = crate::support::process::finish(command, b"").fails(1);
        assert_eq!(run.stderr, "the argument \"x\u{fffd}\" is not valid UTF-8\n");
    }
}

#[test]
fn what_docker_passes_over_is_passed_over() {
    let last = "See 'rdock import --help' for more information";
    let usage = "rdock import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]";
    assert_refused(
        "import",
        1,
        "rdock: 'rdock import' requires at least 1 argument",
        usage,
        last,
    );
    let missing = rdock("import /nosuch a:1 b:2").fails(1).stderr;
    assert_eq!(missing, "open /nosuch: no such file or directory\n");
}
