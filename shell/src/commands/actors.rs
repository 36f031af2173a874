//! Messages, links, monitors, exits: what the shell does as an actor.

use starlings::{ExitReason, MonitorRef};

use crate::events;
use crate::failure::Failure;
use crate::relay::{Relay, RelayMethods as _};
use crate::session::{Outcome, Session};
use crate::words::Words;

pub(super) fn me(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    let me = session.me().clone();
    Ok(session.pids.show(&me).into())
}

pub(super) async fn send(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    let text = words.text("TEXT")?;
    session.node.pid::<Relay>(&pid).text(text)?;
    Ok(true.into())
}

pub(super) async fn link(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    words.end()?;
    session.as_actor(move |_, cx| cx.link(&pid)).await?;
    Ok(true.into())
}

pub(super) async fn unlink(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    words.end()?;
    session.as_actor(move |_, cx| cx.unlink(&pid)).await?;
    Ok(true.into())
}

pub(super) async fn monitor(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    words.end()?;
    let monitor = session.as_actor(move |_, cx| cx.monitor(&pid)).await?;
    Ok(monitor.to_string().into())
}

pub(super) async fn demonitor(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let monitor = words.need("REF")?;
    words.end()?;
    let Ok(number) = monitor.trim_start_matches('#').parse() else {
        let message = format!("REF: {monitor:?} is not what `monitor` answered");
        return Err(Failure::bad_command(message));
    };
    let was_there = session.as_actor(move |_, cx| cx.demonitor(MonitorRef(number))).await?;
    Ok(was_there.into())
}

pub(super) async fn exit(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    let reason = match &*words.text("REASON")? {
        "kill" => {
            session.node.kill(&pid);
            return Ok(true.into());
        }
        "Normal" | "normal" => ExitReason::Normal,
        "Shutdown" | "shutdown" => ExitReason::Shutdown,
        "Killed" | "killed" => ExitReason::Killed,
        "NoProc" => ExitReason::NoProc,
        "NoConnection" => ExitReason::NoConnection,
        text => ExitReason::error(text),
    };
    session.as_actor(move |_, cx| cx.exit(&pid, reason)).await?;
    Ok(true.into())
}

pub(super) async fn kill(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let pid = session.pid(&mut words).await?;
    words.end()?;
    session.node.kill(&pid);
    Ok(true.into())
}

pub(super) async fn flush(session: &mut Session, words: Words<'_>) -> Outcome {
    words.end()?;
    let (kept, dropped) = session.as_actor(|relay, _| relay.drain()).await?;
    Ok(events::flushed(kept, dropped, &mut session.pids).into())
}
