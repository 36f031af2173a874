//! Two network namespaces joined by a cable that can be pulled: the kernel's own TCP under real loss.

use std::process::Command as Program;

use super::pair::Epochs;
use super::process::{Process, STREAMS};

/// Two namespaces with names of their own, deleted when this is dropped.
struct Namespaces {
    names: [String; 2],
}

/// The two ends of the cable.
const ADDRESSES: [&str; 2] = ["10.213.0.1", "10.213.0.2"];

/// Runs `ip` with these words; what it says if it fails.
fn ip(words: &str) -> Result<(), String> {
    let output = Program::new("ip").args(words.split(' ')).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("ip {words}: {said}")) }
}

impl Namespaces {
    /// `Err` where the system has none or does not let us.
    fn new() -> Result<Self, String> {
        let id = std::process::id();
        let names = ["a", "b"].map(|end| format!("starlings-{id}-{end}"));
        let namespaces = Self { names };
        let [a, b] = &namespaces.names;
        ip(&format!("netns add {a}"))?;
        ip(&format!("netns add {b}"))?;
        ip(&format!("link add cable netns {a} type veth peer name cable netns {b}"))?;
        for (name, address) in namespaces.names.iter().zip(ADDRESSES) {
            ip(&format!("-n {name} address add {address}/24 dev cable"))?;
            ip(&format!("-n {name} link set cable up"))?;
        }
        Ok(namespaces)
    }

    /// A node at one end.
    fn node(&self, end: usize, name: &str) -> Process {
        let listen = format!("{}:0", ADDRESSES[end]);
        Process::start_at(name, 200, &listen, &["ip", "netns", "exec", &self.names[end]])
    }

    fn plug(&self, state: &str) {
        ip(&format!("-n {} link set cable {state}", self.names[0])).unwrap();
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

/// Goal: when the cable between two nodes is pulled while both send, each gives the other up for its
/// silence alone; they meet again when it is back, and the oracle has nothing to say.
#[test]
fn nodes_whose_cable_is_pulled_give_each_other_up_and_meet_again() {
    let namespaces = match Namespaces::new() {
        Ok(namespaces) => namespaces,
        Err(why) => return eprintln!("SKIPPED: no network namespaces here: {why}"),
    };
    let (mut a, mut b) = (namespaces.node(0, "a@10.213.0.1"), namespaces.node(1, "b@10.213.0.2"));
    let address = b.started.address.clone();
    let mut epochs = Epochs::default();
    for _ in 0..3 {
        a.meet(&mut b, &address);
        let before = a.progress();
        let asked = epochs.begin(&mut a, &mut b, 1_000_000);
        a.until_sent(before + STREAMS * 100);
        namespaces.plug("down");
        epochs.end(&mut a, &mut b, &asked);
        a.settle_alone();
        b.settle_alone();
        namespaces.plug("up");
    }
    a.meet(&mut b, &address);
    epochs.drive_both((&mut a, &mut b), 100);
    assert!(a.disconnect("b@10.213.0.2"));
    epochs.judge((&mut a, &mut b));
    for node in [&mut a, &mut b] {
        let downs = node.log_at_end().watcher.nodes_down;
        assert_eq!(downs[..3], ["HeartbeatTimeout"; 3]);
    }
}
