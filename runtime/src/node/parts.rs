//! What a node is made of before it starts: its types and functions, and who may have them.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::{Node, NodeInner, Table};
use crate::actor::Spawnable;
use crate::function::RemoteFunction;
use crate::identity::{NodeId, NodeInstance};
use crate::node::counters::Counters;
use crate::node::names::NameTable;
use crate::node::timers::Timers;
use crate::node::types::{DuplicateType, TypeTable};
use crate::remote::needs::Needs;
use crate::remote::peer::Peer;

/// What a node is made of before it starts.
#[derive(Debug)]
pub struct NodeParts {
    instance: NodeInstance,
    types: TypeTable,
}

impl NodeParts {
    /// A node with this name and incarnation, and no spawnable types.
    #[must_use]
    pub fn new(instance: NodeInstance) -> Self {
        Self { instance, types: TypeTable::default() }
    }

    /// Lets other nodes spawn `A` here.
    ///
    /// # Errors
    /// Another type has the same name; the parts are unchanged but for that name.
    pub fn add_spawnable<A: Spawnable>(&mut self) -> Result<(), DuplicateType> {
        self.types.add::<A>()
    }

    /// Lets other nodes run `F` here, and spawn it.
    ///
    /// # Errors
    /// A type or another function has the same name; the parts are unchanged but for that name.
    pub fn add_function<F: RemoteFunction>(&mut self) -> Result<(), DuplicateType> {
        self.types.add_function::<F>()
    }

    /// Limits which peers may spawn or run what here: `allows` is asked for each request of another
    /// node, with that node and the wire name of the type or function. What it does not allow is
    /// answered with `NotAllowed`. It is called on the thread that reads, and must not block.
    pub fn allow_spawn(&mut self, allows: impl Fn(&NodeId, &str) -> bool + Send + Sync + 'static) {
        self.types.set_rule(allows);
    }

    /// Starts the node, without a transport. Its actors run on the tokio runtime that this is called
    /// in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(self) -> Node {
        let runtime = tokio::runtime::Handle::current();
        let timers = Arc::new(Timers::new(runtime.clone()));
        Node(Arc::new_cyclic(|weak| NodeInner {
            me: Arc::new(Peer::new(self.instance, true, weak.clone(), Some(timers))),
            serials: AtomicU64::new(1),
            refs: AtomicU64::new(1),
            cells: Table::default(),
            peers: Table::default(),
            membership: Mutex::default(),
            names: NameTable::default(),
            types: self.types.sealed(),
            carrier: OnceLock::new(),
            groups: OnceLock::new(),
            extensions: Table::default(),
            counters: Counters::default(),
            closing: AtomicBool::new(false),
            needs: Needs::default(),
            runtime,
            system: OnceLock::new(),
        }))
    }
}
