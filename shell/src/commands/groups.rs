//! Process groups.

use starlings::Registry as _;

use crate::relay::{Relay, RelayMessage};
use crate::session::{Outcome, Session};
use crate::words::Words;

pub(super) async fn join(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    let pid = session.pid_or_me(&mut words).await?;
    words.end()?;
    session.node.groups().join(&group, &pid)?;
    Ok(true.into())
}

pub(super) async fn leave(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    let pid = session.pid_or_me(&mut words).await?;
    words.end()?;
    session.node.groups().leave(&group, &pid)?;
    Ok(true.into())
}

pub(super) fn members(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    words.end()?;
    let members = session.node.groups().members(&group);
    Ok(session.pids.show_all(&*members).into())
}

pub(super) fn local(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    words.end()?;
    let members = session.node.groups().local_members(&group);
    Ok(session.pids.show_all(&members).into())
}

pub(super) fn list(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    Ok(session.node.groups().groups().into())
}

pub(super) fn monitor(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    words.end()?;
    let (_, members) = session.node.groups().monitor(&group, session.me())?;
    Ok(session.pids.show_all(&members).into())
}

pub(super) fn send(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let group = words.need("GROUP")?;
    let text = words.text("TEXT")?;
    let groups = session.node.groups();
    groups.cast_all::<Relay>(&group, &RelayMessage::Text { text })?;
    Ok(true.into())
}
