//! A real Docker engine, to see that images travel between it and rdock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use super::internet::Internet;
use super::process::{PATH, Run, finish};
use super::runtime::wait_for;
use super::sandbox::Sandbox;

/// Runs the engine in namespaces of its own, so that its end ends everything it started and
/// mounted; and waits for the end of its input, which is the end of whoever holds the other side.
const KEEPER: &str = r#"
unshare --mount --pid --fork --kill-child=KILL --mount-proc dockerd \
    --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/exec" \
    --pidfile "$1/pid" -H "unix://$1/docker.sock" --iptables=false --ip6tables=false \
    --bridge=none --storage-driver=vfs </dev/null >"$1/log" 2>&1 &
engine=$!
cat >/dev/null
# The engine itself first, so that unshare sees it out and no zombie stays.
kill -KILL $(cat /proc/$engine/task/$engine/children) || kill -KILL $engine
wait $engine
tries=0
until rm -rf "$1" || [ $((tries += 1)) -gt 50 ]; do sleep 0.1; done
"#;

/// A running dockerd with data of its own.
pub(crate) struct DockerEngine {
    folder: PathBuf,
    keeper: Child,
    lifeline: Option<ChildStdin>,
}

impl DockerEngine {
    /// The engine all tests of this process share; its names are theirs to keep apart.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<DockerEngine> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// An engine of the test's own, with nothing in it.
    pub(crate) fn alone() -> Self {
        Self::start(&[])
    }

    /// An engine of the test's own that lives in a fake internet.
    pub(crate) fn on(internet: &Internet) -> Self {
        let proxy = internet.proxy();
        let certificate = internet.certificate().to_str().unwrap();
        Self::start(&[
            ("HTTPS_PROXY", &proxy),
            ("HTTP_PROXY", &proxy),
            ("SSL_CERT_FILE", certificate),
            ("SSL_CERT_DIR", "/nonexistent"),
        ])
    }

    fn start(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("rdeng").tempdir().unwrap();
        let folder = folder.keep();
        fs::write(folder.join("daemon.json"), "{}").unwrap();
        // A session of its own: Ctrl-C at the tests must not kill the keeper before it cleans up.
        let mut keeper = Command::new("setsid")
            .args(["sh", "-c", KEEPER, "engine-keeper"])
            .arg(&folder)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &folder)
            .env("OTEL_TRACES_EXPORTER", "none")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lifeline = keeper.stdin.take();
        let mut engine = Self {
            folder,
            keeper,
            lifeline,
        };
        engine.wait();
        engine
    }

    fn wait(&mut self) {
        wait_for("the Docker engine", || {
            let log = self.folder.join("log");
            let log = || fs::read_to_string(&log).unwrap_or_default();
            let ended = log().contains("failed to start daemon") || !matches!(self.keeper.try_wait(), Ok(None));
            assert!(!ended, "dockerd cannot start (is this root?):\n{}", log());
            if !self.folder.join("docker.sock").exists() {
                return None;
            }
            let run = self.docker(&["version", "--format", "{{.Server.Version}}"]);
            (run.code == 0).then_some(())
        });
    }

    /// Runs the docker client with a fresh home.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", self.home())
            .env("DOCKER_HOST", self.socket());
        finish(command, b"")
    }

    /// Runs the docker client in a sandbox, with its home and so with its logins.
    ///
    /// A client without any login would pick Debian's `pass` helper on its own; a placeholder in
    /// the config file, if there is none yet, keeps it from that.
    #[track_caller]
    pub(crate) fn docker_in(&self, sandbox: &Sandbox, arguments: &[&str], stdin: &[u8]) -> Run {
        let config = sandbox.config_path();
        if !config.exists() {
            fs::create_dir_all(config.parent().unwrap()).unwrap();
            fs::write(config, r#"{"auths": {"placeholder.invalid": {}}}"#).unwrap();
        }
        let mut command = sandbox.program("docker", arguments);
        command.env("DOCKER_HOST", self.socket());
        finish(command, stdin)
    }

    /// The value for `DOCKER_HOST`.
    pub(crate) fn socket(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.display())
    }

    /// What dockerd has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn home(&self) -> &Path {
        &self.folder
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        self.lifeline = None;
        let _ = self.keeper.wait();
    }
}
