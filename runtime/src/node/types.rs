//! The types a node can spawn for others and the functions it runs for them, by their names, and what it knows of the types of a peer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::actor::Spawnable;
use crate::error::SpawnError;
use crate::function::RemoteFunction;
use crate::function::registered::{Registered, RunnableFunction};
use crate::identity::NodeId;
use crate::life::birth::Birth;
use crate::panics::spared;
use crate::remote::decoding::{self, Source};
use crate::remote::fingerprint;
use crate::remote::wire::{self, MethodKey, MethodRef};

/// The spawnable types and the functions of a node, by wire name.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeTable {
    rule: SpawnRule,
    types: BTreeMap<&'static str, Arc<dyn SpawnableType>>,
    /// The keys of [`TypeTable::schemas`], in order: what other nodes name by their places.
    listed: Vec<MethodKey>,
}

/// Which peer may spawn or run what, by wire name. By default everyone may everything that is there.
#[derive(Clone, Default)]
pub(crate) struct SpawnRule(Option<Arc<Allows>>);

type Allows = dyn Fn(&NodeId, &str) -> bool + Send + Sync;

impl SpawnRule {
    /// A rule that panics allows nothing.
    fn allows(&self, peer: &NodeId, name: &str) -> bool {
        let Some(rule) = &self.0 else { return true };
        spared(|| rule(peer, name)).unwrap_or(false)
    }
}

impl fmt::Debug for SpawnRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "SpawnRule(of the program)" } else { "SpawnRule(any)" })
    }
}

/// Two types, two functions, or one of each claim one wire name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} are both named {name:?}")]
pub struct DuplicateType {
    name: &'static str,
    first: &'static str,
    second: &'static str,
}

impl TypeTable {
    pub(crate) fn add<A: Spawnable>(&mut self) -> Result<(), DuplicateType> {
        self.add_named(A::NAME, Arc::new(TypeOf::<A>::new()))
    }

    pub(crate) fn add_function<F: RemoteFunction>(&mut self) -> Result<(), DuplicateType> {
        self.add_named(F::NAME, Arc::new(Registered::<F>::new()))
    }

    fn add_named(
        &mut self,
        name: &'static str,
        second: Arc<dyn SpawnableType>,
    ) -> Result<(), DuplicateType> {
        let added = second.rust_name();
        match self.types.insert(name, second) {
            Some(first) if first.rust_name() != added => {
                Err(DuplicateType { name, first: first.rust_name(), second: added })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn set_rule(
        &mut self,
        allows: impl Fn(&NodeId, &str) -> bool + Send + Sync + 'static,
    ) {
        self.rule = SpawnRule(Some(Arc::new(allows)));
    }

    pub(crate) fn allows(&self, peer: &NodeId, name: &str) -> bool {
        self.rule.allows(peer, name)
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<dyn SpawnableType>> {
        self.types.get(name).map(Arc::clone)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.names_of(|spawnable| spawnable.function().is_none())
    }

    pub(crate) fn function_names(&self) -> Vec<String> {
        self.names_of(|spawnable| spawnable.function().is_some())
    }

    /// What can be spawned: types and functions.
    pub(crate) fn all_names(&self) -> Vec<String> {
        self.names_of(|_| true)
    }

    fn names_of(&self, wanted: impl Fn(&dyn SpawnableType) -> bool) -> Vec<String> {
        let wanted = self.types.iter().filter(|(_, spawnable)| wanted(&***spawnable));
        wanted.map(|(name, _)| (*name).to_owned()).collect()
    }

    /// The types are complete: what other nodes will be told of them is known.
    pub(crate) fn sealed(mut self) -> Self {
        self.listed = self.schemas().keys.into_iter().collect();
        self
    }

    /// The method that another node names so; `None` if none is named so.
    pub(crate) fn method(&self, method: MethodRef) -> Option<MethodKey> {
        match method {
            MethodRef::Listed(place) => self.listed.get(usize::try_from(place).ok()?).copied(),
            MethodRef::Keyed(key) => Some(key),
        }
    }

    /// What this node tells others of its types when a session opens. Functions are not among them:
    /// they have one schema each, which is compared where they run.
    pub(crate) fn schemas(&self) -> Schemas {
        let mut schemas = Schemas::default();
        let types = self.types.iter().filter(|(_, spawnable)| spawnable.function().is_none());
        for (name, spawnable) in types {
            schemas.types.insert((*name).to_owned());
            schemas.keys.extend(spawnable.keys());
        }
        schemas
    }
}

/// What a node says of its types when a session opens: their names, and the keys of all their methods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schemas {
    pub(crate) types: BTreeSet<String>,
    pub(crate) keys: BTreeSet<MethodKey>,
}

/// [`Schemas`] of a peer, made ready to be asked with every message.
#[derive(Debug)]
pub(crate) struct PeerSchemas {
    pub(crate) types: BTreeSet<String>,
    /// The place of each key in the order of all.
    places: HashMap<MethodKey, u32, foldhash::fast::RandomState>,
}

impl From<Schemas> for PeerSchemas {
    fn from(schemas: Schemas) -> Self {
        Self { types: schemas.types, places: schemas.keys.into_iter().zip(0..).collect() }
    }
}

impl PeerSchemas {
    /// How a method is named to that peer. `None`: it is not there. A type that is not listed may exist
    /// without being spawnable; then the receiver checks.
    #[inline]
    pub(crate) fn find(&self, type_name: &str, key: MethodKey) -> Option<MethodRef> {
        match self.places.get(&key) {
            Some(place) => Some(MethodRef::Listed(*place)),
            None => (!self.types.contains(type_name)).then_some(MethodRef::Keyed(key)),
        }
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

    /// The function that it is, if it is one.
    fn function(&self) -> Option<&dyn RunnableFunction> {
        None
    }
}

pub(crate) struct TypeOf<A> {
    /// Computed once: it is asked for with every spawn.
    args_key: MethodKey,
    actor: PhantomData<fn() -> A>,
}

impl<A: Spawnable> TypeOf<A> {
    pub(crate) fn new() -> Self {
        Self { args_key: args_key::<A>(), actor: PhantomData }
    }
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
        match decoding::decode_value_from(source, || wire::decode::<A::Args>(args)) {
            Ok(args) => {
                source.node.start_actor::<A>(args, birth);
            }
            Err(error) => birth.fail(SpawnError::BadArguments(error)),
        }
    }
}

impl<A> fmt::Debug for TypeOf<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}
