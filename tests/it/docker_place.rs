//! rdock in docker's place, called through a link of that name: scripts that ask for a version, look for an engine or
//! clean up go on, and what needs an engine names the way out.

use std::os::unix::fs::symlink;

use crate::support::process::Run;
use crate::support::sandbox::Sandbox;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    symlink(env!("CARGO_BIN_EXE_rdock"), sandbox.bin().join("docker")).unwrap();
    sandbox
}

#[track_caller]
fn docker(line: &str) -> Run {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    sandbox().run("docker", &arguments)
}

#[track_caller]
fn assert_says(line: &str, stdout: &str, stderr: &str) {
    let run = docker(line).ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (stdout, stderr), "{line}");
}

#[test]
fn the_link_carries_docker_s_name_and_version() {
    let own = env!("CARGO_PKG_VERSION");
    for line in ["--version", "-v"] {
        assert_says(line, &format!("Docker version 28.2.2, build rdock-{own}\n"), "");
    }
    assert_says("version -f {{.Server.Version}}", "28.2.2\n", "");
    assert_says(
        "version -f {{.Client.Version}}/{{.Client.APIVersion}}",
        "28.2.2/1.50\n",
        "",
    );
    assert_says("info -f {{.ServerVersion}}", "28.2.2\n", "");
    assert_says("version -f {{.Server.GitCommit}}", &format!("rdock-{own}\n"), "");
    let words = docker("version").ok().stdout;
    assert!(
        words.contains("\nServer:\n rdock:\n  Version:          28.2.2\n"),
        "{words}"
    );
}

#[test]
fn the_link_s_mistakes_and_usage_say_docker() {
    let tag = docker("tag").fails(1).stderr;
    let usage = "docker: 'docker tag' requires 2 arguments\n\nUsage:  docker tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n\
                 Run 'docker tag --help' for more information\n";
    assert_eq!(tag, usage);
    let unknown = docker("nosuch").fails(1).stderr;
    assert!(
        unknown.starts_with("docker: unknown command: docker nosuch\n"),
        "{unknown}"
    );
    assert!(
        docker("manifest create --help")
            .ok()
            .stdout
            .starts_with("Usage:  docker manifest create")
    );
    let plain = Sandbox::new().rdock(&["tag"]).fails(1).stderr;
    assert_eq!(plain, usage.replace("docker", "rdock"));
}

#[test]
fn where_nothing_is_lists_are_empty() {
    let containers = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n";
    for line in [
        "ps",
        "ps -a",
        "container ls",
        "container ps --all",
        "ps --filter status=exited",
    ] {
        assert_says(line, containers, "");
    }
    for line in [
        "ps -aq",
        "ps --format {{.Names}}",
        "ps --format json",
        "volume ls -q",
        "network ls -q -f name=x",
    ] {
        assert_says(line, "", "");
    }
    assert_says("volume ls", "DRIVER    VOLUME NAME\n", "");
    assert_says("network ls", "NETWORK ID   NAME      DRIVER    SCOPE\n", "");
    docker("ps --format {{.Names").fails(1);
    assert!(
        docker("ps --nosuch")
            .fails(125)
            .stderr
            .starts_with("unknown flag: --nosuch\n")
    );
}

#[test]
fn where_nothing_is_prunes_free_nothing() {
    for thing in ["container", "volume", "builder"] {
        assert_says(&format!("{thing} prune -f"), "Total reclaimed space: 0B\n", "");
    }
    assert_says("network prune --force", "", "");
    assert_says("buildx prune -af --keep-storage 1gb", "Total:\t0B\n", "");
    assert_says(
        "builder prune -af --filter until=24h",
        "Total reclaimed space: 0B\n",
        "",
    );
}

#[test]
fn removing_what_is_not_there_is_no_failure_by_force() {
    assert_says("rm -f web db", "", "No such container: web\nNo such container: db\n");
    assert_says("container rm -fv web", "", "No such container: web\n");
    assert_eq!(docker("rm web").fails(1).stderr, "No such container: web\n");
    assert_says("volume rm -f data", "data\n", "");
    assert_eq!(docker("volume rm data").fails(1).stderr, "get data: no such volume\n");
    assert_says("network rm -f net", "", "");
    assert_eq!(docker("network rm net").fails(1).stderr, "network net not found\n");
}

