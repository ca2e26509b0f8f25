//! `rdock info`: what rdock works with, as far as docker's engine would tell it.

mod fields;

use std::fmt::Write;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Context, Status, document};
use crate::credentials::Credential;
use crate::error::Result;
use crate::image::Platform;
use crate::image::reference::HUB;
use crate::registry::Insecure;
use crate::settings::Program;
use crate::ui::one_line;
use crate::ui::template::Data;

/// Display information about rdock, its store and its registries
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Print with a custom template: 'json', or a Go template
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

/// Docker's word for the Hub.
const INDEX_SERVER: &str = "https://index.docker.io/v1/";
/// What docker trusts without being told.
const LOOPBACK: &str = "127.0.0.0/8";

pub async fn run(args: &InfoArgs, context: &Context) -> Result<Status> {
    for warning in &context.settings.docker_folders.daemon().warnings {
        context.screen.note(warning);
    }
    let facts = Facts::gather(context).await?;
    let format = args.format.as_deref().unwrap_or_default();
    if format.is_empty() {
        context.screen.print(&facts.in_words());
        return Ok(Status::Done);
    }
    let json = facts.document();
    let mut fields = json.clone();
    fields::complete(&mut fields, &context.settings.program.build());
    fields["UserName"] = json!(facts.user);
    let data = Data::document(&fields).of_types(&[("", "system.dockerInfo")]);
    document::show(format, "", &json, data, context)
}

struct Facts {
    program: Program,
    images: usize,
    root: String,
    /// The user who is logged in to the Hub.
    user: String,
    insecure_hosts: Vec<String>,
    insecure_networks: Vec<String>,
    /// Mirrors with a slash at the end, as docker has them.
    mirrors: Vec<String>,
}

impl Facts {
    async fn gather(context: &Context) -> Result<Self> {
        let store = context.store();
        let daemon = context.settings.docker_folders.daemon();
        let rules = daemon.insecure_registries.iter().map(|rule| match rule.text.parse() {
            Ok(Insecure::Network { address, prefix }) => format!("{address}/{prefix}"),
            Ok(Insecure::Host(host)) => host,
            // Whoever uses it is told what is wrong with it.
            Err(_) => rule.text.clone(),
        });
        let (mut networks, mut hosts): (Vec<String>, Vec<String>) = rules.partition(|rule| rule.contains('/'));
        if !networks.iter().any(|network| network == LOOPBACK) {
            networks.push(LOOPBACK.to_owned());
        }
        networks.sort();
        hosts.sort();
        let login = context.credentials().find(HUB).await?;
        Ok(Self {
            program: context.settings.program,
            images: store.images().all()?.len(),
            root: store.root().display().to_string(),
            user: match login {
                Some(Credential::Basic { username, .. }) => username,
                _ => String::new(),
            },
            insecure_hosts: hosts,
            insecure_networks: networks,
            mirrors: daemon
                .registry_mirrors
                .iter()
                .map(|mirror| format!("{}/", mirror.text.trim_end_matches('/')))
                .collect(),
        })
    }

    fn in_words(&self) -> String {
        let version = self.program.version();
        let mut text = format!(
            "Client:\n Version:    {version}\n Context:    default\n Debug Mode: false\n\n\
             Server:\n Containers: 0\n  Running: 0\n  Paused: 0\n  Stopped: 0\n Images: {}\n Server Version: {version}\n Storage Driver: \
             {DRIVER}\n OSType: {}\n Architecture: {}\n Docker Root Dir: {}\n",
            self.images,
            Platform::host().os,
            std::env::consts::ARCH,
            self.root
        );
        if !self.user.is_empty() {
            let _ = writeln!(text, " Username: {}", one_line(&self.user));
        }
        text += " Insecure Registries:\n";
        for rule in self.insecure_hosts.iter().chain(&self.insecure_networks) {
            let _ = writeln!(text, "  {rule}");
        }
        if !self.mirrors.is_empty() {
            text += " Registry Mirrors:\n";
            for mirror in &self.mirrors {
                let _ = writeln!(text, "  {mirror}");
            }
        }
        text
    }

    /// Docker's members that mean something here, in docker's order.
    fn document(&self) -> Value {
        let registry = |name: &str, mirrors: &[String], official: bool, secure: bool| json!({"Mirrors": mirrors, "Name": name, "Official": official, "Secure": secure});
        let mut indexes = Map::new();
        indexes.insert(HUB.to_owned(), registry(HUB, &self.mirrors, true, true));
        for host in &self.insecure_hosts {
            indexes.insert(host.clone(), registry(host, &[], false, false));
        }
        json!({
            "ID": "",
            "Containers": 0,
            "ContainersRunning": 0,
            "ContainersPaused": 0,
            "ContainersStopped": 0,
            "Images": self.images,
            "Driver": DRIVER,
            "DriverStatus": null,
            "Debug": false,
            "OSType": Platform::host().os,
            "Architecture": std::env::consts::ARCH,
            "IndexServerAddress": INDEX_SERVER,
            "RegistryConfig": {
                "IndexConfigs": indexes,
                "InsecureRegistryCIDRs": self.insecure_networks,
                "Mirrors": self.mirrors,
            },
            "NCPU": std::thread::available_parallelism().map_or(1, usize::from),
            "DockerRootDir": self.root,
            "Labels": [],
            "ExperimentalBuild": false,
            "ServerVersion": self.program.version(),
            "Warnings": null,
            "ClientInfo": {
                "Debug": false,
                "Version": self.program.version(),
                "Os": std::env::consts::OS,
                "Arch": Platform::host().architecture,
                "Context": "default",
                "Plugins": [],
                "Warnings": null,
            },
        })
    }
}

/// What keeps the layers.
const DRIVER: &str = "oci-layout";
