//! Cluster names, eventually consistent: one pid under one name, on all nodes, available in every
//! partition. Sources: OTP `global`, `syn`.

mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{Actor, AnyPid, CallError, ChildSpec, Node, Pid, spec};

use crate::driver::Driver;
use crate::key::{Key, KeyError, Metadata};
use crate::proto::names::{NameError, State};
use crate::proto::replication::DIGEST_INTERVAL;
pub use server::NamesServer;
use server::{NamesServerMethods as _, NamesShell};

/// The names of one scope, as seen from one node. Cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Driver<State, NamesShell>>);

/// What happens to an actor that loses its name to another one, registered at the same time on a
/// node that was out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It ends, with the exit reason `NameConflict`, unless it traps exits.
    #[default]
    Exit,
    /// It gets a [`NameConflict`] event and lives on.
    Notify,
}

/// An actor has lost its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConflict {
    /// The name.
    pub name: Key,
    /// Who has it.
    pub winner: AnyPid,
}

/// Why a name was not registered or unregistered. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// The name or the metadata is out of bounds.
    #[error(transparent)]
    BadKey(#[from] KeyError),
    /// The name is taken, or not registered, or the pid is of another node.
    #[error(transparent)]
    Refused(#[from] NameError),
    /// The actor has ended.
    #[error("no such actor")]
    NoProc,
    /// The node that owns the name did not answer.
    #[error("the owner's node did not answer: {0}")]
    Call(#[from] CallError),
}

/// The scopes of one node, kept with it.
#[derive(Debug, Default)]
struct Scopes(Mutex<BTreeMap<String, Names>>);

impl Names {
    /// The names of a scope on a node. Nodes see each other's names in scopes that both run:
    /// [`Names::child`].
    #[must_use]
    pub fn of(node: &Node, scope: &str) -> Self {
        let scopes = node.extension(Scopes::default);
        let mut scopes = scopes.0.lock();
        let make = || {
            let stream = crate::driver::new_stream(node);
            let state = State::new(node.instance().clone(), stream, DIGEST_INTERVAL);
            Self(Driver::start(node, state, NamesShell::new(scope)))
        };
        scopes.entry(scope.to_owned()).or_insert_with(make).clone()
    }

    /// The server of a scope, to stand under a supervisor. It may be killed at any time: names are
    /// kept, and what it missed meanwhile is made up for.
    #[must_use]
    pub fn child(scope: &str) -> ChildSpec {
        spec::<NamesServer>(scope.to_owned()).id(format!("names/{scope}"))
    }

    /// Gives a name to a local actor, unless somebody is seen to have it. The name goes when the
    /// actor ends.
    ///
    /// Seen here when this returns, elsewhere shortly after. If another node registers the same name
    /// at the same time, one of the two is left, the same on all nodes, and the other one ends with
    /// the reason `NameConflict`: see [`Names::register_with`]. Source: `global:register_name/2`.
    ///
    /// # Errors
    /// Any [`NamesError`]; nothing is changed.
    pub fn register(&self, name: &str, pid: &impl AsRef<AnyPid>) -> Result<(), NamesError> {
        self.register_with(name, pid, Metadata::EMPTY, OnConflict::default())
    }

    /// As [`Names::register`], with metadata, and with a choice of what a lost conflict does.
    ///
    /// # Errors
    /// Any [`NamesError`]; nothing is changed.
    pub fn register_with(
        &self,
        name: &str,
        pid: &impl AsRef<AnyPid>,
        metadata: Metadata,
        on_conflict: OnConflict,
    ) -> Result<(), NamesError> {
        let (name, pid) = self.check(name, pid.as_ref())?;
        self.0.apply(|state, _, outbox| {
            state.register(name.clone(), &pid, metadata, outbox)?;
            self.0.shell.set_policy(&name, on_conflict);
            Ok::<_, NameError>(())
        })?;
        self.0.watch(&pid);
        Ok(())
    }

    /// Gives a name to a local actor whoever has it. Who had it keeps running, without the name.
    /// Source: `global:re_register_name/2`.
    ///
    /// # Errors
    /// Any [`NamesError`] but `Taken`; nothing is changed.
    pub fn re_register(&self, name: &str, pid: &impl AsRef<AnyPid>) -> Result<(), NamesError> {
        let (name, pid) = self.check(name, pid.as_ref())?;
        self.0.apply(|state, _, outbox| {
            state.re_register(name.clone(), &pid, Metadata::EMPTY, outbox)?;
            self.0.shell.set_policy(&name, OnConflict::default());
            Ok::<_, NameError>(())
        })?;
        self.0.watch(&pid);
        Ok(())
    }

    /// Takes a name from whoever has it; the node of the owner is asked if it is not this one.
    ///
    /// # Errors
    /// Any [`NamesError`]. After `Call` the name may be free or not.
    pub async fn unregister(&self, name: &str) -> Result<(), NamesError> {
        let key = Key::new(name)?;
        match self.0.apply(|state, _, outbox| state.unregister(&key, outbox)) {
            Ok(()) => Ok(()),
            Err(NameError::OwnedElsewhere { owner }) => {
                let place = self.0.node.on(owner.node());
                let server = place.whereis(&self.0.shell.server).await?;
                let server = server.ok_or(CallError::NoProc)?;
                let freed = self.0.node.pid::<NamesServer>(&server).unregister(key).await?;
                if freed { Ok(()) } else { Err(NameError::NotRegistered.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Who has a name. Read from a table, without a message. Source: `global:whereis_name/1`.
    #[must_use]
    pub fn whereis(&self, name: &str) -> Option<AnyPid> {
        self.0.shell.find(name)
    }

    /// Who has a name, as the pid of an actor of type `A`.
    #[must_use]
    pub fn find<A: Actor>(&self, name: &str) -> Option<Pid<A>> {
        self.whereis(name).map(|pid| self.0.node.pid(&pid))
    }

    /// The metadata that a name was registered with.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<Metadata> {
        let name = Key::new(name).ok()?;
        self.0.read(|state| state.whereis(&name).map(|owner| owner.metadata.clone()))
    }

    /// All names, in order, with their owners.
    #[must_use]
    pub fn names(&self) -> Vec<(String, AnyPid)> {
        let bind = |pid: &AnyPid| self.0.node.bind(pid);
        self.0.read(|state| {
            let names = state.names();
            names.map(|(name, owner)| (name.as_str().to_owned(), bind(&owner.pid))).collect()
        })
    }

    fn check(&self, name: &str, pid: &AnyPid) -> Result<(Key, AnyPid), NamesError> {
        let (name, pid) = (Key::new(name)?, self.0.node.bind(pid));
        if pid.is_local() && !self.0.node.is_alive(&pid) {
            return Err(NamesError::NoProc);
        }
        Ok((name, pid))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Names").field(&self.0.shell.server).finish()
    }
}
