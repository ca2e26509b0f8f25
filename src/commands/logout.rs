//! `rdock logout`: forgets a registry's credentials.

use clap::Args;

use super::{Context, Status};
use crate::error::Result;

/// Log out from a registry
///
/// If no server is specified, the default is Docker Hub.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    #[arg(value_name = "SERVER")]
    server: Option<String>,
}

pub async fn run(args: LogoutArgs, context: &Context) -> Result<Status> {
    context.warn_of_auth_config();
    let erased = context.credentials().erase(args.server.as_deref()).await?;
    context
        .screen
        .line(&format!("Removing login credentials for {}", erased.server));
    for warning in &erased.warnings {
        context.screen.note(warning);
    }
    Ok(Status::Done)
}
