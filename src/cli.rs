//! The command tree: `completions/` and `man/` are made from it.

pub mod complete;
mod completion;
mod elsewhere;
pub mod help;
pub mod mistake;
mod way_out;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands;
use crate::commands::{
    Context, Status, buildx, catalog, check, copy, demo, df, digest, engine, history, images, import, info, inspect,
    load, login, logout, manifest, prune, pull, push, rmi, save, search, serve, tag, tags, version,
};
use crate::error::{Error, Kind, Result};
use crate::settings::{Program, Settings};
use crate::ui::ProgressMode;

/// What the manual page of the program tells beside its flags.
const SURROUNDINGS: &str = "\
Environment: RDOCK_HOME is the folder of the image store, else ~/.local/share/rdock. RDOCK_DEBUG=1 is --debug. \
DOCKER_CONFIG is the folder of config.json, else ~/.docker. DOCKER_AUTH_CONFIG holds logins that go before those of \
config.json. DOCKER_DEFAULT_PLATFORM is --platform. HTTPS_PROXY, HTTP_PROXY and NO_PROXY name the proxy, SSL_CERT_FILE \
the authorities that are trusted.

Files: daemon.json in /etc/docker and ~/.config/docker, for insecure-registries and registry-mirrors. \
certs.d/HOST[:PORT]/ in the same two folders, for ca.crt, client.cert and client.key.

Exit codes: 0 done, 1 failed, 64 a template that cannot be read, 125 a flag that cannot be understood, 130 and 143 \
stopped by a signal.";

/// Docker's registry commands without Docker
#[derive(Debug, Parser)]
#[command(
    name = "rdock",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    after_long_help = SURROUNDINGS,
    args_override_self = true
)]
pub struct Cli {
    /// Print version information and quit
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Location of client config files (default "~/.docker")
    #[arg(long, value_name = "string", global = true)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineFlags,
    #[command(subcommand)]
    pub command: Command,
}

/// What docker's client is told about its engine. rdock has none: scripts may go on passing them.
#[derive(Debug, Args)]
struct EngineFlags {
    /// Accepted for docker's sake: there are no contexts
    #[arg(short, long, value_name = "string")]
    context: Option<String>,
    /// Show each request to a registry on stderr
    #[arg(short = 'D', long)]
    debug: bool,
    /// Accepted for docker's sake: there is no engine to connect to
    #[arg(short = 'H', long, value_name = "list")]
    host: Vec<String>,
    /// Accepted for docker's sake: "debug", "info", "warn", "error" or "fatal"
    #[arg(
        short,
        long,
        value_name = "string",
        default_value = "info",
        hide_default_value = true
    )]
    log_level: String,
    /// Accepted for docker's sake
    #[arg(long)]
    tls: bool,
    /// Accepted for docker's sake
    #[arg(long, value_name = "string")]
    tlscacert: Option<String>,
    /// Accepted for docker's sake
    #[arg(long, value_name = "string")]
    tlscert: Option<String>,
    /// Accepted for docker's sake
    #[arg(long, value_name = "string")]
    tlskey: Option<String>,
    /// Accepted for docker's sake
    #[arg(long)]
    tlsverify: bool,
}

/// The levels of docker's client (github.com/sirupsen/logrus).
const LOG_LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

impl Cli {
    /// Reads a command line, the program's name first.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut tree = Self::tree();
        let arguments = without_first_dashes(&tree, arguments.into_iter().collect());
        Self::from_arg_matches(&tree.try_get_matches_from_mut(arguments)?)
    }

    /// Refuses what docker refuses before it runs any command.
    pub fn check(&self) -> Result<()> {
        let level = &self.engine.log_level;
        if LOG_LEVELS.contains(&level.to_lowercase().as_str()) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Usage,
            format!("Unable to parse logging level: {level}"),
        ))
    }

    /// Whether each request is to be shown.
    pub fn is_debugging(&self) -> bool {
        self.engine.debug
    }

    /// The tree as it is read: with docker's `help COMMAND`, and with switches that take `=true` and `=false`. Neither
    /// belongs into completions and manual pages.
    pub fn tree() -> clap::Command {
        with_docker_s_switches(Self::named())
    }

    /// Chooses by the name that it was called by.
    fn named() -> clap::Command {
        Self::command()
            .disable_help_subcommand(false)
            .name(Program::running().name())
    }

    /// What is to be said before a command that does not act where the user may think it does.
    pub fn notice(&self, settings: &Settings) -> Option<String> {
        if !self.command.removes() {
            return None;
        }
        elsewhere::notice(&self.engine.host, self.engine.context.as_deref(), settings)
    }
}

