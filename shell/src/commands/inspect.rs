//! What a node tells of itself: through its inspector, here or elsewhere.

use std::iter::Peekable;

use serde::Serialize;
use serde_json::{Value, json};
use starlings::{InspectorMethods as _, NodeStats, TreeNode, inspector};

use crate::failure::Failure;
use crate::pids::Pids;
use crate::session::{Answer, Outcome, Session};
use crate::words::Words;

pub(super) async fn tree(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let place = session.place(&mut words).await?;
    words.end()?;
    let lines = inspector(&session.node, &place).await?.tree().await?;
    let text = drawn(&lines, &mut session.pids);
    let value = nested(&mut lines.into_iter().peekable(), 0, &mut session.pids);
    Ok(Answer { value, text: Some(text) })
}

pub(super) async fn info(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    words.end()?;
    let inspector = inspector(&session.node, pid.node()).await?;
    let Some(info) = inspector.info(pid).await? else {
        return Ok(Value::Null.into());
    };
    let pids = &mut session.pids;
    Ok(json!({
        "pid": pids.show(&info.pid),
        "node": info.pid.node().as_str(),
        "type": info.type_name,
        "mailbox": info.mailbox_len,
        "links": pids.show_all(&info.links),
        "monitors": info.monitors,
        "watchers": info.watchers,
        "names": info.names,
    })
    .into())
}

pub(super) async fn stats(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let place = session.place(&mut words).await?;
    words.end()?;
    let stats: NodeStats = inspector(&session.node, &place).await?.stats().await?;
    let mut stats = to_value(&stats)?;
    if let Value::Object(stats) = &mut stats {
        stats.insert("node".to_owned(), place.as_str().into());
    }
    Ok(stats.into())
}

pub(super) fn to_value(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new("BadValue", error))
}

/// Lines deeper than this are shown at this depth: another node said how deep they are.
const DEPTH_MAX: u32 = 64;

/// The lines from `depth` on as a list of objects with children.
fn nested(
    lines: &mut Peekable<impl Iterator<Item = TreeNode>>,
    depth: u32,
    pids: &mut Pids,
) -> Value {
    let mut level = Vec::new();
    while let Some(line) = lines.next_if(|line| line.depth >= depth) {
        let children = nested(lines, line.depth.min(DEPTH_MAX) + 1, pids);
        level.push(json!({
            "id": line.id,
            "pid": line.pid.map(|pid| pids.show(&pid)),
            "type": line.type_name,
            "restarts": line.restarts,
            "mailbox": line.mailbox_len,
            "children": children,
        }));
    }
    Value::Array(level)
}

/// A line for each, the pids below each other.
fn drawn(lines: &[TreeNode], pids: &mut Pids) -> String {
    let name = |line: &TreeNode| {
        let type_name = line.type_name.rsplit("::").next().unwrap_or_default();
        let indent = "  ".repeat(line.depth.min(DEPTH_MAX) as usize);
        format!("{indent}{} ({type_name})", line.id)
    };
    let names: Vec<_> = lines.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (line, name) in lines.iter().zip(names) {
        let pid = line.pid.as_ref().map(|pid| pids.show(pid));
        let pid = pid.as_ref().and_then(Value::as_str).unwrap_or("-");
        text += &format!("{name:width$}  {pid}");
        if line.restarts > 0 {
            text += &format!("  restarts: {}", line.restarts);
        }
        if let Some(waiting) = line.mailbox_len.filter(|len| *len > 0) {
            text += &format!("  waiting: {waiting}");
        }
        text.push('\n');
    }
    text
}
