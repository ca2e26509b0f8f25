//! Every command that writes, with one system call that fails: the disk is full, broken or read-only, or there are no
//! more files to open. `tests/long/run faults` tries each call with each error.

use std::thread;

use crate::support::scale;
use crate::writing::Scene;
use crate::writing::commands::{COMMANDS, Command};
use crate::writing::strace::{self, Call};

/// Commands are tried in so many threads, each with a scene of its own.
const THREADS: usize = 3;
/// Seconds after which a command that hangs is ended.
const PATIENCE: &str = "15";

/// A call of a command, and how it fails.
struct Fault {
    command: &'static Command,
    call: Call,
    error: &'static str,
}

fn words(by: &[String]) -> Vec<&str> {
    by.iter().map(String::as_str).collect()
}

/// All faults that can be tried of one command.
fn faults(scene: &mut Scene, command: &'static Command) -> Vec<Fault> {
    scene.restore(command);
    let log = scene.path("log");
    let run = scene.run(command, &words(&strace::watching(&log)));
    assert_eq!(run.code, 0, "{run}");
    let calls = strace::calls(&log).into_iter();
    let mut seen = Vec::new();
    let mut faults = Vec::new();
    for call in calls.filter(|call| call.writes_below(scene.sandbox.root())) {
        if !seen.contains(&(call.name.clone(), call.number)) {
            seen.push((call.name.clone(), call.number));
            let each = call.errors().iter();
            faults.extend(each.map(|error| Fault {
                command,
                call: call.clone(),
                error,
            }));
        }
    }
    faults
}

/// What of a failed command is not as it should be.
fn spoil(scene: &mut Scene, fault: &Fault) -> Option<String> {
    let Fault { command, call, error } = fault;
    scene.restore(command);
    let before = scene.state();
    let log = scene.path("log");
    let patiently = ["timeout", PATIENCE].map(str::to_owned);
    let by = [&patiently[..], &strace::failing_at(&log, call, error)].concat();
    let run = scene.run(command, &words(&by));
    let spoilt: Vec<Call> = strace::calls(&log).into_iter().filter(Call::was_spoilt).collect();
    let when = format!("{}: {error} from {}, {spoilt:?}", command.name(), call.name);
    scene.assert_whole(&when);
    let root = format!("{}/", scene.sandbox.root().display());
    // strace counts each thread's calls for itself. What the runtime writes to wake a thread must not fail, and who cannot
    // write to stdout or stderr has no file to name.
    let is_about_files = |call: &Call| call.text.contains(&root) && !call.text.contains("<pipe:");
    let is_about_files = !spoilt.is_empty() && spoilt.iter().all(is_about_files);
    let wrong = match run.code {
        0 => None,
        _ if !is_about_files => None,
        1 if run.stderr.contains(&root) => None,
        1 => Some(format!("{when}\n    names no file: {}", run.stderr.trim())),
        _ => Some(format!("{when}\n    {run}")),
    };
    if run.code == 0 {
        scene.assert_pushed(&when);
    }
    // What failed changed the names as a whole, or not at all, and what is done again succeeds.
    let failed = scene.state();
    let again = scene.run(command, &[]);
    let is_done = again.code == command.again && (run.code == 0 || failed != before);
    assert!(again.code == 0 || is_done, "{when}, then {again}");
    scene.assert_whole(&when);
    scene.assert_pushed(&when);
    wrong
}

#[test]
fn a_call_that_fails_is_told_with_its_file_and_harms_nothing() {
    let most = scale::given("RDOCK_TEST_FAULTS", 150);
    let seed = scale::given("RDOCK_TEST_SEED", 15);
    let done: Vec<(Vec<String>, usize, usize)> = thread::scope(|scope| {
        let threads = (0..THREADS).map(|number| {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + number as u64);
                let mut scene = Scene::new();
                let own = COMMANDS.iter().skip(number).step_by(THREADS);
                let mut all: Vec<Fault> = own.flat_map(|command| faults(&mut scene, command)).collect();
                random.shuffle(&mut all);
                let known = all.len();
                all.truncate(most / THREADS);
                let wrong = all.iter().filter_map(|fault| spoil(&mut scene, fault));
                (wrong.collect(), all.len(), known)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let tried: usize = done.iter().map(|(_, tried, _)| tried).sum();
    let known: usize = done.iter().map(|(_, _, known)| known).sum();
    let wrong: Vec<String> = done.into_iter().flat_map(|(wrong, ..)| wrong).collect();
    scale::tell(&format!(
        "{tried} of {known} faults were tried, {} are not told as they should be",
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}
