//! The properties that simulated runs are checked against, one a file.
//!
//! | property | source | file |
//! |---|---|---|
