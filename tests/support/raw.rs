//! A server that says what a test wants it to, byte for byte: what no HTTP library would send.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::listener::FREE;

/// It is there until the test's process ends.
pub(crate) struct RawServer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl RawServer {
    /// Does this with the n-th connection, counted from 0, in a thread of its own.
    pub(crate) fn start(act: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(FREE).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::<AtomicUsize>::default();
        let (counter, act) = (accepted.clone(), Arc::new(act));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (act, number) = (act.clone(), counter.fetch_add(1, Ordering::SeqCst));
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
                thread::spawn(move || act(number, &mut stream));
            }
        });
        Self { address, accepted }
    }

    /// Answers each request for anything but `/v2/` with these bytes, and hangs up.
    pub(crate) fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| {
            let head = read_head(stream);
            let ping = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            let said = if head.contains(" /v2/ ") { &ping[..] } else { &answer };
            let _ = stream.write_all(said);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 1]);
        })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// The head of a request; what came of it when it does not end, and nothing where it is TLS.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&22) {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8(head).unwrap_or_default()
}

/// Breaks the connection off without a goodbye.
pub(crate) fn reset(stream: &TcpStream) {
    set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

/// Passes all on to another server and back.
pub(crate) fn pass_on(stream: &mut TcpStream, to: &str) {
    let mut there = TcpStream::connect(to).unwrap();
    let (mut from, mut back) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
    let answers = thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut from);
        let _ = from.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(stream, &mut there);
    let _ = there.shutdown(Shutdown::Write);
    let _ = answers.join();
}
