//! `rdock login`: asks the server first, and stores only what it accepts.

use std::io::{self, IsTerminal, Read};

use clap::Args;

use super::{Context, RegistryArgs, Status};
use crate::credentials::{Credential, Secret, Stored, server_domain, server_key};
use crate::error::{Error, Kind, Result};
use crate::image::reference::HUB;
use crate::registry::Registry;
use crate::ui::{Colour, info, prompt};

/// Authenticate to a registry
///
/// Defaults to Docker Hub if no server is specified.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Username
    #[arg(short, long, value_name = "string")]
    username: Option<String>,
    /// Password or Personal Access Token (PAT); - reads it from stdin
    #[arg(short, long, value_name = "string")]
    password: Option<Secret>,
    /// Take the Password or Personal Access Token (PAT) from stdin
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

/// What the user gave or typed.
struct Given {
    username: String,
    password: Secret,
}

pub async fn run(args: LoginArgs, context: &Context) -> Result<Status> {
    let password = password_flag(&args, context)?;
    context.credentials().check()?;
    context.warn_of_auth_config();
    let domain = server_domain(args.server.as_deref());
    let registry = context.registry(&domain, &args.registry)?;
    let login = Login {
        context,
        registry,
        key: server_key(args.server.as_deref()),
        is_hub: domain == HUB,
    };
    if args.username.is_none() && password.is_none() && login.with_existing(&domain).await? {
        context.screen.line("Login Succeeded");
        return Ok(Status::Done);
    }
    let default_user = if args.username.is_none() && password.is_none() {
        stored_username(context, &domain).await
    } else {
        None
    };
    let given = login
        .ask(args.username.as_deref(), password, default_user.as_deref())
        .await?;
    let accepted = login.registry.log_in(&given.username, &given.password).await?;
    let credential = match accepted.identity_token {
        Some(token) => Credential::IdentityToken(token),
        None => Credential::Basic {
            username: given.username,
            password: given.password,
        },
    };
    login.store(&credential).await?;
    context.screen.line("Login Succeeded");
    Ok(Status::Done)
}

/// The password of the flags, after docker's checks in docker's order.
fn password_flag(args: &LoginArgs, context: &Context) -> Result<Option<Secret>> {
    let wrong = |message: &str| Err(Error::new(Kind::Usage, message));
    // As with many programs, a dash means standard input.
    let is_dash = args.password.as_ref().is_some_and(|password| password.expose() == "-");
    if args.password.is_some() && args.password_stdin {
        return wrong("conflicting options: cannot specify both --password and --password-stdin");
    }
    if (args.password_stdin || is_dash) && args.username.is_none() {
        return wrong("the --password-stdin option requires --username to be set");
    }
    if args.username.as_deref() == Some("") {
        return wrong("username is empty");
    }
    if args.password.as_ref().is_some_and(|p| p.expose().is_empty()) {
        return wrong("password is empty");
    }
    if args.password.is_some() && !is_dash {
        context
            .screen
            .note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    if !args.password_stdin && !is_dash {
        return Ok(args.password.clone());
    }
    let mut text = String::new();
    io::stdin().take(MAX_PASSWORD).read_to_string(&mut text)?;
    // Docker takes several as one. Blanks stay: they may be part of it.
    Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
}

/// The most bytes of a password: far longer than any token.
const MAX_PASSWORD: u64 = 1 << 20;

async fn stored_username(context: &Context, domain: &str) -> Option<String> {
    match context.credentials().find(domain).await {
        Ok(Some(Credential::Basic { username, .. })) => Some(username),
        _ => None,
    }
}

struct Login<'a> {
    context: &'a Context,
    registry: Registry,
    key: String,
    is_hub: bool,
}

impl Login<'_> {
    /// Tries what is stored. Whether that worked; a refusal is told and leads to the prompt.
    async fn with_existing(&self, domain: &str) -> Result<bool> {
        let Some(credential) = self.context.credentials().find(domain).await? else {
            return Ok(false);
        };
        let who = match &credential {
            Credential::Basic { username, .. } => username.as_str(),
            Credential::IdentityToken(_) => "<token>",
            Credential::RegistryToken(_) => return Ok(false),
        };
        let screen = &self.context.screen;
        screen.note(&format!(
            "Authenticating with existing credentials... [Username: {who}]\n"
        ));
        let program = self.context.settings.program.name();
        let other = format!("To login with a different account, run '{program} logout' followed by '{program} login'");
        info::tell(screen, &[(&other, "")], self.colour());
        screen.note("\n");
        let answer = match &credential {
            Credential::Basic { username, password } => self.registry.log_in(username, password).await,
            Credential::IdentityToken(token) | Credential::RegistryToken(token) => {
                self.registry.log_in_with_token(token).await
            }
        };
        match answer {
            Ok(_) => {
                self.store(&credential).await?;
                Ok(true)
            }
            Err(e) => {
                screen.note(&format!("Login did not succeed, error: {e}"));
                Ok(false)
            }
        }
    }

    /// Asks for what was not given; blank counts as not given.
    async fn ask(&self, username: Option<&str>, password: Option<Secret>, default: Option<&str>) -> Result<Given> {
        let username = username.map(str::trim).filter(|name| !name.is_empty());
        let password = password.filter(|given| !given.expose().trim().is_empty());
        if (username.is_none() || password.is_none()) && !prompt::is_possible() {
            return Err(Error::new(
                Kind::Usage,
                "Error: Cannot perform an interactive login from a non TTY device",
            ));
        }
        let screen = &self.context.screen;
        let username = if let Some(username) = username {
            username.to_owned()
        } else {
            if self.is_hub {
                screen.line(HUB_WELCOME);
            }
            prompt::username(screen, default).await?
        };
        if let Some(password) = password {
            return Ok(Given { username, password });
        }
        if self.is_hub {
            self.suggest_token();
        }
        let password = Secret::new(prompt::password(screen).await?);
        Ok(Given { username, password })
    }

    fn suggest_token(&self) {
        let screen = &self.context.screen;
        screen.note("");
        info::tell(
            screen,
            &[
                ("A Personal Access Token (PAT) can be used instead.", ""),
                ("To create a PAT, visit ", "https://app.docker.com/settings"),
                ("", ""),
                ("", ""),
            ],
            self.colour(),
        );
    }

    fn colour(&self) -> Colour {
        if self.context.settings.output.no_color || !io::stderr().is_terminal() {
            return Colour::None;
        }
        Colour::Allowed
    }

    async fn store(&self, credential: &Credential) -> Result<()> {
        let stored = self.context.credentials().store(&self.key, credential).await?;
        if let Stored::File {
            path,
            plain_text_new: true,
        } = stored
        {
            self.context.screen.note(&format!(
                "\nWARNING! Your credentials are stored unencrypted in '{}'.\n\
                 Configure a credential helper to remove this warning. See\n\
                 https://docs.docker.com/go/credential-store/\n",
                path.display()
            ));
        }
        Ok(())
    }
}

const HUB_WELCOME: &str = "Log in with your Docker ID or email address to push and pull images from Docker Hub. \
If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\n\
You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security \
and is required for organizations using SSO. Learn more at https://docs.docker.com/go/access-tokens/\n";
