//! What one node tells another about itself: its actors, its supervision tree, its counts.

use serde::{Deserialize, Serialize};
use starlings_runtime::{
    ActorInfo, AnyPid, CallError, Cx, Node, NodeId, Pid, Supervisor, SupervisorMethods as _, actor,
};

use crate::system;

/// The local name of each node's inspector.
pub(crate) const INSPECTOR: &str = "starlings.inspector";

/// Answers what is asked about its node. Each node has one: [`inspector`].
#[derive(Debug)]
pub struct Inspector;

/// One line of a supervision tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// How deep it stands; the root is 0.
    pub depth: u32,
    /// Its id under its supervisor.
    pub id: String,
    /// Its pid, unless it is starting or stopped.
    pub pid: Option<AnyPid>,
    /// The name of its type.
    pub type_name: String,
    /// How often it was restarted.
    pub restarts: u64,
    /// Messages in its mailbox, if it is local to the node asked.
    pub mailbox_len: Option<u64>,
}

/// Counts of a node at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStats {
    /// Actors alive.
    pub actors: u64,
    /// Actors started since the node did.
    pub spawned: u64,
    /// Actors ended since.
    pub exited: u64,
    /// Casts from other nodes that did not decode, or met a full mailbox.
    pub refused: u64,
    /// Casts from other nodes to actors that were gone.
    pub undeliverable: u64,
    /// Connected visible nodes.
    pub nodes: Vec<NodeId>,
    /// Where it listens.
    pub address: Option<String>,
}

/// The inspector of a node, here or elsewhere.
///
/// # Errors
/// There is no session with that node, or it has none.
pub async fn inspector(node: &Node, of: &NodeId) -> Result<Pid<Inspector>, CallError> {
    let found = node.on(of).whereis(INSPECTOR).await?;
    found.map(|pid| node.pid(&pid)).ok_or(CallError::NoProc)
}

#[actor(name = "starlings.inspector", crate = starlings_runtime)]
impl Inspector {
    fn init(cx: &mut Cx<Self>) -> Result<Self, starlings_runtime::RegisterError> {
        cx.node().register(INSPECTOR, &cx.pid())?;
        Ok(Self)
    }

    /// What is known of an actor of this node.
    #[call]
    fn info(&self, pid: AnyPid, cx: &mut Cx<Self>) -> Option<ActorInfo> {
        cx.node().actor_info(&pid)
    }

    /// The supervision tree of the node's services, and those of the program, depth first.
    #[call]
    async fn tree(&self, cx: &mut Cx<Self>) -> Vec<TreeNode> {
        let mut tree = Vec::new();
        let roots = cx.node().supervision_roots();
        for root in roots {
            let id = cx.node().registered().into_iter().find(|(_, pid)| *pid == root);
            let id = id.map_or_else(|| root.to_string(), |(name, _)| name);
            let type_name = "starlings.supervisor".to_owned();
            let mailbox_len = mailbox_len(cx.node(), &root);
            let pid = Some(root.clone());
            tree.push(TreeNode { depth: 0, id, pid, type_name, restarts: 0, mailbox_len });
            branch(cx.node(), &root, 1, &mut tree).await;
        }
        tree
    }

    /// The node's counts.
    #[call]
    fn stats(&self, cx: &mut Cx<Self>) -> NodeStats {
        let counts = cx.node().counters().read();
        NodeStats {
            actors: cx.node().actors_count() as u64,
            spawned: counts.spawned,
            exited: counts.exited,
            refused: counts.refused,
            undeliverable: counts.undeliverable,
            nodes: cx.node().nodes(),
            address: system::address(cx.node()),
        }
    }
}

/// Supervisors deeper than this are not listed. Count.
const DEPTH_MAX: u32 = 16;

async fn branch(node: &Node, supervisor: &AnyPid, depth: u32, tree: &mut Vec<TreeNode>) {
    if depth > DEPTH_MAX {
        return;
    }
    let children = node.pid::<Supervisor>(supervisor).which_children().await.unwrap_or_default();
    for child in children {
        let mailbox_len = child.pid.as_ref().and_then(|pid| mailbox_len(node, pid));
        tree.push(TreeNode {
            depth,
            id: child.id,
            pid: child.pid.clone(),
            type_name: child.type_name,
            restarts: child.restarts,
            mailbox_len,
        });
        if let Some(pid) = child.pid.filter(|_| child.is_supervisor) {
            Box::pin(branch(node, &pid, depth + 1, tree)).await;
        }
    }
}

fn mailbox_len(node: &Node, pid: &AnyPid) -> Option<u64> {
    node.actor_info(pid).map(|info| info.mailbox_len)
}
