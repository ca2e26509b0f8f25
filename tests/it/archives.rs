//! `save`, `load` and `import`: one archive for every tool, read from every tool, and nothing half-done.

mod deltas;
mod hostile;
mod importing;
mod loading;
mod mishaps;
mod others;
mod saving;
