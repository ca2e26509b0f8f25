//! A running `rdock serve`, and plain requests to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::image::Built;
use super::layout::{Door, header, push_raw};
use super::process::{Daemon, finish};
use super::runtime::wait_for;

/// The program with a root folder of its own on a free port; killed when dropped.
pub(crate) struct Serve {
    // Fields drop in this order: first the program, then its folder.
    daemon: Option<Daemon>,
    folder: TempDir,
    root: PathBuf,
    host: String,
}

impl Serve {
    /// Open to all.
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// With more flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("rdsrv").tempdir().unwrap();
        let root = folder.path().join("root");
        Self::on(folder, root, flags)
    }

    /// Over a folder that is there already.
    pub(crate) fn over(root: &Path, flags: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("rdsrv").tempdir().unwrap();
        Self::on(folder, root.to_owned(), flags)
    }

    fn on(folder: TempDir, root: PathBuf, flags: &[&str]) -> Self {
        let mut serve = Self {
            daemon: None,
            folder,
            root,
            host: "127.0.0.1:0".to_owned(),
        };
        serve.start(flags);
        serve
    }

    /// Starts it (again): the port stays.
    pub(crate) fn start(&mut self, flags: &[&str]) {
        let log = self.folder.path().join("log");
        let mut arguments = vec!["serve", "--root", self.root.to_str().unwrap()];
        arguments.extend(flags);
        arguments.push(&self.host);
        let mut daemon = Daemon::start(env!("CARGO_BIN_EXE_rdock"), &arguments, &log);
        let host = wait_for("rdock serve", Duration::from_secs(20), || {
            let is_alive = daemon.is_alive();
            let log = daemon.log();
            let line = log.lines().find(|line| line.starts_with("Serving "));
            let host = line
                .and_then(|line| line.rsplit_once("://"))
                .map(|(_, host)| host.to_owned());
            assert!(is_alive || host.is_some(), "rdock serve ended:\n{log}");
            host
        });
        self.host = host;
        self.daemon = Some(daemon);
    }

    /// Ends it with SIGKILL, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.daemon = None;
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.host.clone()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// All it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.daemon.as_ref().map(Daemon::log).unwrap_or_default()
    }

    pub(crate) fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().unwrap()
    }

    /// Uploads an image byte for byte under a name.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Built) {
        push_raw(&Door::default(), &self.host, repository, tag, image);
    }

    /// A request to a path, with more arguments for curl.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, arguments: &[&str]) -> Answer {
        ask(&Door::default(), &self.host, method, path, arguments)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    /// Uploads a blob in one session and says its digest.
    #[track_caller]
    pub(crate) fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = super::layer::digest(bytes);
        let start = self
            .ask("POST", &format!("/v2/{repository}/blobs/uploads/"), &[])
            .is(202);
        let path = format!("{}?digest={digest}", start.header("location").unwrap());
        self.send("PUT", &path, bytes, &[]).is(201);
        digest
    }

    /// A request with a body.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8], headers: &[&str]) -> Answer {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), body).unwrap();
        let body = format!("@{}", file.path().display());
        let mut arguments = vec!["-H", "Expect:", "--data-binary", &body];
        arguments.extend(headers.iter().flat_map(|header| ["-H", *header]));
        self.ask(method, path, &arguments)
    }
}

/// A request through a door; the path may be a whole URL.
#[track_caller]
pub(crate) fn ask(door: &Door, host: &str, method: &str, path: &str, arguments: &[&str]) -> Answer {
    let mut command = door.curl();
    let url = if path.starts_with('/') {
        format!("{}{path}", door.url(host))
    } else {
        path.to_owned()
    };
    match method {
        "HEAD" => command.arg("-I"),
        method => command.args(["-X", method]),
    };
    let head = tempfile::NamedTempFile::new().unwrap();
    command.args(["--path-as-is", "-D", head.path().to_str().unwrap()]);
    command.args(arguments).arg(&url);
    let run = finish(command, b"", Duration::from_mins(1));
    let text = std::fs::read_to_string(head.path()).unwrap();
    // After "100 Continue" comes the head that counts.
    let last = text.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
    let status = last
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = if method == "HEAD" { Vec::new() } else { run.bytes };
    Answer {
        what: format!("{method} {path}"),
        status,
        head: last,
        body,
    }
}

/// What came back; status 0 when nothing did.
pub(crate) struct Answer {
    what: String,
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}\n{}", self.what, self.head, self.text());
        self
    }

    /// An error with this status and code.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.json()["errors"][0]["code"], code, "{}", answer.what);
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = headers.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{}: {e}: {}", self.what, self.text()))
    }
}
