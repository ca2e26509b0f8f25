//! Pulls, pushes and copies over a line that cuts, stalls and flips bits: never a wrong byte, and in the end all is there.
//! `tests/long/run line` makes 300 of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::http;
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::rough_line::RoughLine;
use crate::support::sandbox::Sandbox;
use crate::support::scale;
use crate::support::serve::Serve;

const THREADS: usize = 6;
/// How often a transfer may be begun anew. What the first ones brought is there.
const TRIES: usize = 8;
const PATIENCE: [&str; 2] = ["--stall-timeout", "1s"];

/// Moves the image with this number over the line; how many tries that took, and what the failed ones said.
fn transfer(number: usize, sandbox: &Sandbox, serve: &Serve, line: &str) -> (usize, Vec<String>) {
    let image = (0..3).fold(Image::new(), |image, layer| {
        image.layer(Layer::seeded((number * 10 + layer) as u64, 1, 120_000))
    });
    let image = image.write(&sandbox.root().join(format!("image-{number}")));
    let (near, far) = (
        format!("{}/rough/i{number}", serve.host()),
        format!("{line}/rough/i{number}"),
    );
    let copied = format!("{line}/rough/copy{number}:latest");
    let arguments = match number % 3 {
        0 => {
            serve.push(&format!("rough/i{number}"), "latest", &image);
            vec!["pull", "-q", &far]
        }
        1 => {
            sandbox
                .rdock(&["load", "-q", "-i", image.folder.to_str().unwrap()])
                .ok();
            sandbox.rdock(&["tag", &image.config_digest, &far]).ok();
            vec!["push", "-q", &far]
        }
        _ => {
            serve.push(&format!("rough/i{number}"), "latest", &image);
            vec!["copy", "-q", &far, &copied]
        }
    };
    let arguments = [&arguments[..], &PATIENCE].concat();
    let mut failed = Vec::new();
    for tries in 1..=TRIES {
        let run = sandbox.rdock(&arguments);
        if run.code != 0 {
            assert_eq!(run.code, 1, "{run}");
            failed.push(format!("{}: {}", arguments.join(" "), run.stderr.trim()));
            continue;
        }
        match number % 3 {
            0 => sandbox.assert_holds(&image),
            1 => assert_eq!(http::manifest(&format!("{near}:latest")), image.manifest),
            _ => {
                let copy = format!("{}/rough/copy{number}:latest", serve.host());
                assert_eq!(http::manifest(&copy), image.manifest);
            }
        }
        return (tries, failed);
    }
    panic!("{TRIES} tries were in vain:\n{}", failed.join("\n"));
}

#[test]
fn over_a_rough_line_all_arrives_and_no_wrong_byte_is_taken() {
    let count = scale::given("RDOCK_TEST_TRANSFERS", 30);
    let seed = scale::given("RDOCK_TEST_SEED", 15);
    let serve = Serve::open();
    let line = RoughLine::to(&serve.host(), seed);
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let firsts = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let sandbox = Sandbox::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let (tries, failed) = transfer(number, &sandbox, &serve, &line.host());
                    firsts.fetch_add(usize::from(tries == 1), Ordering::Relaxed);
                    told.lock().unwrap().extend(failed);
                }
                let checked = sandbox.rdock(&["system", "check"]).ok();
                assert!(checked.stdout.ends_with(": 0 faults\n"), "{checked}");
            });
        }
    });
    let (firsts, told) = (firsts.into_inner(), told.into_inner().unwrap().join("\n"));
    scale::tell(&format!(
        "{firsts} of {count} transfers at the first try, {:?}\n{told}",
        line.fates
    ));
    assert!(firsts * 2 > count, "{firsts} of {count} at the first try:\n{told}");
    let checked = Sandbox::new()
        .env("RDOCK_HOME", serve.root())
        .rdock(&["system", "check"])
        .ok();
    assert!(checked.stdout.ends_with(": 0 faults\n"), "{checked}");
}
