//! `rdock serve`: a registry over the local store, or over another folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{Context, RegistryArgs, Status};
use crate::error::{During as _, Error, Kind, Result};
use crate::server::{self, Identity, Options, Server, Users};
use crate::store::Store;

const PORT: u16 = 5000;
const WEEK: Duration = Duration::from_hours(7 * 24);
const SELF_SIGNED: &str = "self-signed";

/// Serve the local images as a registry
///
/// What was pulled can be pulled from here, and what is pushed here is in the list of images.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ServeArgs {
    /// Serve this OCI layout folder instead of the local images
    #[arg(long, value_name = "folder")]
    root: Option<PathBuf>,
    /// Refuse pushes and deletions
    #[arg(long)]
    read_only: bool,
    /// Take pushes and deletions among the local images without a password
    #[arg(long, conflicts_with = "read_only")]
    writable: bool,
    /// Let in only the users of this file, made by "htpasswd -B"
    #[arg(long, value_name = "file")]
    htpasswd: Option<PathBuf>,
    /// Let each user pull and push only what this file says, in lines "USER ACTIONS PATH..."
    ///
    /// A line such as "alice pull,push team/" lets alice pull and push all below team/. ACTIONS are pull, push (which
    /// holds pull) and delete. PATH/ is all below it, PATH one repository, * all, by the names that the catalog lists.
    /// As USER, * is every user of the --htpasswd file, and anonymous everybody, also without a password, who can only be
    /// given pull. What no line allows nobody may. A blob is shown in those repositories alone that have it.
    #[arg(long, value_name = "file", requires = "htpasswd")]
    rights: Option<PathBuf>,
    /// Give tokens: the URL of this registry's /token as clients reach it
    #[arg(long, value_name = "url", requires = "htpasswd")]
    token_realm: Option<String>,
    /// Speak HTTPS: "CERT.pem,KEY.pem", or "self-signed"
    #[arg(long, value_name = "files")]
    tls: Option<String>,
    /// Fetch what is not here from this registry, and keep it
    #[arg(long, value_name = "HOST[:PORT]", requires = "root")]
    upstream: Option<String>,
    /// Show counters at /metrics
    #[arg(long)]
    metrics: bool,
    /// Free what no name leads to after this many seconds (default 3600 in a folder, a week among the local images)
    #[arg(long, value_name = "seconds")]
    keep_unnamed: Option<u64>,
    /// Write no access log
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Where to listen (default "127.0.0.1:5000")
    #[arg(
        value_name = "[HOST]:PORT",
        default_value = "127.0.0.1:5000",
        hide_default_value = true
    )]
    address: String,
}

pub async fn run(args: ServeArgs, context: &Context) -> Result<Status> {
    let store = args.root.clone().map_or_else(|| context.store(), Store::at);
    let upstream = match &args.upstream {
        Some(domain) => Some(context.registry(domain, &args.registry)?),
        None => None,
    };
    let has_upstream = upstream.is_some();
    let screen = context.screen.clone();
    let is_quiet = args.quiet;
    let options = Options {
        is_read_only: is_read_only(&args),
        users: Users {
            htpasswd: args.htpasswd.clone(),
            rights: args.rights.clone(),
            token_realm: args.token_realm.clone(),
        },
        upstream,
        has_metrics: args.metrics,
        kept_for: kept_for(&args),
        log: Some(Rc::new(move |line| {
            if !is_quiet || line.starts_with("error: ") {
                screen.note(line);
            }
        })),
        ..Options::default()
    };
    let folder = store.root().to_owned();
    let server = Server::new(store, options)?;
    server::raise_open_files();
    let listener = server::bind(&address(&args.address)?).await?;
    let local = listener.local_addr()?;
    let identity = identity(&args, context, &folder, local)?;
    if args.root.is_none() && args.htpasswd.is_none() {
        context.screen.note(&readers(&args, local));
    }
    for warning in warnings(&args, local, has_upstream) {
        context.screen.note(&format!("WARNING! {warning}"));
    }
    let scheme = if identity.is_some() { "https" } else { "http" };
    context
        .screen
        .line(&format!("Serving {} at {scheme}://{local}", folder.display()));
    let (stop, stopped) = oneshot::channel();
    let mut signals = Signals::listen()?;
    let signals = async {
        signals.next().await;
        let _ = stop.send(());
        // Whoever asks twice does not want to wait.
        signals.next().await;
    };
    tokio::select! {
        () = server.serve(listener, identity, async { drop(stopped.await) }) => {}
        () = signals => {}
    }
    Ok(Status::Done)
}

