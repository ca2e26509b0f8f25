//! `save`, `load` and `import`: one archive for every tool, read from every tool, and nothing half-done.

mod deltas;
mod graphs;
mod hostile;
mod importing;
mod interrupted;
mod loading;
mod others;
mod saving;
