//! `rdock serve`: a registry for every client, over the local images or a folder of its own.

mod access;
mod cache;
mod conformance;
mod deletion;
mod endurance;
mod hostile;
mod many_clients;
mod operation;
mod rights;
mod timeouts;
mod upkeep;
