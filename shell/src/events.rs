//! What comes into the shell's mailbox, as JSON.

use std::collections::VecDeque;

use serde_json::{Value, json};
use starlings::{Change, Down, DownReason, Exit, ExitReason, NodeEvent};

use crate::commands::caches;
use crate::pids::Pids;
use crate::relay::Event;

/// What `flush` answers: first how much was dropped, if anything, then the rest in order.
pub(crate) fn flushed(kept: VecDeque<Event>, dropped: u64, pids: &mut Pids) -> Value {
    let lost = (dropped > 0).then(|| json!({"type": "Dropped", "count": dropped}));
    let events = kept.into_iter().map(|event| to_json(event, pids));
    lost.into_iter().chain(events).collect()
}

fn to_json(event: Event, pids: &mut Pids) -> Value {
    match event {
        Event::Text(text) => json!({"type": "Message", "text": text}),
        Event::Down(Down { monitor, pid, reason }) => json!({
            "type": "Down",
            "ref": monitor.to_string(),
            "pid": pids.show(&pid),
            "reason": exit_reason(&reason),
        }),
        Event::Exit(Exit { pid, reason, .. }) => {
            json!({"type": "Exit", "pid": pids.show(&pid), "reason": exit_reason(&reason)})
        }
        Event::Node(event) => node_event(&event),
        Event::Group(event) => {
            let name = match event.change {
                Change::Joined => "Joined",
                Change::Left => "Left",
            };
            let joined = pids.show_all([&event.pid]);
            json!({"type": name, "group": event.group.as_str(), "pids": joined})
        }
        Event::Conflict(conflict) => json!({
            "type": "NameConflict",
            "name": conflict.name.as_str(),
            "winner": pids.show(&conflict.winner),
        }),
        Event::Cache(changed) => json!({
            "type": "CacheChanged",
            "cache": changed.cache,
            "key": String::from_utf8_lossy(&changed.key),
            "value": changed.value.as_deref().map(caches::to_json),
        }),
    }
}

fn node_event(event: &NodeEvent) -> Value {
    match event {
        NodeEvent::Up { peer, hidden } => json!({
            "type": "NodeUp",
            "node": peer.node.as_str(),
            "incarnation": peer.incarnation.0,
            "hidden": hidden,
        }),
        NodeEvent::Down { peer, hidden, reason } => json!({
            "type": "NodeDown",
            "node": peer.node.as_str(),
            "incarnation": peer.incarnation.0,
            "hidden": hidden,
            "reason": down_reason(reason),
        }),
    }
}

fn exit_reason(reason: &ExitReason) -> Value {
    match reason.message() {
        Some(message) => json!({"kind": reason.kind(), "message": message}),
        None => json!({"kind": reason.kind()}),
    }
}

fn down_reason(reason: &DownReason) -> Value {
    let (kind, text) = (reason.kind(), reason.to_string());
    match text.strip_prefix(kind).and_then(|rest| rest.strip_prefix(": ")) {
        Some(message) => json!({"kind": kind, "message": message}),
        None => json!({"kind": kind}),
    }
}
