//! The kinds of objects that only an engine has.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineObject {
    Container,
    Volume,
    Network,
    BuildCache,
}
