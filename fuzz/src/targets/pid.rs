//! Pids, as text and as bytes.

use starlings_runtime::{AnyPid, NodeId, PidText, decode};

/// Bytes of a pid, or its text.
pub fn run(bytes: &[u8]) {
    if let Ok(pid) = decode::<AnyPid>(bytes) {
        let again = postcard::to_allocvec(&pid).expect("a pid");
        assert_eq!(decode::<AnyPid>(&again).as_ref(), Ok(&pid), "encoded again");
        assert_eq!(format!("{pid:?}").parse().as_ref(), Ok(&pid), "as text");
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(pid) = text.parse::<AnyPid>() {
        assert_eq!(format!("{pid:?}").parse().as_ref(), Ok(&pid), "printed again");
    }
    let _ = text.parse::<PidText>();
    if let Ok(node) = text.parse::<NodeId>() {
        assert_eq!(node.as_str(), text);
    }
}
