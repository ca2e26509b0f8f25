//! A running `rdock serve`, and plain requests to it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::http::{self, Answer};
use super::image::Built;
use super::layer::digest;
use super::layout::{Access, push_raw};
use super::process::Daemon;
use super::runtime::wait_for;
use super::scale;

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

    /// Starts it with more flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("rdsrv").tempdir().unwrap();
        let root = folder.path().join("root");
        Self::on(folder, root, flags)
    }

    /// Serves at another address than a free port of loopback.
    pub(crate) fn listening(flags: &[&str], address: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("rdsrv").tempdir().unwrap();
        let root = folder.path().join("root");
        let mut serve = Self {
            daemon: None,
            folder,
            root,
            host: address.to_owned(),
        };
        serve.start(flags);
        serve
    }

    /// Serves a folder that is there already.
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
        let mut daemon = Daemon::start(&scale::program(), &arguments, &log);
        let host = wait_for("rdock serve", || {
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
        push_raw(&Access::default(), &self.host, repository, tag, image);
    }

    /// A request to a path without a body.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        http::ask(&self.host, method, path, headers, b"")
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }

    /// A request with a body.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8], headers: &[&str]) -> Answer {
        http::ask(&self.host, method, path, headers, body)
    }

    /// Uploads a blob in one session and says its digest.
    #[track_caller]
    pub(crate) fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let start = self
            .ask("POST", &format!("/v2/{repository}/blobs/uploads/"), &[])
            .is(202);
        let path = format!("{}?digest={digest}", start.header("location").unwrap());
        self.send("PUT", &path, bytes, &[]).is(201);
        digest
    }
}
