//! Parse, run, show the failure, exit.

mod signals;

use std::pin::pin;
use std::process::ExitCode;

use rdock::cli::mistake::{self, Stream};
use rdock::cli::{Cli, Command, complete};
use rdock::commands::Context;
use rdock::error::Error;
use rdock::settings::Settings;
use rdock::ui::Screen;
use tokio::task::yield_now;

/// Threads that work on the disk for `serve`: enough that a slow write holds nobody up, and few enough to be small. Each
/// has its own arena of memory in the end: three minutes of pushes left 115 MB with 16 of them, 66 MB in one arena.
const SERVING_THREADS: usize = 8;

fn main() -> ExitCode {
    match complete::answer() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(e) => return refuse(&e),
    }
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(e) => return refuse(&e),
    };
    let screen = Screen::new(cli.command.progress());
    let settings = cli.check().and_then(|()| Settings::settle(cli.config.as_deref()));
    let code = match settings {
        Ok(mut settings) => {
            settings.output.debug |= cli.is_debugging();
            if let Some(notice) = cli.notice(&settings) {
                screen.note(&notice);
            }
            run(cli.command, &Context::new(settings, screen))
        }
        Err(e) => {
            screen.note(&e.to_string());
            1
        }
    };
    ExitCode::from(code)
}

/// Answers a wrong command line, or one that asks for help.
fn refuse(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let mistake = mistake::explain(error, Cli::tree, &arguments);
    let screen = Screen::new(rdock::ui::ProgressMode::None);
    if let Some(notice) = mistake.notice {
        screen.note(notice);
    }
    match mistake.stream {
        Stream::Out => screen.print(&mistake.text),
        Stream::Err => screen.note(mistake.text.trim_end_matches('\n')),
    }
    ExitCode::from(mistake.exit_code)
}

fn run(command: Command, context: &Context) -> u8 {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    if command.ends_by_itself() {
        // Each thread that ever works on the disk keeps an arena of memory for itself.
        builder.max_blocking_threads(SERVING_THREADS);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return context.fail(&Error::from(e).during("start the runtime")),
    };
    if command.ends_by_itself() {
        let result = runtime.block_on(command.run(context));
        runtime.shutdown_background();
        return context.end(result);
    }
    let ended = runtime.block_on(async {
        let mut stopped = pin!(signals::stopped());
        tokio::select! {
            // The command first: one that works without ever waiting, such as `images`, never comes to take signals
            // over from the system, which ends it at once.
            biased;
            result = command.run(context) => match result {
                // What the same ctrl-C did to a credential helper is no failure.
                Err(e) => tokio::select! {
                    biased;
                    code = &mut stopped => Err(code),
                    () = yield_now() => Ok(Err(e)),
                },
                done => Ok(done),
            },
            code = &mut stopped => Err(code),
        }
    });
    // Threads that still write end with the process; what they wrote so far is kept.
    runtime.shutdown_background();
    match ended {
        Err(code) => {
            context.screen.settle();
            code
        }
        Ok(result) => context.end(result),
    }
}
