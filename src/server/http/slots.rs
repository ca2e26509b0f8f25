//! Slots for connections: so many in all, a share a peer address. One on which nothing is asked gives way to who comes,
//! and so does one that stands still, where its peer holds more of them than who comes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Connections at once; the next ones wait.
const MOST: usize = 2000;
/// Files that are open beside those of connections: the store's, the listener's, the runtime's.
const OTHER_FILES: u64 = 128;
/// How long nothing has come or gone on a connection that stands still.
const STANDSTILL: Duration = Duration::from_secs(10);
/// How often to look for one, when all are busy.
const LOOKING: Duration = Duration::from_secs(1);

/// Raises the limit of open files as far as this process may. Most systems give 1,024 at first, for the sake of
/// programs that call `select`.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // As it was it serves fewer at once.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// The connections that there are files for: each may need one more, of a blob or of an upload.
pub(super) fn most() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = usize::try_from(files.saturating_sub(OTHER_FILES) / 2).unwrap_or(MOST);
    most.clamp(1, MOST)
}

/// The network that an address stands for: whoever has one IPv6 address has all 2^64 of its network.
pub(in crate::server) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

pub(super) struct Slots {
    most: usize,
    /// What one peer may hold.
    share: usize,
    held: RefCell<HashMap<u64, Held>>,
    clock: Cell<u64>,
    changed: Notify,
}

struct Held {
    peer: IpAddr,
    /// The time when it last became idle, by the clock; none while a request is answered.
    idle: Option<u64>,
    /// When anything came or went.
    moved: Rc<Cell<Instant>>,
    let_go: Rc<Notify>,
}

/// One connection's place, until it is dropped.
pub(super) struct Slot {
    slots: Rc<Slots>,
    id: u64,
    moved: Rc<Cell<Instant>>,
    let_go: Rc<Notify>,
}

/// A guard: while it lives the connection is answering.
pub(super) struct Busy(Rc<Slots>, u64);

impl Slots {
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self {
            most,
            share: most.div_ceil(2),
            held: RefCell::default(),
            clock: Cell::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until somebody may come.
    pub(super) async fn room(&self) {
        while self.held.borrow().len() >= self.most && self.idlest(None).or_else(|| self.stillest(None)).is_none() {
            // That time goes by is no change that anybody tells.
            let _ = timeout(LOOKING, self.changed.notified()).await;
        }
    }

    /// A place for this peer; none when all that it may hold are busy. An idle connection may have to go for it, or one
    /// that stands still.
    pub(super) fn take(self: &Rc<Self>, peer: IpAddr) -> Option<Slot> {
        let peer = network(peer);
        let of_peer = self.count(peer);
        if of_peer >= self.share {
            self.let_go(self.idlest(Some(peer)).or_else(|| self.stillest(Some(peer)))?);
        } else if self.held.borrow().len() >= self.most {
            let still = || self.greediest().filter(|greedy| self.count(*greedy) > of_peer + 1);
            self.let_go(self.idlest(None).or_else(|| self.stillest(Some(still()?)))?);
        }
        let (id, let_go) = (self.tick(), Rc::<Notify>::default());
        let moved = Rc::new(Cell::new(Instant::now()));
        let held = Held {
            peer,
            idle: Some(id),
            moved: Rc::clone(&moved),
            let_go: Rc::clone(&let_go),
        };
        self.held.borrow_mut().insert(id, held);
        Some(Slot {
            slots: Rc::clone(self),
            id,
            moved,
            let_go,
        })
    }

    fn count(&self, peer: IpAddr) -> usize {
        self.held.borrow().values().filter(|held| held.peer == peer).count()
    }

    /// Who holds the most.
    fn greediest(&self) -> Option<IpAddr> {
        let mut counts = HashMap::<IpAddr, usize>::new();
        for held in self.held.borrow().values() {
            *counts.entry(held.peer).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(peer, _)| peer)
    }

    /// The busy connection on which nothing has moved for the longest time.
    fn stillest(&self, peer: Option<IpAddr>) -> Option<u64> {
        let held = self.held.borrow();
        let still = held
            .iter()
            .filter(|(_, held)| held.idle.is_none() && peer.is_none_or(|peer| held.peer == peer))
            .filter(|(_, held)| held.moved.get().elapsed() >= STANDSTILL);
        still.min_by_key(|(_, held)| held.moved.get()).map(|(id, _)| *id)
    }

    fn idlest(&self, peer: Option<IpAddr>) -> Option<u64> {
        let held = self.held.borrow();
        let idle = held
            .iter()
            .filter(|(_, held)| peer.is_none_or(|peer| held.peer == peer))
            .filter_map(|(id, held)| Some((held.idle?, *id)));
        idle.min().map(|(_, id)| id)
    }

    fn let_go(&self, id: u64) {
        if let Some(held) = self.held.borrow_mut().remove(&id) {
            held.let_go.notify_one();
        }
    }

    fn tick(&self) -> u64 {
        let now = self.clock.get() + 1;
        self.clock.set(now);
        now
    }
}

impl Slot {
    pub(super) fn busy(&self) -> Busy {
        if let Some(held) = self.slots.held.borrow_mut().get_mut(&self.id) {
            held.idle = None;
        }
        Busy(Rc::clone(&self.slots), self.id)
    }