/// Docker takes `--` before the command, where it means nothing.
fn without_first_dashes(tree: &clap::Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let Some(place) = arguments.iter().position(|argument| argument == "--") {
        let before: Vec<_> = arguments[..place]
            .iter()
            .skip(1)
            .map(|it| it.to_string_lossy())
            .collect();
        if help::Path::follow(tree, &before).is_root() {
            arguments.remove(place);
        }
    }
    arguments
}

/// Changes the command and those below it.
fn with_docker_s_switches(command: clap::Command) -> clap::Command {
    command.mut_args(switch).mut_subcommands(with_docker_s_switches)
}

fn switch(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => commands::switch(arg).default_value("false"),
        _ => arg,
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(hide = true)]
    Buildx(buildx::BuildxArgs),
    #[command(subcommand, hide = true)]
    Builder(engine::BuilderCommand),
    Catalog(catalog::CatalogArgs),
    #[command(subcommand, hide = true)]
    Completion(completion::CompletionCommand),
    #[command(subcommand, hide = true)]
    Container(engine::ContainerCommand),
    #[command(subcommand, hide = true)]
    Context(engine::ContextCommand),
    Copy(copy::CopyArgs),
    Demo(demo::DemoArgs),
    Digest(digest::DigestArgs),
    History(history::HistoryArgs),
    #[command(subcommand)]
    Image(ImageCommand),
    Images(images::ImagesArgs),
    Import(import::ImportArgs),
    Info(info::InfoArgs),
    Inspect(inspect::InspectArgs),
    Load(load::LoadArgs),
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    #[command(subcommand)]
    Manifest(manifest::ManifestCommand),
    /// Manage networks
    #[command(subcommand, hide = true)]
    Network(engine::NamedCommand),
    #[command(hide = true)]
    Ps(engine::ContainersArgs),
    Pull(pull::PullArgs),
    Push(push::PushArgs),
    #[command(hide = true)]
    Rm(engine::ContainersRemovalArgs),
    Rmi(rmi::RmiArgs),
    Save(save::SaveArgs),
    Search(search::SearchArgs),
    Serve(serve::ServeArgs),
    #[command(subcommand)]
    System(SystemCommand),
    Tag(tag::TagArgs),
    Tags(tags::TagsArgs),
    Version(version::VersionArgs),
    /// Manage volumes
    #[command(subcommand, hide = true)]
    Volume(engine::NamedCommand),
}

/// Manage images
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    History(history::HistoryArgs),
    Import(import::ImportArgs),
    Inspect(inspect::ImageInspectArgs),
    Load(load::LoadArgs),
    #[command(visible_alias = "list")]
    Ls(images::ImagesArgs),
    Prune(prune::ImagePruneArgs),
    Pull(pull::PullArgs),
    Push(push::PushArgs),
    #[command(visible_aliases = ["remove", "rmi"])]
    Rm(rmi::RmiArgs),
    Save(save::SaveArgs),
    Tag(tag::TagArgs),
}

/// Manage the store
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    Check(check::CheckArgs),
    Df(df::DfArgs),
    Info(info::InfoArgs),
    Prune(prune::SystemPruneArgs),
}

