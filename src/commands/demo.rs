//! `rdock demo`: the registry tutorial with a registry of its own, and nothing of it stays.

mod folders;
mod sample;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use clap::Args;
use futures_util::future;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::{Context, Status};
use crate::error::{During as _, Error, Kind, Result};
use crate::server::{self, Options, Server, Users};

use folders::{Folders, PASSWORD};

/// Walk through the registry tutorial, with a registry that is gone afterwards
#[derive(Debug, Args)]
pub struct DemoArgs {}

/// The tutorial: why, and what is typed. `HOST` is the registry.
const STEPS: [(&str, &str); 12] = [
    (
        "This registry wants to know who comes in.",
        "login --username demo --password-stdin HOST",
    ),
    ("It has an image already. Download it:", "pull HOST/hello:1.0"),
    ("It is here now, without an engine and without root.", "images"),
    (
        "To put it elsewhere, give it a name there",
        "tag HOST/hello:1.0 HOST/team/hello:2.0",
    ),
    (
        "and push. The registry has the layers; nothing is sent twice.",
        "push HOST/team/hello:2.0",
    ),
    ("What docker cannot do: look into a registry.", "catalog HOST"),
    ("The tags, with all that is worth knowing:", "tags --long HOST/hello"),
    ("Search works on any registry:", "search HOST/hel"),
    (
        "Remove the images here; the registry keeps its own.",
        "rmi HOST/hello:1.0 HOST/team/hello:2.0",
    ),
    ("So they can be pulled again.", "pull HOST/team/hello:2.0"),
    (
        "From one place to another, with every platform, and nothing stored here:",
        "copy HOST/hello:1.0 HOST/mirror/hello:1.0",
    ),
    ("Done: forget the password.", "logout HOST"),
];

pub async fn run(_: DemoArgs, context: &Context) -> Result<Status> {
    let began = Instant::now();
    let folders = Folders::make()?;
    sample::put(&folders.registry()).await?;
    let listener = server::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?.to_string();
    let options = Options {
        users: Users {
            htpasswd: Some(folders.users()),
            ..Users::default()
        },
        ..Options::default()
    };
    let server = Server::new(folders.registry(), options)?;
    let folder = folders.folder().display().to_string();
    context.screen.line(&format!(
        "# A registry runs at {host}; all its files, and yours, are in {folder}."
    ));
    let (done, stop) = oneshot::channel::<()>();
    let walk = async {
        let walked = walk(context, &folders, &host).await;
        drop(done);
        walked
    };
    let serve = server.serve(listener, None, async { stop.await.unwrap_or_default() });
    let (status, ()) = future::join(walk, serve).await;
    drop(folders);
    if status? == Status::Failed {
        return Ok(Status::Failed);
    }
    let (count, seconds) = (STEPS.len(), began.elapsed().as_secs_f32());
    context.screen.line(&format!(
        "\n# {count} commands in {seconds:.1} seconds. The registry and all its files are gone again.\n\
         # rdock serve runs one that stays, and rdock --help lists what else there is."
    ));
    Ok(Status::Done)
}

/// Types one command after the other; the first that fails ends it.
async fn walk(context: &Context, folders: &Folders, host: &str) -> Result<Status> {
    let program = std::env::current_exe().during("looking for the program itself")?;
    for (why, line) in STEPS {
        let line = line.replace("HOST", host);
        let input = line.contains("--password-stdin").then_some(PASSWORD);
        let typed = match input {
            Some(input) => format!("echo {input} | rdock {line}"),
            None => format!("rdock {line}"),
        };
        context.screen.line(&format!("\n# {why}\n$ {typed}"));
        let code = type_in(&program, folders, &line, input).await?;
        if code != Some(0) {
            let code = code.map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}"));
            let message = format!("the demo stops here: rdock {line} ended {code}");
            context.fail(&Error::new(Kind::Unsupported, message));
            return Ok(Status::Failed);
        }
    }
    Ok(Status::Done)
}

/// Runs one command as the shell would, with files of its own; its exit code.
async fn type_in(program: &PathBuf, folders: &Folders, line: &str, input: Option<&str>) -> Result<Option<i32>> {
    let mut command = Command::new(program);
    command
        .args(line.split(' '))
        .env("DOCKER_CONFIG", folders.login())
        .env("RDOCK_HOME", folders.home())
        // Without credential helpers: the demo's login has no place in anybody's keychain.
        .env("PATH", folders.folder())
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .kill_on_drop(true);
    // What leads away from this machine, or to another login than the demo's.
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "DOCKER_AUTH_CONFIG",
        "DOCKER_DEFAULT_PLATFORM",
    ] {
        command.env_remove(variable);
    }
    let mut child = command.spawn().during(format!("starting {}", program.display()))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A command that wants no input says itself what is wrong.
        let _ = stdin.write_all(format!("{input}\n").as_bytes()).await;
    }
    let status = child.wait().await.during(format!("waiting for rdock {line}"))?;
    Ok(status.code())
}