/// The own images are not for anybody to change who can reach the port: every program of this machine can.
fn is_read_only(args: &ServeArgs) -> bool {
    args.read_only || (args.root.is_none() && args.htpasswd.is_none() && !args.writable)
}

/// The hosts that can read the own images.
fn readers(args: &ServeArgs, local: SocketAddr) -> String {
    let who = if local.ip().is_loopback() {
        "Every user and program of this machine".to_owned()
    } else {
        format!("Everybody who can reach {local}")
    };
    let what = if is_read_only(args) {
        "pull your images; --writable or --htpasswd allows pushes"
    } else {
        "pull, push and delete your images"
    };
    format!("{who} can {what}.")
}

/// What killed pulls left among the local images is kept as long as any command keeps it.
fn kept_for(args: &ServeArgs) -> Option<Duration> {
    let own = args.keep_unnamed.map(|seconds| Duration::from_secs(seconds.max(1)));
    own.or_else(|| args.root.is_none().then_some(WEEK))
}

/// `HOST:PORT`, where either may be left out.
fn address(text: &str) -> Result<String> {
    if text.parse::<u16>().is_ok() {
        return Ok(format!("127.0.0.1:{text}"));
    }
    let wrong = || {
        Error::new(
            Kind::Usage,
            format!("{text:?} is not an address to listen at: give HOST:PORT"),
        )
    };
    match text.rsplit_once(':') {
        Some(("", port)) if port.parse::<u16>().is_ok() => Ok(format!("0.0.0.0:{port}")),
        Some((host, port)) if port.parse::<u16>().is_ok() && (!host.contains(':') || host.starts_with('[')) => {
            Ok(text.to_owned())
        }
        None if !text.is_empty() => Ok(format!("{text}:{PORT}")),
        Some(_) if text.starts_with('[') && text.ends_with(']') => Ok(format!("{text}:{PORT}")),
        _ => Err(wrong()),
    }
}

/// The certificate, if there is to be one.
fn identity(args: &ServeArgs, context: &Context, root: &Path, local: SocketAddr) -> Result<Option<Identity>> {
    let Some(tls) = &args.tls else {
        return Ok(None);
    };
    if tls != SELF_SIGNED {
        let (certificate, key) = tls.split_once(',').ok_or_else(|| {
            Error::new(
                Kind::Usage,
                format!("--tls {tls:?} names no two files: give CERT.pem,KEY.pem or {SELF_SIGNED}"),
            )
        })?;
        return Identity::read(Path::new(certificate), Path::new(key)).map(Some);
    }
    let made = server::self_signed(&root.join("tls"), &hosts(local))?;
    let authority = made.authority.display();
    let host = match local.ip() {
        ip if ip.is_unspecified() => format!("{}:{}", hostname(), local.port()),
        _ => local.to_string(),
    };
    let folders = context.settings.docker_folders.certificates();
    let folder = folders.into_iter().next().unwrap_or_default();
    let folder = folder.join(host);
    let folder = folder.display();
    context.screen.note(&format!(
        "The certificate is signed by {authority}. Clients trust it after:\n  mkdir -p {folder} && cp {authority} {folder}/ca.crt"
    ));
    Ok(Some(made.identity))
}

/// The hosts that a made certificate is for.
fn hosts(local: SocketAddr) -> Vec<String> {
    let mut hosts = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        hostname(),
    ];
    if !local.ip().is_unspecified() {
        hosts.push(local.ip().to_string());
    }
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// What the operator may not have meant.
fn warnings(args: &ServeArgs, local: SocketAddr, has_upstream: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if local.ip().is_loopback() {
        return warnings;
    }
    let can_write = !is_read_only(args) && !has_upstream;
    if args.htpasswd.is_none() {
        let what = if can_write {
            "push to, delete from and pull from"
        } else {
            "pull from"
        };
        warnings.push(format!(
            "Everybody who can reach {local} may {what} this registry: use --htpasswd{}",
            if can_write { ", or --read-only" } else { "" }
        ));
    } else if args.tls.is_none() {
        warnings.push(format!(
            "Passwords for {local} travel in clear text: use --tls, or a proxy with HTTPS in front"
        ));
    }
    warnings
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).during("listening for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        for (text, meant) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("5001", "127.0.0.1:5001"),
            (":5001", "0.0.0.0:5001"),
            ("localhost", "localhost:5000"),
            ("[::1]", "[::1]:5000"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(text).unwrap(), meant, "{text}");
        }
        for wrong in ["", "a:b", "::1", "a:99999"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
