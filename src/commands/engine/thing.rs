//! The kinds of things that only an engine has.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Container,
    Volume,
    Network,
    BuildCache,
}
