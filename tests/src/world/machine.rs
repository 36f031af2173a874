//! What the world runs: a state machine with inputs, outputs and one deadline.

use std::fmt::Debug;
use std::time::Duration;

use starlings_runtime::NodeInstance;

/// The pure core of one node, as the world sees it.
///
/// Time is the virtual time since the world began; it is the same on all nodes and never goes back.
pub trait Machine: Sized {
    /// What it sends to other nodes.
    type Message: Clone + Debug;
    /// What its own user asks of it.
    type Command: Clone + Debug;
    /// What it tells its own user.
    type Event: Clone + Debug;

    /// A node with empty memory. `seed` differs from node to node and from life to life.
    fn new(me: NodeInstance, seed: u64) -> Self;

    /// Takes one input and appends what follows from it.
    fn handle(&mut self, now: Duration, input: InputOf<Self>, outputs: &mut Vec<OutputOf<Self>>);

    /// When it wants [`Input::Elapsed`] next.
    fn deadline(&self) -> Option<Duration>;

    /// The state in words, for a failure report.
    fn dump(&self) -> String;
}

/// The inputs of machine `M`.
pub type InputOf<M> = Input<<M as Machine>::Command, <M as Machine>::Message>;

/// The outputs of machine `M`.
pub type OutputOf<M> = Output<<M as Machine>::Message, <M as Machine>::Event>;

/// What can happen to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<C, M> {
    /// Its user asks something of it.
    Command(C),
    /// A message came in.
    Received {
        /// The life of the node that sent it.
        from: NodeInstance,
        /// What was sent.
        message: M,
    },
    /// A session with this life of a node is made.
    NodeUp(NodeInstance),
    /// The session with it has ended.
    NodeDown(NodeInstance),
    /// The deadline has passed.
    Elapsed,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<M, E> {
    /// Sends a message to a life of another node.
    Send {
        /// To whom.
        to: NodeInstance,
        /// What.
        message: M,
    },
    /// Tells its user something.
    Event(E),
}
