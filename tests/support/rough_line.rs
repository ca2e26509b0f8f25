//! A line to a server that cuts connections, lets them stall, and flips bits of what comes back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::raw::{RawServer, reset};

/// Bytes that a connection carries before its fate meets it, at most.
const FAR: u64 = 300_000;

/// How long a connection stalls.
const STALLED_FOR: Duration = Duration::from_secs(3);

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    /// It ends, with a goodbye or without.
    Cut {
        is_clean: bool,
    },
    /// Nothing comes any more.
    Stall,
    Flip(u8),
}

/// How many connections met which fate.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    pub(crate) connections: AtomicUsize,
    pub(crate) cut: AtomicUsize,
    pub(crate) stalled: AtomicUsize,
    pub(crate) flipped: AtomicUsize,
}

/// The line.
pub(crate) struct RoughLine {
    server: RawServer,
    pub(crate) fates: Arc<Fates>,
}

impl RoughLine {
    /// To the server at this address. Each connection's fate is drawn by this seed and its number.
    pub(crate) fn to(host: &str, seed: u64) -> Self {
        let (host, fates) = (host.to_owned(), Arc::<Fates>::default());
        let met = Arc::clone(&fates);
        let server = RawServer::start(move |number, stream| {
            let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) + number as u64);
            met.connections.fetch_add(1, Ordering::Relaxed);
            carry(stream, &host, &mut random, &met);
        });
        Self { server, fates }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.server.host()
    }
}

fn carry(stream: &mut TcpStream, host: &str, random: &mut fastrand::Rng, met: &Fates) {
    let Ok(mut there) = TcpStream::connect(host) else {
        return;
    };
    let fate = match random.u32(..100) {
        0..40 => Fate::Nothing,
        40..65 => Fate::Cut {
            is_clean: random.bool(),
        },
        65..75 => Fate::Stall,
        _ => Fate::Flip(1 << random.u32(..8)),
    };
    // Half of them early, in the heads and manifests.
    let at = if random.bool() {
        random.u64(..2_000)
    } else {
        random.u64(..FAR)
    };
    let (mut up_from, mut up_to) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
    let cuts_upwards = matches!(fate, Fate::Cut { .. }) && random.bool();
    let limit = if cuts_upwards { at } else { u64::MAX };
    let up = std::thread::spawn(move || {
        let _ = std::io::copy(&mut (&mut up_from).take(limit), &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let (mut came, mut piece) = (0, vec![0; 16 << 10]);
    while let Ok(len @ 1..) = there.read(&mut piece) {
        let mut len = len;
        let is_met = came + len as u64 > at;
        let within = usize::try_from(at.saturating_sub(came)).unwrap_or(usize::MAX);
        match fate {
            Fate::Flip(bit) if is_met && came <= at => {
                piece[within] ^= bit;
                met.flipped.fetch_add(1, Ordering::Relaxed);
            }
            Fate::Cut { .. } | Fate::Stall if is_met && !cuts_upwards => len = within.min(len),
            _ => {}
        }
        came += len as u64;
        if stream.write_all(&piece[..len]).is_err() {
            break;
        }
        match fate {
            Fate::Cut { is_clean } if is_met && !cuts_upwards => {
                met.cut.fetch_add(1, Ordering::Relaxed);
                if !is_clean {
                    reset(stream);
                }
                break;
            }
            Fate::Stall if is_met => {
                met.stalled.fetch_add(1, Ordering::Relaxed);
                // Then what lies between forgets the connection.
                std::thread::sleep(STALLED_FOR);
                reset(stream);
                break;
            }
            _ => {}
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    let _ = there.shutdown(Shutdown::Both);
    let _ = up.join();
}
