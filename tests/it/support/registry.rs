//! A real Debian docker-registry 2.8 for one test.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::authority::Authority;
use super::image::Built;
use super::layout::{Door, push_raw};
use super::process::{Daemon, finish};
use super::runtime::wait_for;

/// A running registry with its storage in a temporary folder; deleting is enabled.
pub(crate) struct Registry {
    // Fields drop in this order: first the program, then its folder.
    daemon: Daemon,
    folder: TempDir,
    port: u16,
    door: Door,
}

impl Registry {
    /// Plain HTTP, open to all.
    pub(crate) fn open() -> Self {
        Self::start(tempdir(), "", "", &Door::default())
    }

    /// Plain HTTP with one user.
    pub(crate) fn htpasswd(user: &str, password: &str) -> Self {
        let folder = tempdir();
        let auth = auth(folder.path(), &[(user, password)]);
        let door = Door::default().user(user, password);
        Self::start(folder, &auth, "", &door)
    }

    /// Plain HTTP on this port, for these users, or open to all if there are none.
    pub(crate) fn on(port: u16, users: &[(&str, &str)]) -> Self {
        let folder = tempdir();
        let (auth, door) = match users {
            [] => (String::new(), Door::default()),
            [(user, password), ..] => (auth(folder.path(), users), Door::default().user(user, password)),
        };
        Self::try_start(folder, port, &auth, "", &door).unwrap_or_else(|_| panic!("port {port} is taken"))
    }

    /// HTTPS with a certificate for 127.0.0.1 and localhost, open to all.
    pub(crate) fn tls(authority: &Authority) -> Self {
        let folder = tempdir();
        let tls = tls(folder.path(), authority);
        let door = Door::default().authority(&folder.path().join("ca.crt"));
        Self::start(folder, "", &tls, &door)
    }

    /// HTTPS with one user.
    pub(crate) fn tls_htpasswd(authority: &Authority, user: &str, password: &str) -> Self {
        let folder = tempdir();
        let auth = auth(folder.path(), &[(user, password)]);
        let tls = tls(folder.path(), authority);
        let door = Door::default()
            .authority(&folder.path().join("ca.crt"))
            .user(user, password);
        Self::start(folder, &auth, &tls, &door)
    }

    /// HTTPS that lets in only clients with a certificate of the same authority.
    pub(crate) fn mutual_tls(authority: &Authority) -> Self {
        let folder = tempdir();
        let mut tls = tls(folder.path(), authority);
        let ca = folder.path().join("ca.crt");
        let _ = write!(tls, "\n    clientcas: [{}]", ca.display());
        let client = authority.client("seeder").write(folder.path(), "seeder");
        let door = Door::default().authority(&ca).client(&client);
        Self::start(folder, "", &tls, &door)
    }

    fn start(mut folder: TempDir, auth: &str, tls: &str, door: &Door) -> Self {
        // Another program may take the port in between; then the registry ends and is started anew.
        for _ in 0..20 {
            match Self::try_start(folder, free_port(), auth, tls, door) {
                Ok(registry) => return registry,
                Err(same) => folder = same,
            }
        }
        panic!("docker-registry found no free port");
    }

    /// Gives the folder back when the port is taken.
    fn try_start(folder: TempDir, port: u16, auth: &str, tls: &str, door: &Door) -> Result<Self, TempDir> {
        fs::create_dir_all(folder.path().join("storage")).unwrap();
        let mark = format!("{port}-{:016x}", fastrand::u64(..));
        let config = folder.path().join("config.yml");
        fs::write(&config, settings(folder.path(), port, &mark, auth, tls)).unwrap();
        let log = folder.path().join("log");
        let mut daemon = Daemon::start("docker-registry", &["serve", config.to_str().unwrap()], &log);
        if !answers(&mut daemon, port, &mark, door) {
            return Err(folder);
        }
        Ok(Self {
            daemon,
            folder,
            port,
            door: door.clone(),
        })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder it stores everything in.
    pub(crate) fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// What it has logged so far; one line a request.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    /// Uploads an image byte for byte under a name, whatever this registry's door asks for.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Built) {
        push_raw(&self.door, &self.host(), repository, tag, image);
    }

    /// The base URL with its scheme.
    pub(crate) fn url(&self) -> String {
        self.door.url(&self.host())
    }

    /// A `curl` command that already knows the certificates and the password.
    pub(crate) fn curl(&self) -> Command {
        self.door.curl()
    }
}

fn tempdir() -> TempDir {
    tempfile::Builder::new().prefix("rdreg").tempdir().unwrap()
}

/// A port on which nothing listens and that no test of this process was given before.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if given.insert(port) {
            return port;
        }
    }
}

fn auth(folder: &Path, users: &[(&str, &str)]) -> String {
    let path = folder.join("htpasswd");
    let lines: Vec<String> = users
        .iter()
        .map(|(user, password)| {
            let mut command = Command::new("htpasswd");
            command.args(["-Bbn", "-C", "4", user, password]);
            finish(command, b"", Duration::from_secs(10)).ok().stdout
        })
        .collect();
    fs::write(&path, lines.concat()).unwrap();
    format!("auth:\n  htpasswd:\n    realm: test\n    path: {}", path.display())
}

fn tls(folder: &Path, authority: &Authority) -> String {
    authority.pem_file(folder);
    let (cert, key) = authority.issue(&["127.0.0.1", "localhost"]).write(folder, "server");
    format!(
        "  tls:\n    certificate: {}\n    key: {}",
        cert.display(),
        key.display()
    )
}

fn settings(folder: &Path, port: u16, mark: &str, auth: &str, tls: &str) -> String {
    let storage = folder.join("storage");
    format!(
        "version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {}}}
  delete: {{enabled: true}}
{auth}
http:
  addr: 127.0.0.1:{port}
  secret: test
  headers: {{X-Test-Registry: [\"{mark}\"]}}
{tls}
",
        storage.display()
    )
}

/// Waits until it answers with its own mark; false when the program ended instead.
fn answers(daemon: &mut Daemon, port: u16, mark: &str, door: &Door) -> bool {
    wait_for("docker-registry", Duration::from_secs(20), || {
        if !daemon.is_alive() {
            let log = daemon.log();
            assert!(log.contains("address already in use"), "{log}");
            return Some(false);
        }
        // Asking the port first is cheaper than a failing curl.
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        let mut curl = door.curl();
        curl.args(["-i", &format!("{}/v2/", door.url(&format!("127.0.0.1:{port}")))]);
        let run = finish(curl, b"", Duration::from_secs(10));
        run.stdout.contains(mark).then_some(true)
    })
}
