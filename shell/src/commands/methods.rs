//! `cast`, `call` and `run`: the methods of the types that the shell knows, and its function.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use starlings::{AnyPid, CallError, InspectorMethods as _, NodeId, Pid, Remote as _, inspector};

use crate::failure::Failure;
use crate::relay::{Relay, RelayMethods as _};
use crate::session::{Outcome, Session};
use crate::types::{
    Burner, BurnerMethods as _, Counter, CounterMethods as _, Crasher, CrasherMethods as _, End,
    Fanout, FanoutMethods as _, Sleeper, SleeperMethods as _, TYPES, nap,
};
use crate::words::Words;

/// How long a call waits unless told otherwise. As the library's.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One method of one actor, with its arguments not read yet.
struct Request<'a> {
    pid: AnyPid,
    type_name: String,
    method: String,
    words: Words<'a>,
}

pub(super) async fn cast(session: &mut Session, words: Words<'_>) -> Outcome {
    let request = Request::read(session, words).await?;
    let node = session.node.clone();
    let pid = &request.pid;
    match (&*request.type_name, &*request.method) {
        (Burner::NAME, "burn") => node.pid::<Burner>(pid).burn(request.one("MS")?)?,
        (Counter::NAME, "add") => node.pid::<Counter>(pid).add(request.one("N")?)?,
        (Crasher::NAME, _) => node.pid::<Crasher>(pid).end(request.end()?)?,
        (Relay::NAME, "text") => node.pid::<Relay>(pid).text(request.text()?)?,
        (Sleeper::NAME, "sleep") => node.pid::<Sleeper>(pid).doze(request.one("MS")?)?,
        _ => return Err(request.unknown()),
    }
    Ok(true.into())
}

pub(super) async fn run(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let timeout = words.take_timeout().unwrap_or(TIMEOUT);
    let place: NodeId = words.need("NODE")?.parse()?;
    let ms = words.parse("MS")?;
    words.end()?;
    let ran_on = session.node.on(&place).run(nap, ms).timeout(timeout).await?;
    Ok(ran_on.to_string().into())
}

pub(super) async fn call(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let timeout = words.take_timeout().unwrap_or(TIMEOUT);
    let request = Request::read(session, words).await?;
    let node = session.node.clone();
    let pid = &request.pid;
    let value: Value = match (&*request.type_name, &*request.method) {
        (Burner::NAME, "burn") => {
            let pid: Pid<Burner> = node.pid(pid);
            pid.burn_up(request.one("MS")?).timeout(timeout).await?.into()
        }
        (Counter::NAME, "add") => {
            let pid: Pid<Counter> = node.pid(pid);
            pid.add_up(request.one("N")?).timeout(timeout).await?.into()
        }
        (Counter::NAME, "get") => {
            request.none()?;
            node.pid::<Counter>(pid).get().timeout(timeout).await?.into()
        }
        (Crasher::NAME, _) => {
            let pid: Pid<Crasher> = node.pid(pid);
            pid.end_now(request.end()?).timeout(timeout).await?.into()
        }
        (Fanout::NAME, "which") => {
            request.none()?;
            let pids = node.pid::<Fanout>(pid).which().timeout(timeout).await?;
            session.pids.show_all(&pids)
        }
        (Relay::NAME, "text") => {
            node.pid::<Relay>(pid).text(request.text()?)?;
            true.into()
        }
        (Relay::NAME, "take") => {
            request.none()?;
            node.pid::<Relay>(pid).take().timeout(timeout).await?.into()
        }
        (Sleeper::NAME, "sleep") => {
            let pid: Pid<Sleeper> = node.pid(pid);
            pid.sleep(request.one("MS")?).timeout(timeout).await?.into()
        }
        _ => return Err(request.unknown()),
    };
    Ok(value.into())
}

impl<'a> Request<'a> {
    async fn read(session: &mut Session, mut words: Words<'a>) -> Result<Self, Failure> {
        let pid = session.pid(&mut words).await?;
        let method = words.need("METHOD")?.into_owned();
        let type_name = type_of(session, &pid).await?;
        Ok(Self { pid, type_name, method, words })
    }

    fn none(&self) -> Result<(), Failure> {
        self.words.end().map_err(as_arguments)
    }

    fn one<T: FromStr<Err: ToString>>(&self, what: &str) -> Result<T, Failure> {
        let mut words = self.words.clone();
        let arg = words.parse(what).map_err(as_arguments)?;
        words.end().map_err(as_arguments)?;
        Ok(arg)
    }

    fn text(&self) -> Result<String, Failure> {
        self.words.clone().text("TEXT").map_err(as_arguments)
    }

    /// How a crasher is to end.
    fn end(&self) -> Result<End, Failure> {
        match &*self.method {
            "crash" => Ok(End::Crash(self.text()?)),
            "fail" => Ok(End::Fail(self.text()?)),
            "stop" => self.none().map(|()| End::Stop),
            _ => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Failure {
        let (type_name, method) = (&self.type_name, &self.method);
        match TYPES.iter().find(|known| known.name == type_name) {
            Some(known) => {
                let methods = known.methods.join(", ");
                let message = format!("a {type_name} has no such {method:?}; it has: {methods}");
                Failure::new("UnknownMethod", message)
            }
            None => {
                let message = format!("this shell does not know the methods of a {type_name}");
                Failure::new("UnknownType", message)
            }
        }
    }
}

fn as_arguments(failure: Failure) -> Failure {
    Failure::bad_arguments(failure.message)
}

/// The type of an actor: asked of the inspector of its node, once for each.
async fn type_of(session: &mut Session, pid: &AnyPid) -> Result<String, Failure> {
    let node = session.node.clone();
    let pid = node.bind(pid);
    if pid.is_local() {
        let info = node.actor_info(&pid).ok_or(CallError::NoProc)?;
        return Ok(info.type_name);
    }
    if let Some(type_name) = session.pids.type_of(&pid) {
        return Ok(type_name.to_owned());
    }
    let inspector = inspector(&node, pid.node()).await?;
    let info = inspector.info(pid.clone()).await?.ok_or(CallError::NoProc)?;
    session.pids.set_type(&pid, &info.type_name);
    Ok(info.type_name)
}
