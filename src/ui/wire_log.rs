//! `--debug`: what goes over the wire, a line an event, on standard error.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Screen;
use crate::progress::{WireEvent, WireWatcher};

/// Shows what goes over the wire on this screen.
pub fn watcher(screen: &Screen) -> WireWatcher {
    let screen = screen.clone();
    Arc::new(move |event| screen.note(&format!("debug: {}", line(event))))
}

fn line(event: &WireEvent) -> String {
    match event {
        WireEvent::Asked {
            number,
            request,
            login,
            bytes,
        } => {
            let login = login.as_ref().map_or(String::new(), |login| format!(", shows {login}"));
            let body = if *bytes == 0 {
                String::new()
            } else {
                format!(", {bytes} bytes")
            };
            format!("#{number} > {request}{login}{body}")
        }
        WireEvent::Answered {
            number,
            status,
            after,
            from,
            is_proxied,
            tls,
        } => {
            let from = place(*from, *is_proxied);
            let tls = tls.map_or("no TLS", |version| version);
            format!("#{number} < {status} after {}, {from}, {tls}", milliseconds(*after))
        }
        WireEvent::Ended { number, after, bytes } => {
            format!("#{number} . {bytes} bytes after {}", milliseconds(*after))
        }
        WireEvent::Failed { number, after, why } => {
            format!("#{number} ! {why}, after {}", milliseconds(*after))
        }
        WireEvent::Again { wait, why } => format!("again in {}: {why}", milliseconds(*wait)),
    }
}

fn place(address: Option<SocketAddr>, is_proxied: bool) -> String {
    match (address, is_proxied) {
        (Some(address), false) => format!("from {address}"),
        (Some(address), true) => format!("by the proxy {address}"),
        (None, false) => "from an unknown address".to_owned(),
        (None, true) => "by a proxy".to_owned(),
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_a_line() {
        let after = Duration::from_millis(35);
        let asked = WireEvent::Asked {
            number: 1,
            request: "GET https://h/v2/".to_owned(),
            login: Some("config.json auths[\"h\"]".to_owned()),
            bytes: 0,
        };
        assert_eq!(line(&asked), "#1 > GET https://h/v2/, shows config.json auths[\"h\"]");
        let answered = |is_proxied, tls| WireEvent::Answered {
            number: 1,
            status: 200,
            after,
            from: Some("10.0.0.5:443".parse().unwrap()),
            is_proxied,
            tls,
        };
        assert_eq!(
            line(&answered(false, Some("TLS 1.3"))),
            "#1 < 200 after 35 ms, from 10.0.0.5:443, TLS 1.3"
        );
        assert_eq!(
            line(&answered(true, None)),
            "#1 < 200 after 35 ms, by the proxy 10.0.0.5:443, no TLS"
        );
        let ended = WireEvent::Ended {
            number: 1,
            after,
            bytes: 7,
        };
        assert_eq!(line(&ended), "#1 . 7 bytes after 35 ms");
        let why = "EOF".to_owned();
        assert_eq!(line(&WireEvent::Again { wait: after, why }), "again in 35 ms: EOF");
    }
}
