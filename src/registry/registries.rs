//! The registries that one run talks to: each host once, however many of its repositories are met.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::{Mirror, Registry, Wire};
use crate::credentials::Credentials;
use crate::error::Result;
use crate::image::reference::HUB;

/// All over one wire. What is learned of a host (tokens, connections, the scheme it speaks) is learned once.
#[derive(Debug)]
pub struct Registries {
    wire: Rc<Wire>,
    credentials: Rc<Credentials>,
    /// The servers that are asked before the Hub.
    mirrors: Vec<Mirror>,
    known: RefCell<HashMap<String, Registry>>,
}

impl Registries {
    pub fn new(wire: Wire, credentials: Rc<Credentials>, mirrors: Vec<Mirror>) -> Self {
        Self {
            wire: Rc::new(wire),
            credentials,
            mirrors,
            known: RefCell::default(),
        }
    }

    /// The registry of a domain as references spell it.
    pub fn at(&self, domain: &str) -> Result<Registry> {
        if let Some(known) = self.known.borrow().get(domain) {
            return Ok(known.clone());
        }
        let mirrors: &[Mirror] = if domain == HUB { &self.mirrors } else { &[] };
        let registry = Registry::new(domain, &self.wire, &self.credentials, mirrors);
        self.known.borrow_mut().insert(domain.to_owned(), registry.clone());
        Ok(registry)
    }
}
