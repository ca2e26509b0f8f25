//! What is left when the power goes: the store lies on a disk of its own, a loop device, and what had reached that disk
//! at some moment is looked at as the next boot would.
//!
//! The file behind the device holds just what the disk would: writes that wait in memory are not in it. A copy of it counts
//! only when a second one is the same, so that it is of one moment. Root and loop devices are needed; without them the
//! tests say that they did not run.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::support::archive_maker::{ArchiveMaker, image};
use crate::support::image::Image;
use crate::support::layer::Layer;
use crate::support::line::Line;
use crate::support::sandbox::Sandbox;
use crate::support::serve::Serve;

const SIZE: u64 = 48 << 20;
/// What a boot before this one would have noted.
const ANOTHER_BOOT: &str = "5d5b51ce-0000-4000-8000-000000000000";
/// Copies until two are the same.
const TRIES: usize = 200;

/// A disk that can be looked at as if the power had gone.
struct PowerDisk {
    file: PathBuf,
    mounted: Mounted,
}

/// A file system, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(file: &Path, at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        // Nothing is discarded or written out behind the tests' back.
        mount.args(["-t", "ext4", "-o", "loop"]).arg(file).arg(&at);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        mounted.then_some(Self(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

impl PowerDisk {
    /// `None` where this machine has no such disk, which is said.
    #[expect(clippy::explicit_write, reason = "the harness keeps to itself what the macro prints")]
    fn new(sandbox: &Sandbox) -> Option<Self> {
        let file = sandbox.root().join("disk.img");
        File::create(&file).unwrap().set_len(SIZE).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file).output();
        let is_made = made.is_ok_and(|done| done.status.success());
        let mounted = is_made
            .then(|| Mounted::new(&file, sandbox.root().join("disk")))
            .flatten();
        let Some(mounted) = mounted else {
            writeln!(
                io::stderr(),
                "NOT RUN: a power cut needs root, mkfs.ext4 and a loop device"
            )
            .unwrap();
            return None;
        };
        Some(Self { file, mounted })
    }

    fn store(&self) -> PathBuf {
        self.mounted.0.join("store")
    }

    /// Has the file system write its journal, as any program on this disk may at any time, but not the data of others.
    fn commit_journal(&self) {
        let mut file = File::create(self.mounted.0.join("another-program's")).unwrap();
        file.write_all(b"x").unwrap();
        file.sync_all().unwrap();
    }

    /// What the next boot finds if the power goes now.
    #[track_caller]
    fn cut(&self, number: usize) -> Cut {
        let folder = self.mounted.0.parent().unwrap();
        let copy = folder.join(format!("cut-{number}.img"));
        for _ in 0..TRIES {
            fs::copy(&self.file, &copy).unwrap();
            if fs::read(&copy).unwrap() == fs::read(&self.file).unwrap() {
                let mounted = Mounted::new(&copy, folder.join(format!("cut-{number}"))).unwrap();
                let store = mounted.0.join("store");
                let note = store.join("unsynced");
                if let Ok(lines) = fs::read_to_string(&note) {
                    let own = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
                    fs::write(&note, lines.replace(own.trim(), ANOTHER_BOOT)).unwrap();
                }
                return Cut {
                    store,
                    _mounted: mounted,
                };
            }
        }
        panic!("the disk was never at rest");
    }
}

/// A store after a power cut.
struct Cut {
    store: PathBuf,
    _mounted: Mounted,
}

impl Cut {
    /// The names of blobs whose bytes are something else.
    fn wrong_blobs(&self) -> Vec<String> {
        let blobs = fs::read_dir(self.store.join("blobs/sha256"))
            .into_iter()
            .flatten()
            .flatten();
        let is_wrong = |path: &PathBuf| {
            let actual = hex(&Sha256::digest(fs::read(path).unwrap()));
            path.file_name().unwrap().to_str().unwrap() != actual
        };
        let wrong = blobs.map(|blob| blob.path()).filter(is_wrong);
        wrong.map(|path| path.display().to_string()).collect()
    }

    /// Whatever is asked first, no wrong byte is believed; then a pull makes all of it right.
    #[track_caller]
    fn assert_heals(&self, line: &mut Line, first: &[&str]) {
        line.sandbox.set_env("RDOCK_HOME", &self.store);
        let damaged = self.wrong_blobs().len();
        let run = line.sandbox.rdock(first);
        assert!(self.wrong_blobs().is_empty(), "{damaged} wrong before {first:?}: {run}");
        line.pull().ok();
        let check = line.sandbox.rdock(&["system", "check"]).ok();
        assert!(check.stdout.ends_with(": 0 faults\n"), "{check}");
    }

    /// All is there, and nothing had to be fetched.
    #[track_caller]
    fn assert_whole(&self, sandbox: &mut Sandbox, images: usize) {
        sandbox.set_env("RDOCK_HOME", &self.store);
        assert_eq!(self.wrong_blobs(), [""; 0]);
        let check = sandbox.rdock(&["system", "check"]).ok();
        assert!(check.stdout.ends_with(": 0 faults\n"), "{check}");
        assert_eq!(sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count(), images);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn line() -> Line {
    let layers = (1..5).map(|seed| Layer::seeded(seed, 2, 700_000));
    Line::new(&layers.fold(Image::new(), Image::layer))
}

#[test]
fn a_power_cut_after_a_pull_costs_a_pull_at_most() {
    let mut line = line();
    let Some(disk) = PowerDisk::new(&line.sandbox) else {
        return;
    };
    line.sandbox.set_env("RDOCK_HOME", disk.store());
    line.pull().ok();
    let at_once = disk.cut(0);
    disk.commit_journal();
    let later = disk.cut(1);
    let name = line.tagged();
    at_once.assert_heals(&mut line, &["images"]);
    later.assert_heals(&mut line, &["push", &name]);
    // The first one's name was on the disk when the pull ended.
    line.sandbox.set_env("RDOCK_HOME", &later.store);
    assert_eq!(line.sandbox.rdock(&["images", "-q"]).ok().stdout.lines().count(), 1);
}

#[test]
fn a_power_cut_while_a_pull_is_under_way_costs_a_pull_at_most() {
    let mut line = line();
    let Some(disk) = PowerDisk::new(&line.sandbox) else {
        return;
    };
    line.sandbox.set_env("RDOCK_HOME", disk.store());
    line.recorder.throttle(Some(3 << 20));
    let mut pull = line.sandbox.spawn(&["pull", "-q", &line.name()]);
    let mut cuts = Vec::new();
    for number in 0..4 {
        let layer = line.image.layers[number].digest.clone();
        line.recorder.wait_for(move |request| request.is("GET", &layer));
        if number % 2 == 1 {
            disk.commit_journal();
        }
        cuts.push(disk.cut(number));
    }
    assert!(pull.wait().unwrap().success());
    line.recorder.throttle(None);
    let name = line.tagged();
    let firsts: [&[&str]; 4] = [
        &["images"],
        &["system", "check"],
        &["pull", &name],
        &["system", "prune", "-f"],
    ];
    for (cut, first) in cuts.iter().zip(firsts) {
        cut.assert_heals(&mut line, first);
    }
}

#[test]
fn what_exists_nowhere_else_outlasts_a_power_cut() {
    let maker = ArchiveMaker::new();
    let mut far = Sandbox::new();
    let Some(disk) = PowerDisk::new(&far) else { return };
    far.set_env("RDOCK_HOME", disk.store());
    far.rdock_stdin(&["load", "-q"], ArchiveMaker::new_archive(&image(64)))
        .ok();
    let loaded = disk.cut(0);
    let served = disk.mounted.0.join("served");
    let serve = Serve::over(&served, &[]);
    let built = maker.stock("app:1", &Image::new().layer(Layer::seeded(9, 2, 700_000)));
    serve.push("team/app", "1", &built);
    let pushed = disk.cut(1);
    let alone = serve.put_blob("team/app", b"a blob of its own");
    let with_blob = disk.cut(2);
    let blob = format!("served/blobs/{}", alone.replace(':', "/"));
    let bytes = fs::read(with_blob.store.with_file_name(blob)).unwrap();
    assert_eq!(bytes, b"a blob of its own");
    loaded.assert_whole(&mut far, 1);
    let pushed = Cut {
        store: pushed.store.with_file_name("served"),
        ..pushed
    };
    pushed.assert_whole(&mut far, 1);
}
