//! Names of this node, and of the cluster.

use serde_json::{Map, Value};
use starlings::{AnyPid, Metadata, OnConflict, Registry as _};

use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::words::Words;

pub(super) async fn register(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    let pid = session.pid(&mut words).await?;
    words.end()?;
    session.node.register(&name, &pid)?;
    Ok(true.into())
}

pub(super) fn whereis(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    words.end()?;
    let pid = session.node.whereis(&name);
    Ok(shown(session, pid).into())
}

pub(super) fn unregister(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    words.end()?;
    Ok(session.node.unregister(&name).into())
}

pub(super) fn list(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    let names = session.node.registered();
    Ok(table(session, names).into())
}

/// A name that the shell itself loses is told to it; other actors end with the conflict, unless they
/// trap exits.
pub(super) async fn global_register(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    let pid = session.pid(&mut words).await?;
    if words.take_if("strong") {
        words.end()?;
        return Err(Failure::not_available("strong names"));
    }
    words.end()?;
    let on_conflict = if pid == *session.me() { OnConflict::Notify } else { OnConflict::Exit };
    let names = session.node.names();
    names.register_with(&name, &pid, Metadata::EMPTY, on_conflict)?;
    Ok(true.into())
}

pub(super) fn global_whereis(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    words.end()?;
    let pid = session.node.names().whereis(&name);
    Ok(shown(session, pid).into())
}

pub(super) async fn global_unregister(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("NAME")?;
    words.end()?;
    session.node.names().unregister(&name).await?;
    Ok(true.into())
}

pub(super) fn global_list(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    let names = session.node.names().names();
    Ok(table(session, names).into())
}

fn shown(session: &mut Session, pid: Option<AnyPid>) -> Value {
    pid.map_or(Value::Null, |pid| session.pids.show(&pid))
}

fn table(session: &mut Session, names: Vec<(String, AnyPid)>) -> Value {
    let names = names.into_iter();
    let names = names.map(|(name, pid)| (name, session.pids.show(&pid)));
    Value::Object(names.collect::<Map<_, _>>())
}
