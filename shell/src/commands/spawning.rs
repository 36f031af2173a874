//! `spawn`.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use serde_json::json;
use starlings::{NodeId, Remote as _, SpawnError, Spawnable};

use crate::failure::Failure;
use crate::relay::{Relay, Role};
use crate::session::{Outcome, Session};
use crate::types::{Burner, Counter, Crasher, Fanout, Sleeper};
use crate::words::Words;

/// What a spawn asks for beside the type.
#[derive(Debug, Default)]
struct Options<'a> {
    args: Vec<Cow<'a, str>>,
    on: Option<NodeId>,
    link: bool,
    monitor: bool,
    name: Option<String>,
    timeout: Option<Duration>,
}

impl<'a> Options<'a> {
    fn read(mut words: Words<'a>) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(word) = words.take()? {
            match &*word {
                "on" => options.on = Some(words.need("NODE")?.parse()?),
                "link" => options.link = true,
                "monitor" => options.monitor = true,
                "name" => options.name = Some(words.need("NAME")?.into_owned()),
                "timeout" => options.timeout = Some(Duration::from_millis(words.parse("MS")?)),
                _ => options.args.push(word),
            }
        }
        Ok(options)
    }

    fn no_args(&self) -> Result<(), Failure> {
        match self.args.first() {
            None => Ok(()),
            Some(arg) => Err(Failure::bad_arguments(format!("it takes none: {arg:?}"))),
        }
    }

    fn one_arg<T: FromStr<Err: ToString>>(&self, what: &str) -> Result<T, Failure> {
        let [arg] = &*self.args else {
            return Err(Failure::bad_arguments(format!("it takes one: {what}")));
        };
        arg.parse().map_err(|error: T::Err| {
            Failure::bad_arguments(format!("{what}: {arg:?}: {}", error.to_string()))
        })
    }
}

pub(super) async fn spawn(session: &mut Session, mut words: Words<'_>) -> Outcome {
    let name = words.need("TYPE")?;
    let options = Options::read(words)?;
    match &*name {
        Burner::NAME => {
            options.no_args()?;
            start::<Burner>(session, (), options).await
        }
        Counter::NAME => {
            let first = options.one_arg("START")?;
            start::<Counter>(session, first, options).await
        }
        Crasher::NAME => {
            options.no_args()?;
            start::<Crasher>(session, (), options).await
        }
        Fanout::NAME => {
            let count = options.one_arg("N")?;
            start::<Fanout>(session, count, options).await
        }
        Relay::NAME => {
            options.no_args()?;
            start::<Relay>(session, Role::Relay, options).await
        }
        Sleeper::NAME => {
            options.no_args()?;
            start::<Sleeper>(session, (), options).await
        }
        _ => Err(unknown(session, &name, options).await),
    }
}

async fn start<A: Spawnable>(
    session: &mut Session,
    args: A::Args,
    options: Options<'_>,
) -> Outcome {
    let own = session.node.name().clone();
    let place = session.node.on(&options.on.unwrap_or(own));
    let (link, monitor) = (options.link, options.monitor);
    let (name, timeout) = (options.name, options.timeout);
    let spawn = session.as_actor(move |_, cx| {
        let mut spawn = place.spawn::<A>(args).from(cx);
        if link {
            spawn = spawn.linked();
        }
        if let Some(name) = name {
            spawn = spawn.name(name);
        }
        match timeout {
            Some(timeout) => spawn.timeout(timeout),
            None => spawn,
        }
    });
    let spawn = spawn.await?;
    if monitor {
        let (pid, monitor) = spawn.monitored().await?;
        session.pids.set_type(pid.any(), A::NAME);
        let pid = session.pids.show(pid.any());
        return Ok(json!({"pid": pid, "monitor": monitor.to_string()}).into());
    }
    let pid = spawn.await?;
    session.pids.set_type(pid.any(), A::NAME);
    Ok(session.pids.show(pid.any()).into())
}

/// Says what can be spawned where it was asked for.
async fn unknown(session: &Session, name: &str, options: Options<'_>) -> Failure {
    let node = options.on.unwrap_or_else(|| session.node.name().clone());
    if let Err(error) = session.reach(&node).await {
        return error.into();
    }
    let known = session.node.types_of(&node).unwrap_or_default();
    let name = name.to_owned();
    if known.contains(&name) {
        let message = format!("{node} knows {name:?}, but this shell does not know its arguments");
        return Failure::new("UnknownType", message);
    }
    SpawnError::NotSpawnable { node, name, known }.into()
}
