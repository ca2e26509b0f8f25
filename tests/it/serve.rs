//! `rdock serve`: a registry for every client, over the local images or a folder of its own.

mod access;
mod attacks;
mod cache;
mod conformance;
mod deletion;
mod hostile;
mod many_clients;
mod operation;
mod rights;
mod timeouts;
mod upkeep;