impl Command {
    /// How the command's transfers are to be shown.
    pub fn progress(&self) -> ProgressMode {
        match self {
            Command::Pull(args) | Command::Image(ImageCommand::Pull(args)) => args.transfer.progress,
            Command::Push(args) | Command::Image(ImageCommand::Push(args)) => args.transfer.progress,
            Command::Copy(args) => args.transfer.progress,
            Command::Load(_) | Command::Image(ImageCommand::Load(_)) => ProgressMode::Auto,
            _ => ProgressMode::None,
        }
    }

    /// Whether it takes something out of the store.
    fn removes(&self) -> bool {
        match self {
            Command::Rmi(args) | Command::Image(ImageCommand::Rm(args)) => !args.is_remote(),
            Command::Image(ImageCommand::Prune(_)) | Command::System(SystemCommand::Prune(_)) => true,
            _ => false,
        }
    }

    /// Whether it listens for the signals that end it by itself, and ends when its work is done.
    pub fn ends_by_itself(&self) -> bool {
        matches!(self, Command::Serve(_))
    }

    pub async fn run(self, context: &Context) -> Result<Status> {
        match self {
            Command::Buildx(args) => Box::pin(buildx::run(args, context)).await,
            Command::Builder(command) => engine::run_builder(&command, context).await,
            Command::Completion(shell) => {
                context.screen.print(&completion::script(&shell)?);
                Ok(Status::Done)
            }
            Command::Container(command) => engine::run_container(&command, context).await,
            Command::Context(command) => engine::run_context(&command, context),
            Command::Network(command) => engine::run_named(engine::EngineObject::Network, &command, context).await,
            Command::Ps(args) => engine::run_ps(&args, context),
            Command::Rm(args) => Ok(engine::run_rm(&args, context)),
            Command::Volume(command) => engine::run_named(engine::EngineObject::Volume, &command, context).await,
            Command::Catalog(args) => catalog::run(args, context).await,
            Command::Copy(args) => Box::pin(copy::run(args, context)).await,
            Command::Demo(args) => Box::pin(demo::run(args, context)).await,
            Command::Digest(args) => digest::run(args, context).await,
            Command::Import(args) | Command::Image(ImageCommand::Import(args)) => import::run(args, context).await,
            Command::Load(args) | Command::Image(ImageCommand::Load(args)) => load::run(args, context).await,
            Command::History(args) | Command::Image(ImageCommand::History(args)) => history::run(&args, context),
            Command::Image(ImageCommand::Inspect(args)) => inspect::run_image(&args, context).await,
            Command::Inspect(args) => inspect::run(&args, context).await,
            Command::Images(args) => images::run(&args, images::Called::Images, context),
            Command::Image(ImageCommand::Ls(args)) => images::run(&args, images::Called::ImageLs, context),
            Command::Login(args) => login::run(args, context).await,
            Command::Logout(args) => logout::run(args, context).await,
            Command::Manifest(command) => Box::pin(manifest::run(command, context)).await,
            Command::Pull(args) | Command::Image(ImageCommand::Pull(args)) => pull::run(args, context).await,
            Command::Push(args) | Command::Image(ImageCommand::Push(args)) => Box::pin(push::run(args, context)).await,
            Command::Rmi(args) | Command::Image(ImageCommand::Rm(args)) => rmi::run(&args, context).await,
            Command::Save(args) | Command::Image(ImageCommand::Save(args)) => save::run(args, context).await,
            Command::Search(args) => search::run(args, context).await,
            Command::Serve(args) => serve::run(args, context).await,
            Command::Tag(args) | Command::Image(ImageCommand::Tag(args)) => tag::run(&args, context),
            Command::Tags(args) => tags::run(args, context).await,
            Command::Info(args) | Command::System(SystemCommand::Info(args)) => info::run(&args, context).await,
            Command::Image(ImageCommand::Prune(args)) => prune::run_image(&args, context).await,
            Command::System(SystemCommand::Check(args)) => check::run(&args, context),
            Command::System(SystemCommand::Df(args)) => df::run(&args, context),
            Command::System(SystemCommand::Prune(args)) => prune::run_system(&args, context).await,
            Command::Version(args) => version::run(&args, context),
        }
    }
}
