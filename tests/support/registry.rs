//! A registry for one test: Debian's docker-registry 2.8 in the tests with peers, rdock's own in those without.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::authority::Authority;
use super::image::Built;
use super::layout::{Access, push_raw};
use super::process::{Daemon, finish};
use super::runtime::wait_for;

/// The program that is the registry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Program {
    /// `docker-registry` of Debian's package.
    Distribution,
    /// `rdock serve`.
    Rdock,
}

/// The users who are let in and how: what both programs can do.
#[derive(Default)]
struct Rules {
    /// The file of users, as `htpasswd -B` writes it.
    users: Option<PathBuf>,
    /// The server's certificate and key.
    tls: Option<(PathBuf, PathBuf)>,
    /// The authority of the clients' certificates.
    client_authority: Option<PathBuf>,
}

/// A running registry with its storage in a temporary folder; deleting is enabled.
pub(crate) struct Registry {
    // Fields drop in this order: first the program, then its folder.
    daemon: Daemon,
    folder: TempDir,
    port: u16,
    access: Access,
}

impl Registry {
    /// Plain HTTP, open to all.
    pub(crate) fn open() -> Self {
        Self::start(tempdir(), &Rules::default(), &Access::default())
    }

    /// Plain HTTP with one user.
    pub(crate) fn htpasswd(user: &str, password: &str) -> Self {
        let folder = tempdir();
        let rules = Rules {
            users: Some(users_file(folder.path(), &[(user, password)])),
            ..Rules::default()
        };
        Self::start(folder, &rules, &Access::default().user(user, password))
    }

    /// Plain HTTP on this port, for these users, or open to all if there are none.
    pub(crate) fn on(port: u16, users: &[(&str, &str)]) -> Self {
        let folder = tempdir();
        let mut access = Access::default();
        let mut rules = Rules::default();
        if let [(user, password), ..] = users {
            rules.users = Some(users_file(folder.path(), users));
            access = access.user(user, password);
        }
        Self::try_start(folder, port, &rules, &access).unwrap_or_else(|_| panic!("port {port} is taken"))
    }

    /// HTTPS with a certificate for 127.0.0.1 and localhost, open to all.
    pub(crate) fn tls(authority: &Authority) -> Self {
        let folder = tempdir();
        let rules = Rules {
            tls: Some(tls(folder.path(), authority)),
            ..Rules::default()
        };
        let access = Access::default().authority(&folder.path().join("ca.crt"));
        Self::start(folder, &rules, &access)
    }

    /// HTTPS with one user.
    pub(crate) fn tls_htpasswd(authority: &Authority, user: &str, password: &str) -> Self {
        let folder = tempdir();
        let rules = Rules {
            users: Some(users_file(folder.path(), &[(user, password)])),
            tls: Some(tls(folder.path(), authority)),
            ..Rules::default()
        };
        let access = Access::default()
            .authority(&folder.path().join("ca.crt"))
            .user(user, password);
        Self::start(folder, &rules, &access)
    }

    /// HTTPS that lets in only clients with a certificate of the same authority.
    pub(crate) fn mutual_tls(authority: &Authority) -> Self {
        let folder = tempdir();
        let tls = tls(folder.path(), authority);
        let ca = folder.path().join("ca.crt");
        let client = authority.client("seeder").write(folder.path(), "seeder");
        let access = Access::default().authority(&ca).client(&client);
        let rules = Rules {
            tls: Some(tls),
            client_authority: Some(ca),
            ..Rules::default()
        };
        Self::start(folder, &rules, &access)
    }

    fn start(mut folder: TempDir, rules: &Rules, access: &Access) -> Self {
        // Another program may take the port in between; then the registry ends and is started anew.
        for _ in 0..20 {
            match Self::try_start(folder, free_port(), rules, access) {
                Ok(registry) => return registry,
                Err(same) => folder = same,
            }
        }
        panic!("the registry found no free port");
    }

    /// Gives the folder back when the port is taken.
    fn try_start(folder: TempDir, port: u16, rules: &Rules, access: &Access) -> Result<Self, TempDir> {
        fs::create_dir_all(folder.path().join("storage")).unwrap();
        let start = match crate::REGISTRY {
            Program::Distribution => start_distribution,
            Program::Rdock => start_rdock,
        };
        match start(folder.path(), port, rules, access) {
            Some(daemon) => Ok(Self {
                daemon,
                folder,
                port,
                access: access.clone(),
            }),
            None => Err(folder),
        }
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

    /// Uploads an image byte for byte under a name, whatever this registry's access asks for.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Built) {
        push_raw(&self.access, &self.host(), repository, tag, image);
    }

