//! The fields that docker's `info -f` has beyond those that mean something here (github.com/moby/moby,
//! api/types/system, info.go): what this machine tells, else docker's empty value.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

/// The most of a file of the system that is read.
const LIMIT: usize = 64 << 10;

/// Adds to the document what it does not have.
pub(super) fn complete(document: &mut Value, build: &str) {
    let release = text_of("/etc/os-release");
    add(document, of_the_system(&release));
    add(document, of_the_engine());
    let client = json!({
        "Platform": {"Name": "rdock"},
        "GitCommit": build,
        "GoVersion": "",
        "BuildTime": "",
    });
    add(&mut document["ClientInfo"], client);
}

fn of_the_system(release: &str) -> Value {
    let line = |path: &str| text_of(path).trim().to_owned();
    let is_unified = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let cgroup_version = if is_unified { "2" } else { "1" };
    json!({
        "SystemTime": Timestamp::now().to_string(),
        "KernelVersion": line("/proc/sys/kernel/osrelease"),
        "OperatingSystem": release_value(release, "PRETTY_NAME"),
        "OSVersion": release_value(release, "VERSION_ID"),
        "MemTotal": memory(&text_of("/proc/meminfo")),
        "Name": line("/proc/sys/kernel/hostname"),
        "CgroupDriver": "none",
        "CgroupVersion": cgroup_version,
        "HTTPProxy": "",
        "HTTPSProxy": "",
        "NoProxy": "",
        "IPv4Forwarding": line("/proc/sys/net/ipv4/ip_forward") == "1",
    })
}

fn of_the_engine() -> Value {
    let commit = json!({"ID": "", "Expected": ""});
    json!({
        "SystemStatus": null,
        "Plugins": {"Volume": null, "Network": null, "Authorization": null, "Log": null},
        "MemoryLimit": false,
        "SwapLimit": false,
        "KernelMemory": false,
        "KernelMemoryTCP": false,
        "CPUCfsPeriod": false,
        "CPUCfsQuota": false,
        "CPUShares": false,
        "CPUSet": false,
        "PidsLimit": false,
        "BridgeNfIptables": false,
        "BridgeNfIP6tables": false,
        "NFd": 0,
        "OomKillDisable": false,
        "NGoroutines": 0,
        "LoggingDriver": "",
        "NEventsListener": 0,
        "GenericResources": null,
        "ClusterStore": "",
        "ClusterAdvertise": "",
        "Runtimes": null,
        "DefaultRuntime": "",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": false,
            "Error": "",
            "RemoteManagers": null,
            "Nodes": 0,
            "Managers": 0,
            "Cluster": null,
            "Warnings": null,
        },
        "LiveRestoreEnabled": false,
        "Isolation": "",
        "InitBinary": "",
        "ContainerdCommit": commit,
        "RuncCommit": commit,
        "InitCommit": commit,
        "SecurityOptions": null,
        "ProductLicense": "",
        "DefaultAddressPools": null,
        "FirewallBackend": null,
        "CDISpecDirs": null,
        "DiscoveredDevices": null,
        "Containerd": null,
        "ServerErrors": null,
        "ClientErrors": null,
    })
}

fn add(document: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (document, more) {
        for (name, value) in more {
            members.entry(name).or_insert(value);
        }
    }
}

/// A small file of the system; nothing where there is none.
fn text_of(path: &str) -> String {
    let mut text = fs::read_to_string(path).unwrap_or_default();
    text.truncate(text.floor_char_boundary(LIMIT));
    text
}

/// See os-release(5).
fn release_value(release: &str, name: &str) -> String {
    let found = release
        .lines()
        .filter_map(|line| line.split_once('='))
        .rfind(|(key, _)| *key == name);
    found.map_or_else(String::new, |(_, value)| value.trim_matches(['"', '\'']).to_owned())
}

/// The bytes of `MemTotal`, see proc(5).
fn memory(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_files_are_read_as_their_manuals_say() {
        assert_eq!(memory("MemTotal:       16 kB\nMemFree: 1 kB\n"), 16 << 10);
        assert_eq!(memory("nonsense"), 0);
        let release = "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID='12'\n";
        assert_eq!(release_value(release, "PRETTY_NAME"), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(release_value(release, "VERSION_ID"), "12");
        assert_eq!(release_value(release, "BUG"), "");
    }
}
