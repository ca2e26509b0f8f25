//! The background runtime of all servers, and waiting with a deadline.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The runtime on which every server of the tests runs; its threads live as long as the process.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("laboratory")
            .enable_all()
            .build()
            .expect("start the runtime of the test servers")
    })
}

/// Asks `probe` again and again until it answers; panics with `what` when `limit` has passed.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
