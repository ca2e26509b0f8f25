//! What every command is given, and how it meets registries and the store.

use std::cell::{Cell, OnceCell};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;

use super::switch;
use crate::credentials::Credentials;
use crate::error::{Error, Kind, Result, in_go_s_words};
use crate::registry::{Insecure, Mirror, Proxies, Registries, Registry, Trust, Wire};
use crate::settings::{Setting, Settings, proxy_variable};
use crate::store::{LockWatch, Recovery, Store};
use crate::ui::failure::{self, Here};
use crate::ui::{Screen, human, wire_log};

/// How a command ended that did not end with an [`Error`](crate::error::Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Done,
    /// It failed, and has said why already.
    Failed,
    /// The same, with an exit code of its own.
    Exit(u8),
}

/// Docker's words for a file that cannot be read.
pub(super) fn cannot_open(path: &Path, e: &io::Error) -> Error {
    let words = in_go_s_words(e);
    Error::new(Kind::Usage, format!("open {}: {words}", path.display()))
}

/// The flags of every command that talks to a registry.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Allow plain HTTP and unverified certificates
    #[arg(long)]
    pub insecure: bool,
}

/// Docker's flag for signatures of its notary, which rdock does not know.
#[derive(Debug, Args)]
#[command(mut_arg("disable_content_trust", switch))]
pub struct TrustArgs {
    /// Skip image verification (always so: digests are verified, signatures are not)
    #[arg(long, value_name = "bool")]
    disable_content_trust: Option<bool>,
}

impl TrustArgs {
    /// Refuses to pass over signatures that someone wants to be checked.
    pub fn check(&self, settings: &Settings) -> Result<()> {
        let way_out = match self.disable_content_trust {
            Some(false) => "leave --disable-content-trust=false out",
            None if settings.docker.content_trust => "unset DOCKER_CONTENT_TRUST, or pass --disable-content-trust",
            _ => return Ok(()),
        };
        let what = "content trust is not supported: rdock verifies digests, not signatures";
        Err(Error::new(Kind::Unsupported, format!("{what}; {way_out}")))
    }
}

pub struct Context {
    pub settings: Settings,
    pub screen: Screen,
    credentials: OnceCell<Rc<Credentials>>,
    registries: OnceCell<Registries>,
    /// The time when the user's time for the command ends.
    until: Cell<Option<Instant>>,
}

impl Context {
    pub fn new(settings: Settings, screen: Screen) -> Self {
        Self {
            settings,
            screen,
            credentials: OnceCell::new(),
            registries: OnceCell::new(),
            until: Cell::default(),
        }
    }

    /// Lets nothing wait for longer than so long from now on.
    pub fn end_in(&self, time: Duration) {
        self.until.set(Instant::now().checked_add(time));
    }

    /// Read when first needed: commands that talk to no registry touch no config.json.
    pub fn credentials(&self) -> &Rc<Credentials> {
        self.credentials
            .get_or_init(|| Rc::new(Credentials::open(self.settings.logins.clone())))
    }

    /// Says that what `login` and `logout` change in config.json has no effect while the variable is set, in docker's
    /// words.
    pub fn warn_of_auth_config(&self) {
        if self.settings.logins.auth_config.is_some() {
            self.screen.note(
                "WARNING: DOCKER_AUTH_CONFIG is set and takes precedence.\n\
                 Unset DOCKER_AUTH_CONFIG to restore the CLI auth behaviour.\n",
            );
        }
    }

    /// The exit code of a command, after what is left to say: its failure, and what went wrong on the way.
    pub fn end(&self, result: Result<Status>) -> u8 {
        let result = result.and_then(|status| self.screen.finish().map(|()| status));
        for warning in self.credentials.get().into_iter().flat_map(|it| it.take_warnings()) {
            self.screen.note(&warning);
        }
        match result {
            Ok(Status::Done) => 0,
            Ok(Status::Failed) => 1,
            Ok(Status::Exit(code)) => code,
            Err(e) => self.fail(&e),
        }
    }

    /// Says what went wrong, with a way out where there is one; the answer is the exit code.
    pub fn fail(&self, error: &Error) -> u8 {
        let shown = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        let here = Here {
            program: self.settings.program.name(),
            daemon_configs: shown(&self.settings.docker_folders.daemon_files()),
            certificate_folders: shown(&self.settings.docker_folders.certificates()),
        };
        failure::report(&self.screen, error, &here)
    }

    /// Says what went wrong with some of several things.
    pub fn conclude<'a>(&self, failures: impl IntoIterator<Item = &'a Error>) -> Status {
        let mut status = Status::Done;
        for failure in failures {
            self.fail(failure);
            status = Status::Failed;
        }
        status
    }

    /// The user's store, after what a power cut may have damaged was looked at.
    pub fn store(&self) -> Store {
        let screen = self.screen.clone();
        let watch = LockWatch::new(self.until.get(), move |blocked| {
            let path = blocked.path.display();
            screen.note(&format!("Waiting for {blocked}, which holds {path} ..."));
        });
        let store = Store::watched(self.settings.store_folder.clone(), watch);
        store.recover(&|found| self.tell(found));
        store
    }

    fn tell(&self, found: Recovery) {
        let text = match found {
            Recovery::Verifying { blobs, bytes } => {
                let size = human::size(bytes);
                format!("Verifying {blobs} blobs ({size}) that the disk may have lost when this machine went down ...")
            }
            Recovery::Dropped { blobs } => format!(
                "WARNING: {blobs} blobs were damaged when this machine went down and are removed: pull their images again"
            ),
        };
        self.screen.note(&text);
    }

    /// The registry of a reference's domain, trusted as daemon.json and the flags say.
    pub fn registry(&self, domain: &str, args: &RegistryArgs) -> Result<Registry> {
        self.registries(args, None)?.at(domain)
    }

    /// The registries of this run, which has one set of flags: the first call's count. Whoever moves blobs says how
    /// long a silence of the other side is borne.
    pub fn registries(&self, args: &RegistryArgs, stall_timeout: Option<Duration>) -> Result<&Registries> {
        if let Some(known) = self.registries.get() {
            return Ok(known);
        }
        let daemon = self.settings.docker_folders.daemon();
        for warning in &daemon.warnings {
            self.screen.note(warning);
        }
        let insecure = Setting::read_each::<Insecure>(&daemon.insecure_registries)?;
        let (mirrors, bad_mirrors) = Setting::read_all::<Mirror>(&daemon.registry_mirrors);
        let bad_links = self.settings.docker_folders.certificate_warnings();
        for warning in bad_mirrors.iter().chain(&bad_links) {
            self.screen.note(warning);
        }
        let trust = Trust {
            insecure,
            insecure_everywhere: args.insecure,
            certificate_folders: self.settings.docker_folders.certificates(),
            proxies: Proxies::of(proxy_variable),
        };
        let watcher = self.settings.output.debug.then(|| wire_log::watcher(&self.screen));
        let wire = Wire::with(trust, stall_timeout, watcher);
        let made = Registries::new(wire, self.credentials().clone(), mirrors);
        Ok(self.registries.get_or_init(|| made))
    }
}
