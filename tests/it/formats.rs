//! Docker's words for formats and filters, and what stands for its engine.

use std::fs;

use crate::support::image::Built;
use crate::support::sandbox::Sandbox;
use crate::support::three_images::{NOTHING, ThreeImages, short};

#[test]
fn images_refuses_filters_and_formats_in_docker_s_words() {
    let images = ThreeImages::new();
    for (arguments, words) in [
        (["-f", "bogus=1"], "invalid filter 'bogus'"),
        (["-f", "dangling=maybe"], "invalid filter 'dangling=[maybe]'"),
        (["-f", "since=nosuch"], "No such image: nosuch:latest"),
        (["-f", "reference=["], "syntax error in pattern"),
        (
            ["-f", "until=soon"],
            "invalid until \"soon\": it must be a duration like 24h, a date like 2026-01-31T12:00:00Z, or seconds since \
             1970",
        ),
        (
            ["--format", "{{.Bogus}}"],
            "template parsing error: template: :1:2: executing \"\" at <.Bogus>: can't evaluate field Bogus in type \
             *formatter.imageContext",
        ),
        (
            ["--format", "{{"],
            "template parsing error: template: :1: unclosed action",
        ),
        (
            ["--format", "{{.Size}"],
            "template parsing error: template: :1: bad character U+007D '}'",
        ),
    ] {
        images.fails(&["images", arguments[0], arguments[1]], words);
    }
    let bad = images.rdock(&["images", "-f", "x"]).fails(125);
    let first = "invalid argument \"x\" for \"-f, --filter\" flag: bad format of filter (expected name=value)\n";
    assert!(bad.stderr.starts_with(first), "{bad}");
    // Made in 2019 and 2018; hello is of 2021.
    let until = images.rows(&["-f", "until=2019-12-31"]);
    let (new, old) = (short(&images.new), short(&images.old));
    assert_eq!(
        until,
        [
            format!("HOST/team/nginx:latest {new}"),
            format!("HOST/team/nginx:1.14 {old}")
        ]
    );
    assert_eq!(
        images
            .rows(&["-f", "until=1577836800", "-f", "until=2018-12-31T00:00:00Z"])
            .len(),
        1
    );
    assert_eq!(images.rdock(&["images", "-f", "until=1000000h"]).ok().stdout, NOTHING);
}

