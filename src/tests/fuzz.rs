//! A fuzzer on stable Rust. A target has seeds, words that mean something to it, and a check that says what must hold of
//! any input; inputs are made of the seeds by a generator that draws the same each time. The check also tells what it saw:
//! an input that shows something new becomes a seed itself, which takes the place of coverage.
//!
//! In the suite each target runs for a fixed number of inputs. `tests/long/fuzz` runs them for a time, and then looks at
//! memory and at inputs that take long, too.

mod mutator;

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mutator::Mutator;

/// How long each target runs, in seconds; without it, for its fixed number of inputs.
const SECONDS: &str = "RDOCK_FUZZ_SECONDS";
/// What the first draw is; another number leads to other inputs.
const SEED: &str = "RDOCK_FUZZ_SEED";
/// No input may take longer in the long form, where nothing else keeps the machine from its work for so long.
const LONGEST: Duration = Duration::from_secs(30);
/// What a whole long run of one target may take of memory, in KiB: xz and zstd may have 128 MiB each.
const MOST_MEMORY: u64 = 400 << 10;

/// Something that reads what strangers write.
pub(crate) struct Target<'a> {
    /// Also the folder in `tests/data/fuzz` with the inputs that once did harm.
    pub(crate) name: &'a str,
    pub(crate) seeds: Vec<Vec<u8>>,
    /// What the grammar is made of.
    pub(crate) words: &'a [&'a str],
    /// The longest input, in bytes.
    pub(crate) longest: usize,
    /// Inputs in the suite.
    pub(crate) cases: usize,
}

impl<'a> Target<'a> {
    /// A target that reads text.
    pub(crate) fn text<S: AsRef<[u8]>>(
        name: &'a str,
        seeds: impl IntoIterator<Item = S>,
        words: &'a [&'a str],
    ) -> Self {
        Self {
            name,
            seeds: seeds.into_iter().map(|seed| seed.as_ref().to_vec()).collect(),
            words,
            longest: 4096,
            cases: 1000,
        }
    }

    /// Checks many inputs, as texts: what is no UTF-8 in them is replaced.
    pub(crate) fn check_texts<T: Hash>(&self, check: impl Fn(&str) -> T) {
        self.check(|input| check(&String::from_utf8_lossy(input)));
    }

    /// Checks many inputs. A panic of the check is passed on, after the input that led to it was shown and kept.
    pub(crate) fn check<T: Hash>(&self, check: impl Fn(&[u8]) -> T) {
        let time = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok());
        let time = time.map(Duration::from_secs);
        let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
        let mut mutator = Mutator::new(self.seeds.clone(), self.words, self.longest, seed.unwrap_or(15));
        let watched = Watched::default();
        if time.is_some() {
            watched.clone().watch(self.name.to_owned());
        }
        let hasher = RandomState::new();
        let mut outcomes = HashSet::new();
        let mut try_one = |input: Vec<u8>| {
            watched.set(Some(&input));
            let result = catch_unwind(AssertUnwindSafe(|| check(&input)));
            watched.set(None);
            match result {
                Ok(shown) => outcomes.insert(hasher.hash_one(shown)).then_some(input),
                Err(panic) => {
                    told(self.name, "this input breaks it", &input);
                    resume_unwind(panic)
                }
            }
        };
        for input in kept(self.name).into_iter().chain(self.seeds.clone()) {
            mutator.learn(try_one(input));
        }
        let began = Instant::now();
        let mut count = 0_usize;
        while time.map_or(count < self.cases, |time| began.elapsed() < time) {
            let input = mutator.input();
            mutator.learn(try_one(input));
            count += 1;
        }
        if time.is_some() {
            self.report(count, outcomes.len());
        }
    }

    #[expect(clippy::print_stdout, reason = "these are the figures of a long run")]
    fn report(&self, count: usize, sorts: usize) {
        let peak = peak_memory();
        println!(
            "{}: {count} inputs, {sorts} sorts of outcome, {} MiB",
            self.name,
            peak >> 10
        );
        assert!(peak < MOST_MEMORY, "{} took {} MiB", self.name, peak >> 10);
    }
}

/// The input that is being looked at, and since when.
type Looked = Option<(Instant, Vec<u8>)>;

#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Looked>>);

impl Watched {
    fn set(&self, input: Option<&[u8]>) {
        let now = input.map(|input| (Instant::now(), input.to_vec()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Ends the process when an input takes too long.
    fn watch(self, name: String) {
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(1));
                let slow = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((since, input)) = slow.as_ref()
                    && since.elapsed() > LONGEST
                {
                    told(&name, "this input takes too long", input);
                    process::abort();
                }
            }
        });
    }
}

/// The inputs of the target's folder.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz").join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Shows an input, and keeps it as a file.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is to see the input")]
fn told(name: &str, what: &str, input: &[u8]) {
    let path = std::env::temp_dir().join(format!("rdock-fuzz-{name}"));
    let shown: String = input.escape_ascii().map(char::from).take(2000).collect();
    match fs::write(&path, input) {
        Ok(()) => eprintln!("{name}: {what}, kept as {}:\n{shown}", path.display()),
        Err(e) => eprintln!("{name}: {what}, and cannot be kept ({e}):\n{shown}"),
    }
}

/// The most memory that this process had at once, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

/// A tar with each header's sum made right, so that what the header says is looked at.
pub(crate) fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut mended = tar.to_vec();
    for block in mended
        .chunks_exact_mut(512)
        .filter(|block| &block[257..262] == b"ustar")
    {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    mended
}
