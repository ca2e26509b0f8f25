//! A registry under traffic of all kinds, watched: neither its memory nor its open files grow with what has passed.
//! `tests/long/run serve` watches it for ten minutes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::http;
use crate::support::layer::noise;
use crate::support::runtime::wait_for;
use crate::support::scale;
use crate::support::serve::Serve;

const THREADS: usize = 8;
/// Tags of one thread: each comes again and again.
const TAGS: usize = 20;
/// Bytes in a manifest at most: so many that what is kept of manifests, some 70 MiB, is full within the first minutes.
const PADDING: usize = 400_000;
/// Much more than a registry needs that forgets what it was asked, and much less than one that does not: all manifests of
/// ten minutes are several times that.
const MOST: u64 = 224 << 20;
/// What may come to it in the last quarter, when what is kept is full.
const GROWTH: u64 = 24 << 20;
/// When it is full at the latest.
const FULL: Duration = Duration::from_mins(4);
/// Files that stay open when nobody asks for anything any more, beside those of the beginning.
const SPARE_FILES: usize = 8;

/// What the registry held at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    after: Duration,
    memory: u64,
    files: usize,
}

fn sample(process: u32, began: Instant) -> Sample {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    Sample {
        after: began.elapsed(),
        memory: kilobytes << 10,
        files: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
    }
}

/// One client, who does as clients do.
struct Client<'a> {
    serve: &'a Serve,
    number: usize,
    random: fastrand::Rng,
    /// Tags with the digests of their manifests.
    tags: Vec<Option<String>>,
}

impl Client<'_> {
    fn repository(&self) -> String {
        format!("team{}/app", self.number)
    }

    fn act(&mut self) {
        let tag = self.random.usize(..TAGS);
        let repository = self.repository();
        match self.random.u32(..12) {
            0..3 => self.push(tag),
            3..6 => self.pull(tag),
            6 => {
                if let Some(digest) = self.tags[tag].take() {
                    let path = format!("/v2/{repository}/manifests/{digest}");
                    self.serve.ask("DELETE", &path, &[]).is(202);
                }
            }
            7 => {
                for list in ["/v2/_catalog", "/v1/search?q=app", "/v2/none/tags/list", "/nothing"] {
                    self.serve.get(list);
                }
            }
            8 => {
                let digest = self.tags[tag].clone().unwrap_or_else(|| "x".to_owned());
                self.serve.get(&format!("/v2/{repository}/referrers/{digest}"));
                self.serve.get(&format!("/v2/{repository}/tags/list?n=3"));
            }
            9 => self.give_up_an_upload(),
            10 => self.give_up(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: "),
            _ => self.give_up(b"\x16\x03\x01 nonsense\r\n\r\n"),
        }
    }

    fn push(&mut self, tag: usize) {
        let repository = self.repository();
        let len = self.random.usize(1_000..400_000);
        let layer = noise(self.random.u64(..), len);
        let config = json!({"architecture": "amd64", "os": "linux", "n": self.random.u64(..)}).to_string();
        let described = |bytes: &[u8], kind: &str| {
            json!({"digest": self.serve.put_blob(&repository, bytes), "size": bytes.len(),
                "mediaType": format!("application/vnd.oci.image.{kind}")})
        };
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described(config.as_bytes(), "config.v1+json"), "layers": [described(&layer, "layer.v1.tar")],
            "annotations": {"padding": "x".repeat(self.random.usize(..PADDING))}});
        let media_type = "Content-Type: application/vnd.oci.image.manifest.v1+json";
        let path = format!("/v2/{repository}/manifests/t{tag}");
        let put = self
            .serve
            .send("PUT", &path, manifest.to_string().as_bytes(), &[media_type]);
        self.tags[tag] = put.is(201).header("docker-content-digest").map(str::to_owned);
    }

    fn pull(&self, tag: usize) {
        let repository = self.repository();
        let answer = self.serve.get(&format!("/v2/{repository}/manifests/t{tag}"));
        if answer.status != 200 {
            return;
        }
        let manifest = answer.json();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let path = format!("/v2/{repository}/blobs/{layer}");
        self.serve.get(&path).is(200);
        self.serve.ask("GET", &path, &["Range: bytes=10-20"]).is(206);
        // Another one leaves in the middle.
        let mut stream = TcpStream::connect(self.serve.host()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 100]);
    }

    fn give_up_an_upload(&self) {
        let repository = self.repository();
        let begun = self.serve.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), &[]);
        // One peer may hold so many and no more.
        let Some(place) = begun.header("location").filter(|_| begun.status == 202) else {
            return;
        };
        let head = format!("PATCH {place} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nhalf of it");
        self.give_up(head.as_bytes());
        http::ask(&self.serve.host(), "DELETE", place, &[], b"");
    }

    fn give_up(&self, after: &[u8]) {
        let mut stream = TcpStream::connect(self.serve.host()).unwrap();
        let _ = stream.write_all(after);
    }
}

#[test]
fn under_traffic_neither_memory_nor_open_files_grow() {
    let time = Duration::from_secs(scale::given("RDOCK_TEST_SECONDS", 8));
    let mut serve = Serve::with(&["--keep-unnamed", "60"]);
    let (process, began) = (serve.daemon().id(), Instant::now());
    let first = sample(process, began);
    let samples = Mutex::new(Vec::new());
    let requests: usize = thread::scope(|scope| {
        let threads = (0..THREADS).map(|number| {
            let (serve, samples) = (&serve, &samples);
            scope.spawn(move || {
                let mut client = Client {
                    serve,
                    number,
                    random: fastrand::Rng::with_seed(number as u64),
                    tags: vec![None; TAGS],
                };
                let mut acts = 0;
                while began.elapsed() < time {
                    client.act();
                    acts += 1;
                    if number == 0 {
                        samples.lock().unwrap().push(sample(process, began));
                    }
                }
                acts
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let samples = samples.into_inner().unwrap();
    let most = |from: u32, to: u32| {
        let within = samples
            .iter()
            .filter(|it| it.after >= time * from / 4 && it.after <= time * to / 4);
        within.fold((0, 0), |(memory, files), it| {
            (memory.max(it.memory), files.max(it.files))
        })
    };
    let quarters: Vec<_> = (0..4).map(|quarter| most(quarter, quarter + 1)).collect();
    let told =
        format!("{requests} acts in {time:?}; memory and files at first {first:?}, most in each quarter {quarters:?}");
    scale::tell(&told);
    let (memory, files) = most(0, 4);
    assert!(memory < MOST, "{told}");
    assert!(time < FULL * 2 || most(3, 4).0 <= most(2, 3).0 + GROWTH, "{told}");
    assert!(files < first.files + 8 * THREADS, "{told}");
    wait_for("the files to be closed", || {
        (sample(process, began).files <= first.files + SPARE_FILES).then_some(())
    });
    assert!(!serve.log().contains("panicked"), "{}", serve.log());
}
