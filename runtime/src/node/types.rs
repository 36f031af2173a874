//! The types a node can spawn for others, and what it knows of the types of a peer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::Spawnable;
use crate::error::SpawnError;
use crate::life::birth::Birth;
use crate::remote::decoding::{self, Source};
use crate::remote::fingerprint;
use crate::remote::wire::{self, MethodKey};

/// The spawnable types of a node, by wire name.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeTable {
    types: BTreeMap<&'static str, Arc<dyn SpawnableType>>,
}

/// Two types claim one wire name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} are both named {name:?}")]
pub struct DuplicateType {
    name: &'static str,
    first: &'static str,
    second: &'static str,
}

impl TypeTable {
    pub(crate) fn add<A: Spawnable>(&mut self) -> Result<(), DuplicateType> {
        let second = Arc::new(TypeOf::<A> { args_key: args_key::<A>(), actor: PhantomData });
        let (name, added) = (A::NAME, second.rust_name());
        match self.types.insert(name, second) {
            Some(first) if first.rust_name() != added => {
                Err(DuplicateType { name, first: first.rust_name(), second: added })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<dyn SpawnableType>> {
        self.types.get(name).map(Arc::clone)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.types.keys().map(ToString::to_string).collect()
    }

    /// What this node tells others of its types when a session opens.
    pub(crate) fn schemas(&self) -> Schemas {
        let mut schemas = Schemas::default();
        for (name, spawnable) in &self.types {
            schemas.types.insert((*name).to_owned());
            schemas.keys.extend(spawnable.keys());
        }
        schemas
    }
}

/// What another node said of its types: their names, and the keys of all their methods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schemas {
    pub(crate) types: BTreeSet<String>,
    pub(crate) keys: BTreeSet<MethodKey>,
}

impl Schemas {
    /// Whether a method may be there: it is listed, or its type is not (it may exist without being
    /// spawnable; then the receiver checks).
    pub(crate) fn allows(&self, type_name: &str, key: MethodKey) -> bool {
        self.keys.contains(&key) || !self.types.contains(type_name)
    }
}

/// The key of a type's arguments.
pub(crate) fn args_key<A: Spawnable>() -> MethodKey {
    fingerprint::method_key::<A::Args, ()>(A::NAME, "init")
}

/// A type that can be spawned from its encoded arguments.
pub(crate) trait SpawnableType: Send + Sync + fmt::Debug {
    fn rust_name(&self) -> &'static str;

    fn args_key(&self) -> MethodKey;

    fn keys(&self) -> Vec<MethodKey>;

    /// Decodes the arguments and starts the actor; `birth` hears how that went.
    fn start(&self, source: Source<'_>, args: &[u8], birth: Birth);
}

struct TypeOf<A> {
    /// Computed once: it is asked for with every spawn.
    args_key: MethodKey,
    actor: PhantomData<fn() -> A>,
}

impl<A: Spawnable> SpawnableType for TypeOf<A> {
    fn rust_name(&self) -> &'static str {
        std::any::type_name::<A>()
    }

    fn args_key(&self) -> MethodKey {
        self.args_key
    }

    fn keys(&self) -> Vec<MethodKey> {
        let mut keys: Vec<_> = A::methods().iter().map(|method| method.key).collect();
        keys.push(self.args_key);
        keys
    }

    fn start(&self, source: Source<'_>, args: &[u8], birth: Birth) {
        match decoding::decode_from(source, || wire::decode::<A::Args>(args)) {
            Ok(args) => {
                source.node.start_actor::<A>(args, birth);
            }
            Err(error) => birth.fail(SpawnError::BadArguments(error.to_string())),
        }
    }
}

impl<A> fmt::Debug for TypeOf<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}
