//! Each pipe, with an address to listen on and what it needs there.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use tempfile::TempDir;

use crate::pipe::{MemoryNetwork, Pipe, TcpPipe};

pub(in crate::pipe) struct Case {
    pub(in crate::pipe) pipe: Arc<dyn Pipe>,
    pub(in crate::pipe) address: String,
    /// Removed with the case.
    _folder: TempDir,
}

impl Case {
    fn new(pipe: impl Pipe, address: impl Into<String>, folder: TempDir) -> Self {
        Self { pipe: Arc::new(pipe), address: address.into(), _folder: folder }
    }

    /// Connects somebody who says nothing; nobody, where that is a connection like all others.
    pub(in crate::pipe) async fn stall(&self, address: &str) -> Option<Box<dyn Any>> {
        let _ = address;
        None
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pipe.fmt(f)
    }
}

pub(in crate::pipe) fn cases() -> Vec<Case> {
    vec![
        Case::new(TcpPipe, "127.0.0.1:0", folder()),
        Case::new(MemoryNetwork::default().pipe("a"), "memory:a", folder()),
        #[cfg(unix)]
        unix(folder()),
    ]
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[cfg(unix)]
fn unix(folder: TempDir) -> Case {
    let path = folder.path().join("a.sock");
    Case::new(crate::pipe::UnixPipe, format!("unix:{}", path.display()), folder)
}