    /// Is set each time that something comes or goes.
    pub(super) fn moved(&self) -> Rc<Cell<Instant>> {
        Rc::clone(&self.moved)
    }

    /// Waits until the place is wanted for somebody else.
    pub(super) async fn is_wanted(&self) {
        self.let_go.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.held.borrow_mut().remove(&self.id);
        self.slots.changed.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.tick();
        if let Some(held) = self.0.held.borrow_mut().get_mut(&self.1) {
            held.idle = Some(now);
        }
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn who_asks_nothing_gives_way_and_who_is_busy_does_not() {
        let slots = Slots::new(4);
        let (first, second) = (slots.take(peer(1)).unwrap(), slots.take(peer(1)).unwrap());
        let busy = first.busy();
        // The peer's share is two: its idle connection goes, and when both are busy nobody does.
        let third = slots.take(peer(1)).unwrap();
        assert!(!slots.held.borrow().contains_key(&second.id));
        let also_busy = third.busy();
        assert!(slots.take(peer(1)).is_none());
        let (_fourth, _fifth) = (slots.take(peer(2)).unwrap(), slots.take(peer(3)).unwrap());
        // All are taken: the one that has been idle for the longest goes, whosever it is.
        drop(busy);
        let sixth = slots.take(peer(3)).unwrap();
        assert!(slots.held.borrow().contains_key(&first.id));
        assert_eq!(slots.held.borrow().len(), 4);
        drop((also_busy, sixth, second));
        assert_eq!(slots.held.borrow().len(), 3);
    }

    #[test]
    fn who_stands_still_gives_way_to_who_holds_less() {
        let slots = Slots::new(4);
        let busy = |last| {
            let slot = slots.take(peer(last)).unwrap();
            (slot.busy(), slot)
        };
        let (first, _second, third, _fourth) = (busy(1), busy(1), busy(2), busy(2));
        assert!(slots.take(peer(1)).is_none(), "it has its share");
        assert!(slots.take(peer(3)).is_none(), "all are at work");
        let long_ago = Instant::now().checked_sub(STANDSTILL).unwrap();
        first.1.moved.set(long_ago);
        let fifth = slots.take(peer(1)).unwrap();
        assert!(!slots.held.borrow().contains_key(&first.1.id), "its own goes first");
        let _busy = fifth.busy();
        third.1.moved.set(long_ago);
        fifth.moved.set(long_ago);
        let sixth = slots.take(peer(3)).unwrap();
        assert_eq!(slots.held.borrow().len(), 4);
        let _busy = sixth.busy();
        // Now each peer holds as much as the next one.
        assert!(slots.take(peer(3)).is_none());
    }

    #[test]
    fn one_network_is_one_peer() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
