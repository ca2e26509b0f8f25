//! SIGINT and SIGTERM: heard wherever the command is, and always its end.

use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Docker's exit codes.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;
/// How long a command has to end by itself after a signal.
const GRACE: Duration = Duration::from_millis(500);

/// Waits for a signal that is to end the program, and says with which exit code.
pub(crate) async fn stopped() -> u8 {
    watch_over_the_main_thread();
    heard().await
}

async fn heard() -> u8 {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => INTERRUPTED,
        _ = terminate.recv() => TERMINATED,
    }
}

/// Ends the process when the main thread does not, because it waits for another process's lock or for a slow reader
/// of its output.
fn watch_over_the_main_thread() {
    let watch = || {
        let Ok(runtime) = Builder::new_current_thread().enable_io().build() else {
            return;
        };
        let code = runtime.block_on(heard());
        thread::sleep(GRACE);
        end(code);
    };
    // Without the thread, a command that waits goes on waiting; all others still end.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(watch);
}

#[expect(clippy::exit, reason = "the main thread does not listen")]
fn end(code: u8) {
    std::process::exit(code.into());
}
