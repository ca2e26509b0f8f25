//! Ports as EXPOSE names them (<https://github.com/docker/go-connections/blob/v0.4.0/nat/nat.go>).

use super::words::wrong;
use crate::error::Result;

/// `80`, `443/udp`, `8000-8002`; what stands before a colon is about publishing and means nothing here.
pub(super) fn parse(text: &str) -> Result<Vec<String>> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let container = ports.rsplit(':').next().unwrap_or_default();
    if container.is_empty() {
        return Err(wrong(format!("No port specified: {text}<empty>")));
    }
    let invalid = || wrong(format!("Invalid containerPort: {container}"));
    let number = |text: &str| text.parse::<u16>().map_err(|_| invalid());
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(invalid());
    }
    let protocol = protocol.to_ascii_lowercase();
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(wrong(format!("Invalid proto: {protocol}")));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}
