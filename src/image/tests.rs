//! What strangers write about images is read, or refused, and read in one way alone.

mod fuzz;
mod reference_grammar;
