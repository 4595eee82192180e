//! What Fairway is tested with.

pub mod harbor;
