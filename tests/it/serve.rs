//! `rdock serve`: a registry for every client, over the local images or a folder of its own.

mod attacks;
mod cache;
mod conformance;
mod crowds;
mod deletion;
mod doors;
mod endurance;
mod hostile;
mod operation;
mod rights;
mod timeouts;
mod upkeep;