    /// The base URL with its scheme.
    pub(crate) fn url(&self) -> String {
        self.access.url(&self.host())
    }

    /// A `curl` command that already knows the certificates and the password.
    pub(crate) fn curl(&self) -> Command {
        self.access.curl()
    }
}

fn tempdir() -> TempDir {
    tempfile::Builder::new().prefix("rdreg").tempdir().unwrap()
}

/// Whether a registry that keeps its files in `storage` has this repository.
pub(crate) fn has_repository(storage: &Path, repository: &str) -> bool {
    match crate::REGISTRY {
        Program::Distribution => storage
            .join("docker/registry/v2/repositories")
            .join(repository)
            .is_dir(),
        Program::Rdock => {
            let index = fs::read_to_string(storage.join("index.json")).unwrap_or_default();
            index.contains(&format!("{repository}:"))
        }
    }
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

/// Such a file as `htpasswd -B` writes, at the least cost that bcrypt knows.
pub(crate) fn users_file(folder: &Path, users: &[(&str, &str)]) -> PathBuf {
    let path = folder.join("htpasswd");
    let lines = users.iter().map(|(user, password)| {
        let hash = bcrypt::hash_with_result(password, 4).unwrap();
        format!("{user}:{}\n", hash.format_for_version(bcrypt::Version::TwoY))
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

fn tls(folder: &Path, authority: &Authority) -> (PathBuf, PathBuf) {
    authority.pem_file(folder);
    authority.issue(&["127.0.0.1", "localhost"]).write(folder, "server")
}

/// The started program; nothing when the port is taken.
fn start_distribution(folder: &Path, port: u16, rules: &Rules, access: &Access) -> Option<Daemon> {
    let mark = format!("{port}-{:016x}", fastrand::u64(..));
    let config = folder.join("config.yml");
    fs::write(&config, settings(folder, port, &mark, rules)).unwrap();
    let mut daemon = Daemon::start(
        "docker-registry",
        &["serve", config.to_str().unwrap()],
        &folder.join("log"),
    );
    answers(&mut daemon, port, &mark, access).then_some(daemon)
}

/// The started program; nothing when the port is taken.
fn start_rdock(folder: &Path, port: u16, rules: &Rules, _: &Access) -> Option<Daemon> {
    assert!(
        rules.client_authority.is_none(),
        "rdock serve asks for no client's certificate: this test needs the real registry"
    );
    let mut arguments = vec!["serve".to_owned()];
    let mut flag = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    flag("--root", folder.join("storage").display().to_string());
    if let Some(users) = &rules.users {
        flag("--htpasswd", users.display().to_string());
        if rules.tls.is_none() {
            arguments.push("--insecure".to_owned());
        }
    }
    if let Some((certificate, key)) = &rules.tls {
        arguments.extend([
            "--tls".to_owned(),
            format!("{},{}", certificate.display(), key.display()),
        ]);
    }
    arguments.push(format!("127.0.0.1:{port}"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut daemon = Daemon::start(env!("CARGO_BIN_EXE_rdock"), &arguments, &folder.join("log"));
    wait_for("rdock serve", || {
        let is_alive = daemon.is_alive();
        let log = daemon.log();
        if log.contains("Serving ") {
            return Some(true);
        }
        assert!(is_alive || log.contains("in use"), "{log}");
        (!is_alive).then_some(false)
    })
    .then_some(daemon)
}

fn settings(folder: &Path, port: u16, mark: &str, rules: &Rules) -> String {
    let storage = folder.join("storage");
    let auth = rules.users.as_ref().map_or_else(String::new, |path| {
        format!("auth:\n  htpasswd:\n    realm: test\n    path: {}", path.display())
    });
    let mut tls = rules.tls.as_ref().map_or_else(String::new, |(certificate, key)| {
        format!(
            "  tls:\n    certificate: {}\n    key: {}",
            certificate.display(),
            key.display()
        )
    });
    if let Some(authority) = &rules.client_authority {
        let _ = write!(tls, "\n    clientcas: [{}]", authority.display());
    }
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
fn answers(daemon: &mut Daemon, port: u16, mark: &str, access: &Access) -> bool {
    wait_for("docker-registry", || {
        if !daemon.is_alive() {
            let log = daemon.log();
            assert!(log.contains("address already in use"), "{log}");
            return Some(false);
        }
        // Asking the port first is cheaper than a failing curl.
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        let mut curl = access.curl();
        curl.args(["-i", &format!("{}/v2/", access.url(&format!("127.0.0.1:{port}")))]);
        let run = finish(curl, b"");
        run.stdout.contains(mark).then_some(true)
    })
}
