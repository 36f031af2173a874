//! Adding children to a supervisor that runs.

use serde::{Deserialize, Serialize};

use super::child::ChildSpec;
use super::{Asker, Supervisor, tell};
use crate::error::SpawnError;
use crate::message::reply::Reply;
use crate::pid::{AnyPid, Pid};
use crate::proto::supervision::{Answer, ChildError};

/// Why a child was not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// There is no such supervisor on this node, or it ended before it answered.
    #[error("there is no such supervisor here")]
    NoSupervisor,
    /// The request does not fit the children there are. Nothing has changed.
    #[error(transparent)]
    Refused(#[from] ChildError),
    /// Its `init` declined to start, with `Normal`. It is a child that is stopped, unless it is
    /// temporary or dynamic: then it is not there.
    #[error("the child declined to start")]
    Ignored,
    /// It did not start. A child that was to be added is not there; one that was to be restarted is
    /// stopped.
    #[error("the child did not start: {0}")]
    Failed(#[source] SpawnError),
}

/// Asks for one more child. An event, not a message: a spec does not travel.
#[derive(Debug)]
pub(super) struct AddChild {
    pub(super) spec: ChildSpec,
    pub(super) reply: Reply<Result<AnyPid, StartChildError>>,
}

impl Pid<Supervisor> {
    /// Adds a child to a running supervisor of this node, behind those there are.
    ///
    /// Waits for the child's `init`, and before that for a restart of the child's group.
    ///
    /// # Errors
    /// Any [`StartChildError`]; but for `Ignored` the child is not there.
    ///
    /// # Cancel safety
    /// Dropped after its first poll, the child is started all the same.
    ///
    /// # Source
    /// `supervisor:start_child/2`.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<AnyPid, StartChildError> {
        let gone = || StartChildError::NoSupervisor;
        let (reply, answer) = Reply::pair();
        tell(self.any(), AddChild { spec, reply }).ok_or_else(gone)?;
        answer.await.map_err(|_| gone())?.map_err(|_| gone())?
    }
}

impl Asker {
    pub(super) fn answer(self, answer: Answer) {
        match self {
            Self::Start(reply) => reply.send(match answer {
                Answer::Started(pid) => Ok(pid),
                Answer::Ignored => Err(StartChildError::Ignored),
                Answer::Failed(error) => Err(StartChildError::Failed(error)),
                Answer::Refused(error) => Err(error.into()),
                Answer::Done => Err(StartChildError::NoSupervisor),
            }),
            Self::Stop(reply) => reply.send(match answer {
                Answer::Refused(error) => Err(error),
                Answer::Done | Answer::Started(_) | Answer::Ignored | Answer::Failed(_) => Ok(()),
            }),
        }
    }
}
