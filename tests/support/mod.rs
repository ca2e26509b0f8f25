//! What tests are made with: real registries, a recording proxy with faults, a fake internet with a fake
//! Docker Hub, a real Docker engine, real terminals, all on loopback and gone when dropped.

pub(crate) mod archive_maker;
pub(crate) mod authority;
pub(crate) mod credential_helper;
pub(crate) mod disk;
pub(crate) mod docker_engine;
pub(crate) mod fault;
pub(crate) mod http;
pub(crate) mod hub;
pub(crate) mod image;
pub(crate) mod index;
pub(crate) mod internet;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod listener;
pub(crate) mod personality;
pub(crate) mod podman;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod recorded_body;
pub(crate) mod recorder;
pub(crate) mod referrer;
pub(crate) mod registry;
pub(crate) mod rough_line;
pub(crate) mod runtime;
pub(crate) mod sandbox;
pub(crate) mod scale;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod shown;
pub(crate) mod skopeo;
pub(crate) mod terminal;
pub(crate) mod three_images;
pub(crate) mod token;
pub(crate) mod token_challenge;
