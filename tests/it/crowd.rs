//! Many processes do what they like, at once and on one store and one registry: nothing is lost. `tests/long/run crowd`
//! does it with 64 of them for a minute and a half.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::http;
use crate::support::image::{Built, Image};
use crate::support::layer::Layer;
use crate::support::process::{Run, finish};
use crate::support::sandbox::Sandbox;
use crate::support::scale;
use crate::support::serve::Serve;

/// Images that are there for all from the beginning to the end.
const IMAGES: usize = 6;
/// Names that one of the crowd gives and takes.
const OWN: usize = 5;

/// What the crowd shares.
struct Square {
    sandbox: Sandbox,
    serve: Serve,
    images: Vec<Built>,
}

/// One of the crowd: what it alone names, and what the names stand for.
struct Somebody<'a> {
    square: &'a Square,
    number: usize,
    random: fastrand::Rng,
    /// Local names, and which image each is of.
    named: BTreeMap<String, usize>,
    /// Names at the registry, likewise.
    pushed: BTreeMap<String, usize>,
    done: usize,
}

impl Square {
    fn new() -> Self {
        let (sandbox, serve) = (Sandbox::new(), Serve::open());
        let images: Vec<Built> = (0..IMAGES)
            .map(|number| {
                let image = Image::new()
                    .layer(Layer::text("base", "the same below all"))
                    .layer(Layer::text("half", &(number / 2).to_string()))
                    .layer(Layer::seeded(number as u64, 2, 30_000));
                image.write(&sandbox.root().join(format!("image-{number}")))
            })
            .collect();
        let square = Self { sandbox, serve, images };
        for (number, image) in square.images.iter().enumerate() {
            square.serve.push(&format!("base/{number}"), "1", image);
            let folder = image.folder.to_str().unwrap();
            square.sandbox.rdock(&["load", "-q", "-i", folder]).ok();
            let kept = format!("kept:{number}");
            square.sandbox.rdock(&["tag", &image.config_digest, &kept]).ok();
            let archive = square.path(&format!("image-{number}.tar"));
            square.sandbox.rdock(&["save", "-o", &archive, &kept]).ok();
        }
        square
    }

    fn path(&self, name: &str) -> String {
        self.sandbox.root().join(name).to_str().unwrap().to_owned()
    }

    fn base(&self, image: usize) -> String {
        format!("{}/base/{image}:1", self.serve.host())
    }

    /// rdock on the store that the registry serves.
    fn beside_the_registry(&self, arguments: &[&str]) -> Run {
        let mut command = self.sandbox.command(arguments);
        command.env("RDOCK_HOME", self.serve.root());
        finish(command, b"")
    }
}

impl Somebody<'_> {
    /// Does one thing, which ends well or in one of the ways that others may cause.
    fn act(&mut self) {
        let square = self.square;
        let (image, own) = (self.random.usize(..IMAGES), self.random.usize(..OWN));
        let (kept, base, number) = (format!("kept:{image}"), square.base(image), self.number);
        let rdock = |arguments: &[&str]| square.sandbox.rdock(arguments);
        let none = "No such image";
        let (run, allowed) = match self.random.u32(..16) {
            0..=1 => (rdock(&["pull", "-q", &base]), ""),
            2 => (rdock(&["rmi", &base]), none),
            3 => (
                rdock(&["load", "-q", "-i", &square.path(&format!("image-{image}.tar"))]),
                "",
            ),
            4 => (
                rdock(&["save", "-o", &square.path(&format!("out-{number}.tar")), &kept]),
                "",
            ),
            5 => (rdock(&["images", "--digests"]), ""),
            6 => (rdock(&["system", "prune", "-f"]), ""),
            7 => (square.beside_the_registry(&["system", "prune", "-f"]), ""),
            8 => (rdock(&["system", "check"]), ""),
            9 => {
                let list = format!("list-{number}:{own}");
                let made = rdock(&["manifest", "create", "--amend", &list, &base, &square.base(0)]);
                (made, "")
            }
            10..=11 => {
                let name = format!("own-{number}:{own}");
                let run = rdock(&["tag", &kept, &name]);
                self.named.insert(name, image);
                (run, "")
            }
            12 => match self.named.pop_first() {
                Some((name, _)) => (rdock(&["rmi", &name]), ""),
                None => return,
            },
            13 => {
                let name = format!("{}/own-{number}/{own}:1", square.serve.host());
                let run = rdock(&["copy", "-q", &base, &name]);
                self.pushed.insert(name, image);
                (run, "")
            }
            14 => {
                let name = format!("{}/own-{number}/{own}:2", square.serve.host());
                rdock(&["tag", &kept, &name]).ok();
                self.named.insert(name.clone(), image);
                self.pushed.insert(name.clone(), image);
                (rdock(&["push", "-q", &name]), "")
            }
            _ => match self.pushed.pop_first() {
                Some((name, _)) => (rdock(&["rmi", "--remote", "-f", &name]), ""),
                None => return,
            },
        };
        self.done += 1;
        let is_allowed = run.code == 1 && !allowed.is_empty() && run.stderr.contains(allowed);
        assert!(run.code == 0 || is_allowed, "{number}: {run}");
    }

    /// All that it has named is there, and is what it was.
    fn assert_kept(&self) {
        let listed =
            self.square
                .sandbox
                .rdock(&["images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
        let listed = listed.ok().stdout;
        for (name, image) in &self.named {
            let row = format!("{name} {}", self.square.images[*image].config_digest);
            assert!(listed.lines().any(|line| line == row), "{row} is not in\n{listed}");
        }
        for (name, image) in &self.pushed {
            assert_eq!(http::manifest(name), self.square.images[*image].manifest, "{name}");
        }
    }
}

#[test]
fn a_crowd_on_one_store_and_one_registry_loses_nothing() {
    let people = scale::given("RDOCK_TEST_CROWD", 16);
    let time = Duration::from_secs(scale::given("RDOCK_TEST_SECONDS", 8));
    let seed: u64 = scale::given("RDOCK_TEST_SEED", 15);
    let square = Square::new();
    let end = Instant::now() + time;
    let crowd: Vec<Somebody<'_>> = thread::scope(|scope| {
        let people = (0..people).map(|number| {
            let mut somebody = Somebody {
                square: &square,
                number,
                random: fastrand::Rng::with_seed(seed * 1000 + number as u64),
                named: BTreeMap::new(),
                pushed: BTreeMap::new(),
                done: 0,
            };
            scope.spawn(move || {
                while Instant::now() < end {
                    somebody.act();
                }
                somebody
            })
        });
        let threads: Vec<_> = people.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    crowd.iter().for_each(Somebody::assert_kept);
    let checked = square.sandbox.rdock(&["system", "check"]).ok();
    assert!(checked.stdout.ends_with(": 0 faults\n"), "{checked}");
    let checked = square.beside_the_registry(&["system", "check"]).ok();
    assert!(checked.stdout.ends_with(": 0 faults\n"), "{checked}");
    for image in &square.images {
        square.sandbox.assert_holds(image);
    }
    scale::tell(&format!(
        "{} commands of {people} processes in {time:?}",
        crowd.iter().map(|it| it.done).sum::<usize>()
    ));
}
