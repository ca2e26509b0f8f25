//! A server on loopback that answers as a test tells it to, and remembers what it was asked.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Debug, Clone)]
pub(in crate::registry) struct Seen {
    /// `GET /v2/?a=b`
    pub(in crate::registry) line: String,
    headers: HashMap<String, String>,
    pub(in crate::registry) body: Vec<u8>,
}

impl Seen {
    pub(in crate::registry) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What the server does with a request.
pub(in crate::registry) enum Act {
    Reply(Reply),
    /// Reads so many bytes of the body and hangs up.
    HangUpAfter(usize),
}

#[derive(Default)]
pub(in crate::registry) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    cut: Option<usize>,
    /// Answers without reading the request's body, and hangs up.
    early: bool,
}

pub(in crate::registry) fn reply(status: u16) -> Reply {
    Reply {
        status,
        ..Reply::default()
    }
}

impl Reply {
    pub(in crate::registry) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(in crate::registry) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(in crate::registry) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    pub(in crate::registry) fn early(mut self) -> Self {
        self.early = true;
        self.header("connection", "close")
    }
}

impl From<Reply> for Act {
    fn from(reply: Reply) -> Self {
        Act::Reply(reply)
    }
}

type Play = dyn Fn(usize, &Seen) -> Act + Send + Sync;

/// The server and its memory.
#[derive(Clone)]
pub(in crate::registry) struct Fake {
    /// `127.0.0.1:port`
    pub(in crate::registry) domain: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Answers the n-th request with what `play` says. It sees the head alone.
    pub(in crate::registry) async fn start(play: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static) -> Self {
        Self::listen(play, None).await
    }

    pub(in crate::registry) async fn start_tls(
        tls: tokio_rustls::TlsAcceptor,
        play: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::listen(play, Some(tls)).await
    }

    async fn listen(
        play: impl Fn(usize, &Seen) -> Act + Send + Sync + 'static,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            domain: listener.local_addr().unwrap().to_string(),
            seen: Arc::default(),
        };
        let (play, seen): (Arc<Play>, _) = (Arc::new(play), fake.seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (play, seen, tls) = (play.clone(), seen.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*play, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &*play, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        fake
    }

    pub(in crate::registry) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(in crate::registry) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, play: &Play, log: &Mutex<Vec<Seen>>) {
    let mut buffer = Vec::new();
    while let Some(mut seen) = read_head(&mut stream, &mut buffer).await {
        let number = log.lock().unwrap().len();
        let act = play(number, &seen);
        let length = seen.header("content-length").map_or(0, |l| l.parse::<usize>().unwrap());
        let wanted = match &act {
            Act::Reply(reply) if reply.early => 0,
            Act::Reply(_) => length,
            Act::HangUpAfter(bytes) => *bytes,
        };
        while buffer.len() < wanted {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let rest = buffer.split_off(wanted.min(buffer.len()));
        seen.body = std::mem::replace(&mut buffer, rest);
        let is_head = seen.line.starts_with("HEAD");
        log.lock().unwrap().push(seen);
        let Act::Reply(reply) = act else { return };
        let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
        for (name, value) in &reply.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !reply.headers.iter().any(|(name, _)| name == "content-length") {
            write!(head, "content-length: {}\r\n", reply.body.len()).unwrap();
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        if !is_head {
            bytes.extend_from_slice(&reply.body[..reply.cut.unwrap_or(reply.body.len())]);
        }
        if stream.write_all(&bytes).await.is_err() || reply.cut.is_some() {
            return;
        }
        if reply.early {
            // As nginx does: the answer must not be lost to a reset.
            while matches!(stream.read_buf(&mut buffer).await, Ok(n) if n > 0) {}
            return;
        }
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            break at;
        }
        // The first byte of TLS: nothing that we speak.
        if buffer.first() == Some(&22) {
            return None;
        }
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    Some(Seen {
        line,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    })
}
