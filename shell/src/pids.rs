//! Pids as people read and type them.
//!
//! The short form `<node2@localhost.114>` leaves the incarnation out. The shell remembers which life
//! of a node each pid that it printed belongs to, so that a pid typed back after that node restarted
//! is still the dead one, and never some other actor that was given the same number.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use starlings::{AnyPid, Node, PidTextError};

use crate::failure::Failure;

/// Remote pids remembered. Count; above it the one printed first is forgotten, and typed back it is
/// of the life of its node that is connected.
const SEEN_MAX: usize = 1 << 17;

#[derive(Debug)]
pub(crate) struct Pids {
    node: Node,
    seen: BTreeMap<String, Seen>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Seen {
    pid: AnyPid,
    type_name: Option<String>,
}

impl Pids {
    pub(crate) fn new(node: Node) -> Self {
        Self { node, seen: BTreeMap::new(), order: VecDeque::new() }
    }

    /// The pid as this node prints it.
    pub(crate) fn show(&mut self, pid: &AnyPid) -> Value {
        let pid = self.node.bind(pid);
        let text = pid.to_string();
        if !pid.is_local() {
            self.remember(&text, pid);
        }
        text.into()
    }

    pub(crate) fn show_all<'a>(&mut self, pids: impl IntoIterator<Item = &'a AnyPid>) -> Value {
        pids.into_iter().map(|pid| self.show(pid)).collect()
    }

    fn remember(&mut self, text: &str, pid: AnyPid) {
        match self.seen.get_mut(text) {
            Some(seen) if seen.pid == pid => {}
            Some(seen) => {
                let type_name = None;
                *seen = Seen { pid, type_name };
            }
            None => {
                if self.order.len() >= SEEN_MAX {
                    let oldest = self.order.pop_front();
                    oldest.map(|oldest| self.seen.remove(&oldest));
                }
                let type_name = None;
                self.seen.insert(text.to_owned(), Seen { pid, type_name });
                self.order.push_back(text.to_owned());
            }
        }
    }

    /// Reads a pid, connecting to its node if that is what it takes to know its life.
    pub(crate) async fn read(&self, text: &str) -> Result<AnyPid, Failure> {
        if let Some(seen) = self.seen.get(text) {
            return Ok(seen.pid.clone());
        }
        match self.node.parse_pid(text) {
            Err(PidTextError::NoConnection(node)) => {
                let connected = self.node.connect(&node, None).await;
                connected.map_err(|_| PidTextError::NoConnection(node))?;
                Ok(self.node.parse_pid(text)?)
            }
            read => Ok(read?),
        }
    }

    /// The type of an actor of another node, if it was asked for before: it never changes.
    pub(crate) fn type_of(&self, pid: &AnyPid) -> Option<&str> {
        let seen = self.seen.get(&pid.to_string())?;
        seen.type_name.as_deref().filter(|_| seen.pid == *pid)
    }

    pub(crate) fn set_type(&mut self, pid: &AnyPid, type_name: &str) {
        self.show(pid);
        if let Some(seen) = self.seen.get_mut(&pid.to_string()) {
            seen.type_name = Some(type_name.to_owned());
        }
    }
}
