//! rdock
