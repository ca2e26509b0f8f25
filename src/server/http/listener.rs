//! The address that the registry listens at. `localhost` is two of them: clients try either first.

use std::io;
use std::net::SocketAddr;

use futures_util::future::select_all;
use tokio::net::{TcpListener, TcpStream};

use crate::error::{During as _, Result};

/// The sockets of one address.
pub struct Listener {
    first: TcpListener,
    second: Option<TcpListener>,
}

/// Listens at `HOST:PORT`; for `localhost` on both IPv4 and IPv6, as far as this machine has them.
pub async fn bind(address: &str) -> Result<Listener> {
    let listen = async |address: String| {
        TcpListener::bind(&address)
            .await
            .during(format!("listening on {address}"))
    };
    let Some(port) = address.strip_prefix("localhost:") else {
        let first = listen(address.to_owned()).await?;
        return Ok(Listener { first, second: None });
    };
    let first = listen(format!("127.0.0.1:{port}")).await?;
    let port = first.local_addr().during("asking where the registry listens")?.port();
    // A machine without IPv6 has no such address; a port that somebody else has there is no reason to stay away here.
    let second = TcpListener::bind(("::1", port)).await.ok();
    Ok(Listener { first, second })
}

impl Listener {
    /// The address at which clients reach it; of two the IPv4 one.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.first.local_addr().during("asking where the registry listens")
    }

    pub(in crate::server) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.second {
            None => self.first.accept().await,
            Some(second) => {
                let accepts = [Box::pin(self.first.accept()), Box::pin(second.accept())];
                select_all(accepts).await.0
            }
        }
    }
}
