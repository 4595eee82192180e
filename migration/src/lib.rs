//! Fairway.