#[test]
fn config_json_has_the_format_of_images_until_a_flag_says_otherwise() {
    let images = ThreeImages::new();
    let config = images.sandbox.config_path();
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(config, r#"{"imagesFormat": "{{.ID}} {{.Tag}}"}"#).unwrap();
    let say = |arguments: &[&str]| images.rdock(&[&["images"][..], arguments].concat()).ok().stdout;
    let (new, old, hello) = (short(&images.new), short(&images.old), short(&images.hello));
    assert_eq!(say(&[]), format!("{hello} latest\n{new} latest\n{old} 1.14\n"));
    assert_eq!(say(&["-q"]), format!("{hello}\n{new}\n{old}\n"));
    assert_eq!(say(&["-q", "--format", "{{.Tag}}"]), "latest\nlatest\n1.14\n");
    assert_eq!(say(&["-q", "--format", "table"]), format!("{hello}\n{new}\n{old}\n"));
    assert_eq!(
        say(&["-q", "--format", "raw", "*/hello"]),
        format!("image_id: {hello}\n")
    );
    assert!(say(&["--format", "table"]).starts_with("REPOSITORY "));
    assert_eq!(
        say(&["--format", "json", "*/hello"]),
        say(&["--format", "{{json .}}", "*/hello"])
    );
}

#[test]
fn an_empty_list_of_info_prints_as_one() {
    let sandbox = Sandbox::new();
    let format =
        "{{.DriverStatus}}{{.SecurityOptions}}{{.Plugins.Network}}{{.Warnings}}{{.Runtimes}}{{.GenericResources}}";
    let run = sandbox.rdock(&["info", "-f", format]).ok();
    assert_eq!(run.stdout, "[][][][]map[][]\n");
    let json = sandbox
        .rdock(&["info", "-f", "{{json .DriverStatus}}{{len .SecurityOptions}}"])
        .ok();
    assert_eq!(json.stdout, "null0\n");
}

#[test]
fn times_are_told_in_the_local_zone() {
    let mut images = ThreeImages::new();
    // As America/New_York, without the need of a zone database.
    images.sandbox.set_env("TZ", "EST5EDT,M3.2.0,M11.1.0");
    let at = images.rdock(&["images", "--format", "{{.CreatedAt}}", "*/hello"]).ok();
    assert_eq!(at.stdout, "2021-09-23 19:47:57 -0400 EDT\n");
    let at = images
        .rdock(&["history", "--format", "{{.CreatedAt}}", "HOST/hello"])
        .ok();
    assert_eq!(at.stdout, "2021-09-23T19:47:57-04:00\n");
}

#[test]
fn inspect_shows_what_is_there_and_then_says_what_is_not() {
    let images = ThreeImages::new();
    let id = &images.hello.config_digest;
    let say = |arguments: &[&str], code: i32| {
        let run = images.rdock(arguments).fails(code);
        (run.stdout, run.stderr)
    };
    let both = |stdout: &str, stderr: &str| (stdout.to_owned(), stderr.to_owned());
    assert_eq!(
        say(&["inspect", "nosuch"], 1),
        both("[]\n", "Error: No such object: nosuch\n")
    );
    assert_eq!(
        say(&["image", "inspect", "nosuch"], 1),
        both("[]\n", "No such image: nosuch:latest\n")
    );
    assert_eq!(
        say(&["image", "inspect", "Nginx"], 1),
        both("[]\n", "invalid reference format: repository name must be lowercase\n")
    );
    assert_eq!(
        say(&["inspect", "-f", "{{.Id}}", "nosuch1", "HOST/hello", "nosuch2"], 1),
        both(
            &format!("{id}\n"),
            "Error: No such object: nosuch1\nError: No such object: nosuch2\n"
        )
    );
    assert_eq!(say(&["image", "inspect", "-f", "{{.Id}}", "nosuch"], 1).0, "\n");
    assert_eq!(say(&["image", "inspect", "-f", "json", "nosuch"], 1).0, "[]\n");
    assert_eq!(
        say(&["image", "inspect", "-f", "{{.Config.Nope}}", "HOST/hello"], 1),
        both(
            "\n",
            "template parsing error: template: :1:9: executing \"\" at <.Config.Nope>: map has no entry for key \"Nope\"\n"
        )
    );
    assert_eq!(
        say(&["inspect", "-f", "{{", "HOST/hello"], 64),
        both("", "template parsing error: template: :1: unclosed action\n")
    );
    let kinds = say(&["inspect", "--type", "bogus", "x"], 1).1;
    assert!(
        kinds.starts_with("unknown type: \"bogus\": must be one of \"config\", \"container\""),
        "{kinds}"
    );
    assert_eq!(
        say(&["inspect", "--type", "container", "HOST/hello"], 1).1,
        format!("No such container: {}/hello\n", images.host)
    );
    let nothing = say(&["inspect", "nosuch", ""], 1);
    let words = "Error: No such object: nosuch\ninvalid container name or ID: value is empty\n";
    assert_eq!(nothing, both("[]\n", words));
    let (sized, warning) = say(&["inspect", "--type", "image", "-s", "HOST/hello"], 0);
    assert_eq!(warning, "WARNING: --size ignored for image\n");
    let json: serde_json::Value = serde_json::from_str(&sized).unwrap();
    let compact = say(&["image", "inspect", "--format", "json", "HOST/hello"], 0).0;
    assert_eq!(compact.trim_end(), json.to_string());
    // Docker's client prints what it understands of the image, and not all that the engine said.
    let understood = say(&["image", "inspect", "-f", "{{json .}}", "HOST/hello"], 0).0;
    assert!(understood.contains(r#""Config":{},"Architecture""#), "{understood}");
    assert!(!understood.contains(r#""Container":"#), "{understood}");
    let bogus = say(&["image", "inspect", "--platform", "bogus", "HOST/hello"], 1);
    let words = "\"bogus\": unknown operating system or architecture: invalid argument\n";
    assert_eq!((bogus.0.as_str(), bogus.1.as_str()), ("", words));
    let history = say(&["history", "--platform", "bogus", "HOST/hello"], 1).1;
    assert_eq!(history, format!("invalid platform: {words}"));
    let other = say(&["image", "inspect", "--platform", "linux/arm64", "HOST/hello"], 1).1;
    assert!(
        other.contains("does not provide the specified platform (linux/arm64/v8)"),
        "{other}"
    );
}

#[test]
fn scripts_that_ask_for_an_engine_get_an_answer() {
    let images = ThreeImages::new();
    let version = env!("CARGO_PKG_VERSION");
    let say = |arguments: &[&str]| images.rdock(arguments).ok().stdout;
    for template in ["{{.Server.Version}}", "{{.Client.Version}}"] {
        assert_eq!(say(&["version", "--format", template]), format!("{version}\n"));
    }
    assert_eq!(say(&["version", "-f", "{{.Client.APIVersion}}"]), "1.41\n");
    let json: serde_json::Value = serde_json::from_str(&say(&["version", "-f", "json"])).unwrap();
    assert_eq!(json["Client"]["ApiVersion"], "1.41");
    let wrong = images.rdock(&["version", "-f", "{{.Client.Bogus}}"]).fails(1);
    let words = "template: version:1:9: executing \"version\" at <.Client.Bogus>: can't evaluate field Bogus in type \
                 system.clientVersion\n";
    assert_eq!((wrong.stdout.as_str(), wrong.stderr.as_str()), ("\n", words));
    images.rdock(&["version", "-f", "{{"]).fails(64);
    let flags = [
        "-D",
        "-H",
        "tcp://127.0.0.1:1",
        "--log-level=debug",
        "-c",
        "default",
        "--tls",
        "--tlsverify=false",
    ];
    assert_eq!(
        say(&[&flags[..], &["images", "-q", "*/hello"]].concat()),
        format!("{}\n", short(&images.hello))
    );
    images.fails(
        &["--log-level", "bogus", "images"],
        "Unable to parse logging level: bogus",
    );
    let refused = images
        .rdock(&["pull", "--disable-content-trust=false", "HOST/hello"])
        .fails(1);
    assert!(
        refused.stderr.starts_with("content trust is not supported"),
        "{refused}"
    );
}

#[test]
fn info_and_df_tell_of_the_store_and_the_registries() {
    let images = ThreeImages::new();
    let folder = images.sandbox.home().join(".config/docker");
    fs::create_dir_all(&folder).unwrap();
    let daemon =
        r#"{"insecure-registries": ["10.0.0.0/8", "http://reg.local:5000"], "registry-mirrors": ["https://m"]}"#;
    fs::write(folder.join("daemon.json"), daemon).unwrap();
    let config = images.sandbox.config_path();
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(
        config,
        r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YWxpY2U6c2VjcmV0"}}}"#,
    )
    .unwrap();
    let say = |arguments: &[&str]| images.rdock(arguments).ok().stdout;
    let info = say(&["info"]);
    let store = images.sandbox.store();
    for line in [
        " Images: 3\n",
        &format!(" Docker Root Dir: {}\n Username: alice\n", store.display()),
    ] {
        assert!(info.contains(line), "{info}");
    }
    let registries =
        " Insecure Registries:\n  reg.local:5000\n  10.0.0.0/8\n  127.0.0.0/8\n Registry Mirrors:\n  https://m/\n";
    assert!(info.ends_with(registries) && !info.contains("secret"), "{info}");
    let template = "{{json .RegistryConfig.InsecureRegistryCIDRs}} {{json .RegistryConfig.Mirrors}} {{range $k,$v := \
                    .RegistryConfig.IndexConfigs}}{{$k}}={{$v.Secure}} {{end}}{{.IndexServerAddress}} {{.UserName}}";
    assert_eq!(
        say(&["system", "info", "--format", template]),
        "[\"10.0.0.0/8\",\"127.0.0.0/8\"] [\"https://m/\"] docker.io=true reg.local:5000=false \
         https://index.docker.io/v1/ alice\n"
    );
    let size = |digest: &str| {
        fs::metadata(store.join("blobs").join(digest.replace(':', "/")))
            .unwrap()
            .len()
    };
    let layers = |image: &Built| -> Vec<u64> { image.layers.iter().map(|it| size(&it.digest)).collect() };
    let (new, old, hello) = (layers(&images.new), layers(&images.old), layers(&images.hello));
    let total = new[0] + new[1] + old[1] + hello[0];
    assert_eq!(
        say(&[
            "system",
            "df",
            "--format",
            "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}"
        ]),
        format!(
            "Images 3 0 {total}B {total}B (100%)\nContainers 0 0 0B 0B\nLocal Volumes 0 0 0B 0B\nBuild Cache 0 0 0B 0B\n"
        )
    );
    let each = say(&[
        "system",
        "df",
        "-v",
        "--format",
        "{{range .Images}}{{.Tag}} {{.SharedSize}} {{.UniqueSize}};{{end}}",
    ]);
    assert_eq!(
        each,
        format!(
            "latest 0B {}B;latest {}B {}B;1.14 {}B {}B;",
            hello[0], new[0], new[1], old[0], old[1]
        )
    );
    let table = say(&["system", "df", "-v"]);
    assert!(
        table.contains("REPOSITORY") && table.contains(&format!(" latest    {} ", short(&images.new))),
        "{table}"
    );
}
