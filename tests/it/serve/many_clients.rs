//! Many clients that do nothing, and one peer that wants all: the others are served, and no file is held for nothing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::layer::digest;
use crate::support::runtime::wait_for;
use crate::support::serve::Serve;

/// How many files the registry has open.
fn open_files(serve: &mut Serve) -> usize {
    let folder = format!("/proc/{}/fd", serve.daemon().id());
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn an_upload_that_nobody_sends_to_holds_no_file_and_goes_on() {
    let mut serve = Serve::open();
    let place = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
    let place = place.header("location").unwrap().to_owned();
    serve.send("PATCH", &place, b"hello ", &[]).is(202);
    let before = open_files(&mut serve);
    for _ in 0..100 {
        let begun = serve.ask("POST", "/v2/a/blobs/uploads/", &[]).is(202);
        serve
            .send("PATCH", begun.header("location").unwrap(), b"x", &[])
            .is(202);
    }
    let after = open_files(&mut serve);
    assert!(after < before + 20, "{before} files before 100 uploads, {after} after");
    let finish = format!("{place}?digest={}", digest(b"hello world"));
    serve.send("PUT", &finish, b"world", &[]).is(201);
}

#[test]
fn one_peer_does_not_take_all_uploads() {
    let serve = Serve::listening(&[], "0.0.0.0:0");
    let port = serve.host().rsplit_once(':').unwrap().1.to_owned();
    let start = |from: &str| {
        let mut stream = TcpStream::connect(format!("{from}:{port}")).unwrap();
        let request = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    let begun: Vec<String> = (0..510).map(|_| start("127.0.0.1")).collect();
    assert_eq!(begun.iter().filter(|status| *status == "202").count(), 500);
    assert!(begun[500..].iter().all(|status| status == "429"));
    // A client of another address of this machine is another peer.
    let mut stream = connect_from([127, 0, 0, 2], &port);
    stream
        .write_all(b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

/// A connection from another address of loopback.
fn connect_from(from: [u8; 4], port: &str) -> TcpStream {
    crate::support::runtime::runtime().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let to = format!("127.0.0.1:{port}").parse().unwrap();
        let stream = socket.connect(to).await.unwrap().into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream
    })
}

#[test]
fn idle_connections_give_way_to_who_asks() {
    let serve = Serve::open();
    rdock::server::raise_open_files();
    let idle: Vec<TcpStream> = (0..2100).map_while(|_| TcpStream::connect(serve.host()).ok()).collect();
    assert!(idle.len() > 1000, "{} connections", idle.len());
    serve.get("/healthz").is(200);
}

#[test]
fn manifests_that_do_not_come_to_their_end_take_no_more_memory_than_there_is_room_for() {
    let serve = Serve::open();
    let most: usize = 4 << 20;
    let head = format!(
        "PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\n\
         Content-Length: {most}\r\n\r\n"
    );
    let (said, says) = std::sync::mpsc::channel();
    let clients: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = TcpStream::connect(serve.host()).unwrap();
            let (mut listener, said) = (stream.try_clone().unwrap(), said.clone());
            std::thread::spawn(move || {
                let mut status = [0; 12];
                let _ = said.send(listener.read_exact(&mut status).map(|()| status));
            });
            stream.write_all(head.as_bytes()).unwrap();
            let _ = stream.write_all(&vec![b' '; most - 10]);
            stream
        })
        .collect();
    // Eight of them fit into one peer's share.
    let first = says.recv().unwrap().unwrap();
    assert_eq!(&first, b"HTTP/1.1 429");
    drop(clients);
    let index = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let media_type = "Content-Type: application/vnd.oci.image.index.v1+json";
    wait_for("room", || {
        (serve.send("PUT", "/v2/a/manifests/1", index, &[media_type]).status == 201).then_some(())
    });
}
