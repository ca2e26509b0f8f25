//! Scripts of the kind that CI systems run, from their first line to their last, with rdock in docker's place through the
//! link that the README shows, against rdock's own registry.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::process::{Run, write_program};
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

/// Made by `htpasswd -nbBC 4`, with the passwords below.
const USERS: &str = "ci:$2y$04$1KeIk4CIZP45n5W5QUQCj.FU/p8bMv1AtYR.0FVoLFAGBw0M2DA2i\n\
                     00000000-0000-0000-0000-000000000000:$2y$04$GtV0NuLY3vPNr6uaVJhg/ORhvYoreeSBQ54aBkm2e8XH/DPi/TRCO\n";
const PASSWORD: &str = "s3cret:pw";
const TOKEN: &str = "eyJhbGciOi.token";

/// A runner: docker and sudo on its path, and a registry that wants a login.
struct Runner {
    sandbox: Sandbox,
    serve: Serve,
}

impl Runner {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        symlink(env!("CARGO_BIN_EXE_rdock"), sandbox.bin().join("docker")).unwrap();
        // As sudo does it: little of the environment comes along.
        let sudo = "#!/bin/sh\nexec env -i HOME=\"$HOME\" PATH=\"$PATH\" RDOCK_HOME=\"$RDOCK_HOME\" TERM=dumb \"$@\"\n";
        let program = sandbox.bin().join("sudo");
        write_program(&program, sudo.as_bytes());
        let users = sandbox.root().join("users");
        fs::write(&users, USERS).unwrap();
        let serve = Serve::with(&["--htpasswd", users.to_str().unwrap()]);
        Self { sandbox, serve }
    }

    /// Puts an image on the registry, as an earlier stage would have.
    fn publish(&self, name: &str, platform: &str) -> Built {
        let image = Image::new().layer(Layer::text("app", name)).platform(platform);
        let built = image.write(&self.sandbox.root().join(name.replace(['/', ':'], "-")));
        let folder = format!("oci:{}", built.folder.display());
        let target = format!("{}/{name}", self.serve.host());
        self.docker(&["login", "-u", "ci", "-p", PASSWORD, &self.serve.host()]);
        self.docker(&["copy", "-q", &folder, &target]);
        self.docker(&["logout", &self.serve.host()]);
        built
    }

    #[track_caller]
    fn docker(&self, arguments: &[&str]) -> Run {
        self.sandbox.run("docker", arguments).ok()
    }

    /// Runs a script with these variables to its end.
    #[track_caller]
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Run {
        let path = format!("{}/tests/data/ci/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut words: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let first = fs::read_to_string(&path).unwrap();
        let shell = first.lines().next().and_then(|line| line.strip_prefix("#!"));
        words.extend(shell.unwrap_or("/usr/bin/make -f").split(' ').map(str::to_owned));
        words.push(path);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.sandbox.run("env", &words).ok()
    }

    /// What a tag stands for, seen with a login of its own.
    fn digest(&self, name: &str) -> String {
        self.docker(&["login", "-u", "ci", "-p", PASSWORD, &self.serve.host()]);
        let digest = self
            .docker(&["digest", &format!("{}/{name}", self.serve.host())])
            .stdout;
        self.docker(&["logout", &self.serve.host()]);
        digest.trim().to_owned()
    }
}

#[test]
fn a_gitlab_job_promotes_an_image() {
    let runner = Runner::new();
    let image = runner.publish("group/app:0123abcd", "linux/amd64");
    let host = runner.serve.host();
    let run = runner.run(
        "gitlab.sh",
        &[
            ("CI_REGISTRY", &host),
            ("CI_REGISTRY_IMAGE", &format!("{host}/group/app")),
            ("CI_REGISTRY_USER", "ci"),
            ("CI_REGISTRY_PASSWORD", PASSWORD),
            ("CI_COMMIT_SHA", "0123abcd"),
            ("CI_COMMIT_REF_SLUG", "main"),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_DEFAULT_BRANCH", "main"),
        ],
    );
    for tag in ["latest", "main"] {
        assert_eq!(runner.digest(&format!("group/app:{tag}")), image.digest);
    }
    let written = fs::read_to_string(runner.sandbox.home().join("digest.txt")).unwrap();
    assert_eq!(written.trim(), image.digest);
    assert!(!(run.stdout + &run.stderr).contains(PASSWORD));
}

#[test]
fn a_github_workflow_joins_images() {
    let runner = Runner::new();
    let amd64 = runner.publish("owner/app:build-amd64", "linux/amd64");
    let arm64 = runner.publish("owner/app:build-arm64", "linux/arm64/v8");
    let host = runner.serve.host();
    runner.run(
        "github.sh",
        &[
            ("REGISTRY", &host),
            ("IMAGE", &format!("{host}/owner/app")),
            ("GITHUB_TOKEN", PASSWORD),
            ("GITHUB_ACTOR", "ci"),
            ("GITHUB_REF_NAME", "v1.2.3"),
            ("GITHUB_SHA", "0123abcd"),
            ("GITHUB_OUTPUT", "output"),
        ],
    );
    let output = fs::read_to_string(runner.sandbox.home().join("output")).unwrap();
    let digest = runner.digest("owner/app:v1.2.3");
    assert_eq!(output, format!("digest={digest}\n"));
    assert!(![amd64.digest, arm64.digest].contains(&digest));
}

#[test]
fn a_jenkins_job_tags_by_build_and_cleans_up() {
    let runner = Runner::new();
    let image = runner.publish("app:base", "linux/amd64");
    runner.run(
        "jenkins.sh",
        &[
            ("REGISTRY", &runner.serve.host()),
            ("USERNAME", "ci"),
            ("PASSWORD", PASSWORD),
            ("JOB_NAME", "app"),
            ("BUILD_NUMBER", "42"),
        ],
    );
    assert_eq!(runner.digest("app:42"), image.digest);
}

#[test]
fn az_acr_login_finds_docker_and_logs_in() {
    let runner = Runner::new();
    let image = runner.publish("app:base", "linux/amd64");
    runner.run(
        "azure.sh",
        &[
            ("LOGIN_SERVER", &runner.serve.host()),
            ("ACR_NAME", "registry"),
            ("ACR_TOKEN", TOKEN),
            ("BUILD_BUILDID", "7"),
        ],
    );
    assert_eq!(runner.digest("app:7"), image.digest);
}

#[test]
fn a_makefile_calls_docker_through_sudo_and_xargs() {
    let runner = Runner::new();
    let image = runner.publish("team/tool:base", "linux/amd64");
    let host = runner.serve.host();
    runner.docker(&["login", "-u", "ci", "-p", PASSWORD, &host]);
    runner.run("Makefile", &[("REGISTRY", &host), ("VERSION", "3.1")]);
    for tag in ["1", "2", "latest", "3.1"] {
        assert_eq!(runner.digest(&format!("team/tool:{tag}")), image.digest);
    }
}
