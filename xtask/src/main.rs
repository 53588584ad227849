//! Tasks of this repository.
#![forbid(unsafe_code)]
fn main() {}