#[test]
fn there_is_the_default_context_alone() {
    assert_says(
        "context ls",
        "NAME        DESCRIPTION                               DOCKER ENDPOINT               ERROR\n\
         default *   Current DOCKER_HOST based configuration   unix:///var/run/docker.sock   \n",
        "",
    );
    assert_says("context ls -q", "default\n", "");
    assert_says("context show", "default\n", "");
    assert_says(
        "context use default",
        "default\n",
        "Current context is now \"default\"\n",
    );
    assert_says(
        "context inspect -f {{.Endpoints.docker.Host}}",
        "unix:///var/run/docker.sock\n",
        "",
    );
    let missing = docker("context use desktop-linux").fails(1).stderr;
    assert_eq!(missing, "context \"desktop-linux\": context not found\n");
}

#[test]
fn what_needs_an_engine_names_the_way_out_in_one_hint() {
    const COMMANDS: [&str; 12] = [
        "run -d -p 5000:5000 registry:2 -> for a registry of your own: docker serve",
        "run --rm -it alpine sh -> podman run",
        "exec -it web sh -> podman exec",
        "container exec web sh -> podman exec",
        "build -t x . -> then docker load -i FILE",
        "image build -t x . -> then docker load -i FILE",
        "compose pull -> docker pull NAME",
        "compose push -> docker push NAME",
        "compose up -d -> podman",
        "-D stop web -> podman",
        "swarm init -> no cluster",
        "volume create data -> podman",
    ];
    for command in COMMANDS {
        let (line, hint) = command.split_once(" -> ").unwrap();
        let code = if line.starts_with("run") { 125 } else { 1 };
        let run = docker(line).fails(code);
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{run}");
        assert!(
            lines[0].ends_with("needs a container engine, and rdock has none"),
            "{run}"
        );
        assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{run}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_removal_meant_for_another_machine_says_where_it_acts() {
    let warning = |place: &str, run: &Run| {
        let first = run.stderr.lines().next().unwrap_or_default();
        first.starts_with("WARNING: rdock has no engine to connect to: this acts on the local store ")
            && first.ends_with(&format!(", not on {place}"))
    };
    for line in ["rmi -f x", "image prune -f", "system prune -af"] {
        let run = docker(&format!("-H ssh://me:secret@build.example.com {line}")).ok();
        assert!(warning("ssh://build.example.com", &run), "{run}");
        assert!(!run.stderr.contains("secret"), "{run}");
    }
    let run = sandbox()
        .env("DOCKER_HOST", "tcp://10.1.0.1:2375")
        .run("docker", &["image", "rm", "-f", "x"])
        .ok();
    assert!(warning("tcp://10.1.0.1:2375", &run), "{run}");
    let run = docker("--context far rmi -f x").ok();
    assert!(warning("context \"far\"", &run), "{run}");
    for line in [
        "-H ssh://far images",
        "-H unix:///var/run/docker.sock rmi -f x",
        "-c default rmi -f x",
    ] {
        assert!(!docker(line).ok().stderr.contains("WARNING"), "{line}");
    }
}

#[test]
fn info_and_version_have_each_field_of_docker_s() {
    for field in [
        "ID",
        "Plugins.Volume",
        "MemoryLimit",
        "SwapLimit",
        "CPUCfsPeriod",
        "CPUSet",
        "PidsLimit",
        "NFd",
        "OomKillDisable",
        "NGoroutines",
        "LoggingDriver",
        "NEventsListener",
        "GenericResources",
        "HTTPProxy",
        "HTTPSProxy",
        "NoProxy",
        "Runtimes",
        "DefaultRuntime",
        "LiveRestoreEnabled",
        "Isolation",
        "InitBinary",
        "ContainerdCommit.ID",
        "RuncCommit.ID",
        "InitCommit.ID",
        "SecurityOptions",
        "ProductLicense",
        "DefaultAddressPools",
        "CDISpecDirs",
        "Warnings",
        "ClientInfo.GitCommit",
        "ClientErrors",
        "OSVersion",
    ] {
        docker(&format!("info -f {{{{.{field}}}}}")).ok();
    }
    assert_says("info -f {{.Swarm.LocalNodeState}}", "inactive\n", "");
    assert_says("info --format {{.CgroupDriver}}", "none\n", "");
    for field in ["KernelVersion", "Name", "SystemTime"] {
        let told = docker(&format!("info -f {{{{.{field}}}}}")).ok().stdout;
        assert!(told.trim().len() > 1, "{field}: {told}");
    }
    let memory = docker("info -f {{.MemTotal}}").ok().stdout;
    assert!(memory.trim().parse::<u64>().unwrap() > 1 << 20, "{memory}");
    for field in [
        "Server.KernelVersion",
        "Server.Experimental",
        "Client.Platform.Name",
        "Server.Platform.Name",
    ] {
        docker(&format!("version -f {{{{.{field}}}}}")).ok();
    }
    docker("info -f {{.NoSuchField}}").fails(1);
}
