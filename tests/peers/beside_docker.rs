//! `images`, `history` and `inspect` beside a real docker.

use serde_json::json;

use crate::support::docker_engine::DockerEngine;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::process::Run;
use crate::support::registry::Registry;
use crate::support::sandbox::Sandbox;

/// What is asked of both; `HOST` and `ID` are filled in. Docker's clients from 20.10 to 28.2 answer all of it alike.
const ASKED: &[&[&str]] = &[
    &["images"],
    &["image", "ls", "--digests"],
    &["images", "--no-trunc"],
    &["images", "-q"],
    &[
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}} {{.ID}} {{.Digest}} {{.CreatedAt}} {{.Size}} {{.VirtualSize}}",
    ],
    &[
        "images",
        "--digests",
        "--format",
        "{{.Repository}}:{{.Tag}}@{{.Digest}}",
    ],
    &["images", "--digests", "--format", "table {{.ID}}\\t{{.Tag}}"],
    &[
        "images",
        "--format",
        "table {{upper .Repository}}\\t{{truncate .ID 4}}\\t{{json .Tag}}\\t{{.CreatedSince}}",
    ],
    &["images", "--format", "{{json .}}"],
    &["images", "--format", "raw"],
    &["images", "--format", "raw", "--digests"],
    &["images", "--format", "{{.Containers}} {{.SharedSize}} {{.UniqueSize}}"],
    &["images", "--filter", "dangling=true"],
    &["images", "--filter", "dangling=false", "-q"],
    &["images", "--filter", "label=stage=old"],
    &["images", "--filter", "label=stage", "--filter", "label=tier=web"],
    &["images", "--filter", "before=HOST/team/app"],
    &["images", "--filter", "since=HOST/team/old:1"],
    &["images", "--filter", "reference=*/*/app", "HOST/team/old"],
    &["images", "--filter", "reference=*/team/*:1", "--digests"],
    &["images", "nosuch"],
    &["history", "HOST/team/app"],
    &["history", "--no-trunc", "HOST/team/app"],
    &["history", "-H=false", "ID"],
    &["history", "-q", "HOST/team/app"],
    &["history", "-q", "--no-trunc", "HOST/team/app"],
    &[
        "history",
        "--format",
        "{{.ID}}|{{.CreatedSince}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}",
        "HOST/team/app",
    ],
    &[
        "history",
        "--format",
        "table {{.CreatedBy}}\\t{{.Size}}",
        "HOST/team/app",
    ],
    &["history", "--format", "{{json .}}", "HOST/team/app"],
    &["image", "inspect", "HOST/team/app"],
    &["inspect", "HOST/team/app", "HOST/team/old:1"],
    &["inspect", "--type", "image", "ID"],
    &[
        "image",
        "inspect",
        "-f",
        "{{.Id}} {{.RepoTags}} {{json .RepoDigests}}",
        "HOST/team/app",
        "HOST/team/old:1",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{.Os}}/{{.Architecture}} {{.Size}} {{.Created}} {{.Config.WorkingDir}}",
        "ID",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{json .Config.Labels}}{{index .Config.Labels \"nope\"}}{{.Config.Labels.nope}}",
        "ID",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}{{.Config.Entrypoint}}",
        "ID",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{range .Config.Env}}{{println .}}{{end}}{{.Config.ExposedPorts}}",
        "ID",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{len .RootFS.Layers}} {{join .Config.Cmd \" \"}} {{json .RootFS}}",
        "ID",
    ],
    &[
        "image",
        "inspect",
        "-f",
        "{{if .Config.Healthcheck}}{{json .Config.Healthcheck.Test}}{{end}}",
        "ID",
    ],
];

/// Two images, one older than the other, and that one known by a digest alone.
fn fill(sandbox: &Sandbox, registry: &Registry) -> String {
    let app = Image::new()
        .docker()
        .layer(Layer::files(3, 40_000))
        .layer(Layer::text("etc/motd", "welcome\n"))
        .config(json!({
            "User": "web", "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}, "Env": ["PATH=/bin", "A=<b> & c"],
            "Cmd": ["serve", "-x"], "WorkingDir": "/srv", "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "true"]},
            "Labels": {"stage": "new", "maintainer": "Someone <someone@example.com>"},
        }))
        .write(&sandbox.root().join("app"));
    let old = Image::new()
        .docker()
        .layer(Layer::text("old", "old\n"))
        .created("2018-11-06T16:11:33.120Z")
        .config(json!({"Labels": {"stage": "old", "tier": "web"}}))
        .write(&sandbox.root().join("old"));
    registry.push("team/app", "latest", &app);
    registry.push("team/old", "1", &old);
    registry.push("team/aside", "1", &old);
    app.config_digest
}

#[test]
fn images_history_and_inspect_print_what_a_real_docker_prints() {
    let (sandbox, registry, engine) = (Sandbox::new(), Registry::open(), DockerEngine::alone());
    let (id, host) = (fill(&sandbox, &registry), registry.host());
    let old = format!("{host}/team/old:1");
    sandbox.rdock(&["pull", "-q", &old]).ok();
    let name = old.strip_suffix(":1").unwrap();
    let digest = sandbox.rdock(&["images", "--format", "{{.Digest}}", name]).ok().stdout;
    let aside = format!("{host}/team/aside@{}", digest.trim());
    let docker = |arguments: &[&str]| engine.docker_in(&sandbox, arguments, b"");
    for name in [&format!("{host}/team/app:latest"), &old, &aside] {
        sandbox.rdock(&["pull", "-q", name]).ok();
        docker(&["pull", "-q", name]).ok();
    }
    for asked in ASKED {
        let filled_in = |argument: &&str| match *argument {
            "ID" => id.clone(),
            other => other.replace("HOST", &host),
        };
        let arguments: Vec<String> = asked.iter().map(filled_in).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (ours, theirs) = (sandbox.rdock(&arguments).ok(), docker(&arguments).ok());
        assert_eq!(comparable(asked, &ours), comparable(asked, &theirs), "{ours}\n{theirs}");
        assert_eq!(ours.stderr, theirs.stderr, "{ours}\n{theirs}");
    }
}

/// Docker lists the names of one image in any order, and keeps layers by a driver.
fn comparable(asked: &[&str], run: &Run) -> Vec<String> {
    let stdout = run.stdout.replace("\"Name\": \"vfs\"", "\"Name\": \"\"");
    let mut lines: Vec<String> = stdout.lines().map(str::to_owned).collect();
    if asked[0] == "images" || asked[1] == "ls" {
        lines.sort();
    }
    lines
}
