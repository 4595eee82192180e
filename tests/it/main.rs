//! The black-box tests.

mod recordings;
mod simulated_harbor;
