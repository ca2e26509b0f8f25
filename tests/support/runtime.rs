//! The background runtime of all servers, and how long a test waits.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The runtime on which every server of the tests runs; its threads live as long as the process.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("test servers")
            .enable_all()
            .build()
            .expect("start the runtime of the test servers")
    })
}

/// After this a test counts as stuck. It is no measure of speed: a busy machine must not come near it.
pub(crate) const LIMIT: Duration = Duration::from_mins(5);

/// Asks `probe` again and again until it answers; panics with `what` when the test is stuck.
pub(crate) fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
