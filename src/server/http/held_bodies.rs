//! How much of what clients send is held in memory at once: so much in all, a share a peer. Manifests are read whole, and
//! thousands of clients could each send most of one and then wait.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::connection::Peer;

/// Bytes in all: sixteen of the largest manifests that a registry must take.
const MOST: usize = 64 << 20;

/// What is held for whom.
#[derive(Default)]
pub(in crate::server) struct HeldBodies(RefCell<HashMap<Option<Peer>, usize>>);

/// The bytes of one body, until it is dropped.
pub(in crate::server) struct HeldBody {
    bodies: Rc<HeldBodies>,
    peer: Option<Peer>,
    bytes: usize,
}

impl HeldBodies {
    pub(in crate::server) fn begin(self: &Rc<Self>, peer: Option<Peer>) -> HeldBody {
        HeldBody {
            bodies: Rc::clone(self),
            peer,
            bytes: 0,
        }
    }
}

impl HeldBody {
    /// Asks for room for more. Whether there is some.
    pub(in crate::server) fn grow(&mut self, bytes: usize) -> bool {
        let mut held = self.bodies.0.borrow_mut();
        let all: usize = held.values().sum();
        let own = held.entry(self.peer).or_default();
        if all + bytes > MOST || *own + bytes > MOST / 2 {
            return false;
        }
        *own += bytes;
        self.bytes += bytes;
        true
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        let mut held = self.bodies.0.borrow_mut();
        if let Some(own) = held.get_mut(&self.peer) {
            *own -= self.bytes;
        }
        held.retain(|_, bytes| *bytes > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peer_takes_all_and_what_ends_makes_room() {
        let bodies = Rc::<HeldBodies>::default();
        let peer = |last: u8| Some(Peer([127, 0, 0, last].into()));
        let mut first = bodies.begin(peer(1));
        assert!(first.grow(MOST / 4) && first.grow(MOST / 4));
        assert!(!bodies.begin(peer(1)).grow(1));
        let mut second = bodies.begin(peer(2));
        assert!(second.grow(MOST / 2));
        assert!(!bodies.begin(peer(3)).grow(1));
        drop(first);
        assert!(bodies.begin(peer(1)).grow(MOST / 2));
        drop(second);
        assert!(bodies.0.borrow().is_empty());
    }
}
