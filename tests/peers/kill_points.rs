//! Every command that writes, killed at any moment: at a random one, or at its n-th system call. `tests/long/run kills`
//! tries ten times as many points.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::scale;
use crate::writing::commands::{COMMANDS, Command};
use crate::writing::{Scene, State, strace};

/// Commands are tried in so many threads, each with a scene of its own.
const THREADS: usize = 3;

/// What a command does when nobody disturbs it.
struct Undisturbed {
    before: State,
    after: State,
    took: Duration,
    /// The places of its system calls that have to do with files of the scene.
    places: Vec<usize>,
}

impl Undisturbed {
    fn of(scene: &mut Scene, command: &Command) -> Self {
        scene.restore(command);
        let log = scene.path("log");
        let by = strace::watching(&log);
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let run = scene.run(command, &by);
        assert_eq!(run.code, 0, "{run}");
        let root = scene.path("");
        let calls = strace::calls(&log).into_iter();
        let places: Vec<usize> = calls.filter(|it| it.text.contains(&root)).map(|it| it.place).collect();
        assert!(places.len() > 5, "{}: {places:?}", command.name());
        scene.restore(command);
        let before = scene.state();
        let began = Instant::now();
        scene.run(command, &[]).ok();
        Self {
            took: began.elapsed(),
            after: scene.state(),
            before,
            places,
        }
    }
}

/// The names without the digests, where each run gives another one.
fn names(state: &State, command: &Command, scene: &Scene) -> Vec<(String, String)> {
    let pushed = scene.pushed();
    let names = state
        .names
        .iter()
        .filter(|(name, _)| *name != pushed && !name.contains("/pushed/"));
    let names = names.cloned();
    if command.is_new_each_time() {
        names.map(|(name, _)| (name, String::new())).collect()
    } else {
        names.collect()
    }
}

/// Kills the command once, and looks at what is left.
fn kill(scene: &mut Scene, command: &Command, undisturbed: &Undisturbed, random: &mut fastrand::Rng) {
    scene.restore(command);
    let when = if random.bool() {
        let place = *random.choice(&undisturbed.places).unwrap();
        let by = strace::killing_at("/dev/null", place);
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        scene.run(command, &by);
        format!("{}, killed at call {place}", command.name())
    } else {
        let after = undisturbed.took.mul_f64(random.f64());
        let mut process = scene.process(command, &[]);
        let input = if command.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        process.stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = process.spawn().unwrap();
        if let Some(mut input) = child.stdin.take() {
            let _ = std::io::Write::write_all(&mut input, command.input.as_bytes());
        }
        thread::sleep(after);
        let _ = kill_process(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        format!("{}, killed after {after:?}", command.name())
    };
    let of = |state: &State, scene: &Scene| names(state, command, scene);
    let (before, after) = (of(&undisturbed.before, scene), of(&undisturbed.after, scene));
    scene.assert_whole(&when);
    let killed = scene.state();
    let (is_old, is_new) = (of(&killed, scene) == before, of(&killed, scene) == after);
    assert!(is_old || is_new, "{when}: {:?}", killed.names);
    let configs = [&undisturbed.before.config, &undisturbed.after.config];
    assert!(configs.contains(&&killed.config), "{when}: {}", killed.config);
    let run = scene.run(command, &[]);
    let is_done = run.code == command.again && is_new;
    assert!(run.code == 0 || is_done, "{when}, then {run}");
    scene.assert_whole(&when);
    scene.assert_pushed(&when);
    let again = scene.state();
    assert_eq!(of(&again, scene), after, "{when}");
    assert_eq!(again.config, undisturbed.after.config, "{when}");
    assert_eq!(again.files, undisturbed.after.files, "{when}");
    scene.assert_tidy(&when);
}

#[test]
fn whatever_command_is_killed_the_store_is_whole_and_the_next_try_succeeds() {
    let points = scale::given("RDOCK_TEST_KILLS", 200);
    let seed = scale::given("RDOCK_TEST_SEED", 15);
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + number as u64);
                let mut scene = Scene::new();
                for (at, command) in COMMANDS.iter().enumerate().skip(number).step_by(THREADS) {
                    let undisturbed = Undisturbed::of(&mut scene, command);
                    let own = points / COMMANDS.len() + usize::from(at < points % COMMANDS.len());
                    for _ in 0..own {
                        kill(&mut scene, command, &undisturbed, &mut random);
                    }
                }
            });
        }
    });
    scale::tell(&format!("{points} kills, seed {seed}"));
}
