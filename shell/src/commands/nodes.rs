//! Nodes.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use starlings::{Node, NodeId, SpawnError};

use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::words::Words;

/// Who a node is: what the shell says first, and what `node` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Whoami {
    node: String,
    incarnation: u64,
    address: Option<String>,
}

impl Whoami {
    pub(crate) fn of(node: &Node) -> Self {
        Self {
            node: node.name().to_string(),
            incarnation: node.instance().incarnation.0,
            address: starlings::address(node),
        }
    }
}

impl fmt::Display for Whoami {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (node, incarnation) = (&self.node, self.incarnation);
        write!(f, "starlings node {node}, incarnation {incarnation}")?;
        match &self.address {
            Some(address) => write!(f, ", listening on {address}"),
            None => Ok(()),
        }
    }
}

pub(super) fn node(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    Ok(super::inspect::to_value(&Whoami::of(&session.node))?.into())
}

pub(super) fn nodes(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let which = words.take()?;
    words.end()?;
    let node = &session.node;
    let mut nodes = match which.as_deref() {
        None => node.nodes(),
        Some("hidden") => node.hidden_nodes(),
        Some("all") => [node.nodes(), node.hidden_nodes()].concat(),
        Some(other) => {
            let message = format!("{other:?} is neither hidden nor all");
            return Err(Failure::bad_command(message));
        }
    };
    nodes.sort_unstable();
    Ok(list(&nodes).into())
}

pub(super) async fn connect(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let node: NodeId = words.need("NODE")?.parse()?;
    let address = words.take()?;
    words.end()?;
    session.node.connect(&node, address.as_deref()).await?;
    Ok(true.into())
}

pub(super) fn disconnect(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let node: NodeId = words.need("NODE")?.parse()?;
    words.end()?;
    if session.node.disconnect(&node) {
        Ok(true.into())
    } else {
        Err(SpawnError::NoConnection(node).into())
    }
}

pub(super) async fn monitor_nodes(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    session.as_actor(|_, cx| cx.monitor_nodes()).await?;
    Ok(true.into())
}

pub(super) async fn types(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let place = session.place(&mut words).await?;
    words.end()?;
    let types = session.node.types_of(&place);
    Ok(types.ok_or(SpawnError::NoConnection(place))?.into())
}

fn list(nodes: &[NodeId]) -> Value {
    nodes.iter().map(NodeId::as_str).collect()
}
