//! Proxies of all kinds, those that refuse, and variables that name none.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;

use super::first_line;
use crate::support::process::Run;
use crate::support::raw::RawServer;
use crate::support::sandbox::Sandbox;

/// The host that a SOCKS5 client wants to be connected to (RFC 1928), which is refused it.
fn wanted(stream: &mut TcpStream) -> String {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).unwrap();
    stream.read_exact(&mut vec![0; greeting[1].into()]).unwrap();
    stream.write_all(&[5, 0]).unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[3], 3, "an address, and no name");
    let mut host = vec![0; head[4].into()];
    stream.read_exact(&mut host).unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    String::from_utf8(host).unwrap()
}

#[test]
fn a_socks_proxy_is_told_the_name() {
    for scheme in ["socks5", "socks5h"] {
        let (sender, hosts) = mpsc::channel();
        let proxy = RawServer::start(move |_, stream| sender.send(wanted(stream)).unwrap());
        let run = Sandbox::new().rdock_with(&["pull", "reg.example.test/x"], |command| {
            command.env("HTTPS_PROXY", format!("{scheme}://{}", proxy.host()));
        });
        let run = run.fails(1);
        assert_eq!(hosts.recv().unwrap(), "reg.example.test", "{run}");
    }
}

#[test]
fn what_is_no_proxy_is_named_and_not_gone_around() {
    for value in [
        "ftp://user:pr0xy-pw@127.0.0.1:1",
        "http://",
        "http://user:pr0xy-pw@host:port",
    ] {
        let run = Sandbox::new().rdock_with(&["pull", "reg.example.test/x"], |command| {
            command.env("HTTPS_PROXY", value);
        });
        let run = run.fails(1);
        assert!(
            first_line(&run).contains(": invalid proxy address in HTTPS_PROXY: "),
            "{run}"
        );
        assert!(!run.stderr.contains("pr0xy-pw"), "{run}");
    }
}

/// What a pull of a public name says when this proxy is between.
#[track_caller]
fn pull_by(proxy: &RawServer) -> Run {
    let (sandbox, url) = (Sandbox::new(), format!("http://user:pr0xy-pw@{}", proxy.host()));
    let arguments = ["pull", "--stall-timeout", "3s", "reg.example.test/x"];
    let run = sandbox.rdock_with(&arguments, |command| {
        command.env("HTTPS_PROXY", &url).env("HTTP_PROXY", &url);
    });
    let run = run.fails(1);
    assert!(
        !run.stderr.contains("pr0xy-pw") && !run.stderr.contains("panicked"),
        "{run}"
    );
    run
}

#[test]
fn a_proxy_that_refuses_or_hangs_up_is_told_so() {
    for (answer, why) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "Proxy Authentication Required",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "the proxy refuses to connect",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "EOF"),
        ("nonsense", "the proxy refuses to connect"),
        ("", "unexpected EOF"),
    ] {
        let run = pull_by(&RawServer::saying(answer));
        assert!(first_line(&run).contains(why), "{answer}: {run}");
        assert!(
            first_line(&run).starts_with("Get \"https://reg.example.test/v2/\": "),
            "{run}"
        );
    }
}
