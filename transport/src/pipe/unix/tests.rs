//! What sockets in the file system have beside what all pipes have.

use std::fs;
use std::os::unix::net::UnixListener as Foreign;
use std::path::Path;

use super::{PATH_BYTES_MAX, UnixPipe};
use crate::pipe::{DialError, Pipe};

fn address(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Goal: after a crash the node listens again, and nobody else is pushed aside.
#[tokio::test]
async fn stale_socket_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let address = address(&path);
    // What a killed process leaves: std does not remove the file.
    drop(Foreign::bind(&path).unwrap());
    let listener = UnixPipe.listen(&address).await.unwrap();
    assert!(UnixPipe.listen(&address).await.is_err(), "one of ours");
    assert!(UnixPipe.dial(&address).await.is_ok());
    drop(listener);
    assert!(!path.exists());

    let foreign = Foreign::bind(&path).unwrap();
    assert!(UnixPipe.listen(&address).await.is_err(), "one of another program");
    drop(foreign);
    assert!(UnixPipe.listen(&address).await.is_ok());
}

/// Goal: of two that start at once and find the same stale socket, one replaces it. Method: the other
/// one is where it has the lock and has not listened yet.
#[tokio::test]
async fn socket_that_another_process_is_replacing_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    drop(Foreign::bind(&path).unwrap());
    let other = super::lock(&path).unwrap();
    let refused = UnixPipe.listen(&address(&path)).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    assert!(path.exists());
    drop(other);
    assert!(UnixPipe.listen(&address(&path)).await.is_ok());
}

#[tokio::test]
async fn file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter");
    fs::write(&path, "dear reader").unwrap();
    assert!(UnixPipe.listen(&address(&path)).await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear reader");
    assert!(matches!(UnixPipe.dial(&address(&path)).await, Err(DialError::Unreachable(_))));
}

#[test]
fn longest_path_is_taken_and_a_longer_one_is_not() {
    let path = |bytes: usize| format!("unix:/{}", "x".repeat(bytes - 1));
    assert!(UnixPipe.check(&path(PATH_BYTES_MAX)).is_ok());
    assert!(UnixPipe.check(&path(PATH_BYTES_MAX + 1)).is_err());
    assert!(UnixPipe.check("unix:/a\0b").is_err());
}
