//! What a command answers when it does not succeed: the name of the library's error, and its text.

use serde::Serialize;
use serde_json::Value;
use starlings::{
    CacheError, CallError, CastError, ConnectError, GroupError, GroupsError, KeyError, NameError,
    NamesError, NodeIdError, PidTextError, PutError, RegisterError, RunError, SpawnError,
};

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Failure {
    /// The name of the variant of the library's error.
    pub(crate) kind: String,
    /// What people read.
    pub(crate) message: String,
    /// What an `await` saw last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<Value>,
}

impl Failure {
    pub(crate) fn new(kind: &str, message: impl ToString) -> Self {
        Self { kind: kind.to_owned(), message: message.to_string(), last: None }
    }

    /// The line is not a command.
    pub(crate) fn bad_command(message: impl ToString) -> Self {
        Self::new("BadCommand", message)
    }

    /// The command is known, but not what it was given for the actor.
    pub(crate) fn bad_arguments(message: impl ToString) -> Self {
        Self::new("BadArguments", message)
    }

    /// What the library does not do.
    pub(crate) fn not_available(what: &str) -> Self {
        Self::new("NotAvailable", format!("{what}: not available yet"))
    }
}

macro_rules! from_errors {
    ($($error:ty => $kind:expr),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let kind: fn(&$error) -> &'static str = $kind;
                Self::new(kind(&error), &error)
            }
        })*
    };
}

from_errors! {
    CastError => CastError::kind,
    CallError => CallError::kind,
    SpawnError => SpawnError::kind,
    RunError => RunError::kind,
    ConnectError => connect,
    RegisterError => register,
    PidTextError => pid_text,
    NodeIdError => |_| "NodeIdError",
    GroupsError => groups,
    NamesError => names,
    CacheError => cache,
}

/// Stands for variants that the library has gained since this was written.
const OTHER: &str = "Error";

fn connect(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::NoAddress(_) => "NoAddress",
        ConnectError::BadAddress { .. } => "BadAddress",
        ConnectError::Unreachable { .. } => "Unreachable",
        ConnectError::HandshakeFailed { .. } => "HandshakeFailed",
        ConnectError::Timeout(_) => "Timeout",
        ConnectError::SelfConnect(_) => "SelfConnect",
        ConnectError::NoTransport => "NoTransport",
        ConnectError::NotAllowed(_) => "NotAllowed",
        ConnectError::NotAutomatic(_) => "NotAutomatic",
        _ => OTHER,
    }
}

fn register(error: &RegisterError) -> &'static str {
    match error {
        RegisterError::Taken(_) => "Taken",
        RegisterError::NoProc => "NoProc",
        RegisterError::NotLocal(_) => "NotLocal",
        RegisterError::BadName => "BadName",
        _ => OTHER,
    }
}

fn pid_text(error: &PidTextError) -> &'static str {
    match error {
        PidTextError::NotAPid(_) => "NotAPid",
        PidTextError::NoConnection(_) => "NoConnection",
        _ => OTHER,
    }
}

fn key(error: &KeyError) -> &'static str {
    match error {
        KeyError::Empty => "Empty",
        KeyError::TooLong { .. } => "TooLong",
        _ => OTHER,
    }
}

fn groups(error: &GroupsError) -> &'static str {
    match error {
        GroupsError::BadKey(error) => key(error),
        GroupsError::Refused(GroupError::NotLocal) => "NotLocal",
        GroupsError::Refused(GroupError::NotJoined) => "NotJoined",
        GroupsError::Refused(GroupError::Full(_)) => "Full",
        GroupsError::NoProc => "NoProc",
        GroupsError::TooManyMonitors(_) => "TooManyMonitors",
        GroupsError::Refused(_) | _ => OTHER,
    }
}

fn names(error: &NamesError) -> &'static str {
    match error {
        NamesError::BadKey(error) => key(error),
        NamesError::Refused(NameError::NotLocal) => "NotLocal",
        NamesError::Refused(NameError::Taken { .. }) => "Taken",
        NamesError::Refused(NameError::NotRegistered) => "NotRegistered",
        NamesError::Refused(NameError::OwnedElsewhere { .. }) => "OwnedElsewhere",
        NamesError::Refused(NameError::Full(_)) => "Full",
        NamesError::NoProc => "NoProc",
        NamesError::Call(error) => error.kind(),
        NamesError::Refused(_) | _ => OTHER,
    }
}

fn cache(error: &CacheError) -> &'static str {
    match error {
        CacheError::BadName => "BadName",
        CacheError::NotOpen(_) => "NotOpen",
        CacheError::NotStarted(_) => "NotStarted",
        CacheError::Refused(PutError::KeyTooLong(_)) => "KeyTooLong",
        CacheError::Refused(PutError::ValueTooLong(_)) => "ValueTooLong",
        CacheError::Refused(PutError::Full) => "Full",
        CacheError::BadValue(_) => "BadValue",
        CacheError::Group(error) => key(error),
        CacheError::NoProc => "NoProc",
        CacheError::TooManyWatches => "TooManyWatches",
        CacheError::Refused(_) | _ => OTHER,
    }
}
