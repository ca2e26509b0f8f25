//! A network and a mount namespace of its own for each replay, so that host names, addresses and ports are the
//! recorded ones: the test runs itself again in there, as root.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::support::process::finish;

/// Set inside; names the folder with the files that stand for those in `/etc`.
const INSIDE: &str = "RDOCK_REPLAY";

const HOSTS: &str = "\
127.0.0.1 localhost
::1 localhost
10.99.0.1 registry-1.docker.io
10.99.0.2 auth.docker.io
10.99.0.3 index.docker.io docker.io
10.99.0.4 registry.example.com
10.99.0.5 selfsigned.example.com
10.99.0.6 plainhttp.example.com
10.99.0.7 refused.example.com
10.99.0.8 login.docker.com
";

const ENTER: &str = r#"
set -e
ip link set lo up
for host in 1 2 3 4 5 6 7 8 53; do ip address add 10.99.0.$host/32 dev lo; done
mount --bind "$RDOCK_REPLAY/hosts" /etc/hosts
mount --bind "$RDOCK_REPLAY/resolv.conf" /etc/resolv.conf
# What this machine has in its daemon.json and certs.d is not part of the recording.
[ ! -d /etc/docker ] || mount -t tmpfs none /etc/docker
exec "$@"
"#;

/// Whether this process is in a namespace already.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs the test of this name in a namespace of its own and passes on its verdict.
pub(crate) fn run_inside(test: &str) {
    let folder = tempfile::Builder::new().prefix("rdlab").tempdir().unwrap();
    fs::write(folder.path().join("hosts"), HOSTS).unwrap();
    fs::write(folder.path().join("resolv.conf"), "nameserver 10.99.0.53\n").unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env("RUST_BACKTRACE", "0")
        .env(INSIDE, folder.path());
    let run = finish(command, b"");
    assert!(run.code == 0 && run.stdout.contains("1 passed"), "{run}");
}

/// The folder of this namespace; it is gone when the replay has ended.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env::var_os(INSIDE).unwrap())
}

/// Starts a name server that knows nobody: what `/etc/hosts` does not name, does not exist.
pub(crate) fn start_name_server() {
    let socket = UdpSocket::bind("10.99.0.53:53").unwrap();
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            let question = &question[..length];
            let Some(end) = question.iter().skip(12).position(|byte| *byte == 0) else {
                continue;
            };
            // RFC 1035, section 4.1: the question again (name, type, class), below a header that says NXDOMAIN.
            let mut answer = question[..(12 + end + 5).min(length)].to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x83]);
            answer[6..12].fill(0);
            let _ = socket.send_to(&answer, client);
        }
    });
}
