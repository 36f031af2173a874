//! A node as a place: spawning there, and finding what has a name there.

use crate::actor::{Remote, Spawnable};
use crate::error::{CallError, CastError};
use crate::identity::NodeId;
use crate::life::spawn::Spawn;
use crate::node::Node;
use crate::pid::AnyPid;
use crate::remote::lookup::{self, Purpose};

/// A node as the place of a spawn: what [`Node::on`] gives.
#[derive(Debug, Clone)]
pub struct On {
    pub(crate) node: Node,
    pub(crate) place: NodeId,
}

impl On {
    /// Spawns an actor there.
    pub fn spawn<A: Spawnable>(&self, args: A::Args) -> Spawn<A> {
        Spawn::on(self.node.clone(), self.place.clone(), args)
    }

    /// Who holds a local name there.
    ///
    /// # Errors
    /// [`CallError::NoConnection`], or [`CallError::Timeout`] after 5 s.
    pub async fn whereis(&self, name: &str) -> Result<Option<AnyPid>, CallError> {
        if self.place == *self.node.name() {
            return Ok(self.node.whereis(name));
        }
        lookup::whereis(&self.node, &self.place, name).await
    }

    /// Sends a message to whoever holds a local name there; nobody, and it is lost. As with a pid, a
    /// session that has ended is made anew; if that leads to another life of the node, it is lost too.
    ///
    /// # Errors
    /// There has been no session with that node, its lane is full, or the message does not encode.
    pub fn cast_named<A: Remote>(&self, name: &str, message: A::Message) -> Result<(), CastError> {
        lookup::cast_named::<A>(&self.node, &self.place, name, message, Purpose::Message)
    }

    /// The same for the upkeep of what nodes share: it makes no session, and does not keep one from being
    /// closed for want of use. Whoever needs the session for what is shared says so with [`Node::hold_while`].
    ///
    /// # Errors
    /// As [`On::cast_named`].
    pub fn cast_named_in_background<A: Remote>(
        &self,
        name: &str,
        message: A::Message,
    ) -> Result<(), CastError> {
        lookup::cast_named::<A>(&self.node, &self.place, name, message, Purpose::Upkeep)
    }
}
