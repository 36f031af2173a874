//! An actor as users of ractor write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use starlings_runtime::interop::ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

/// What is seen of a worker from outside.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) post_stop: AtomicBool,
}

/// An actor as ractor's users write it.
pub(crate) struct Worker(pub(crate) Arc<Seen>);

pub(crate) enum Message {
    Add(u64),
    Get(RpcReplyPort<u64>),
    Fail,
    Panic,
    Stop(Option<&'static str>),
    Hang,
}

/// How `pre_start` is to go.
pub(crate) enum Start {
    Well,
    Fail,
    Panic,
    Hang,
}

impl Actor for Worker {
    type Msg = Message;
    type State = u64;
    type Arguments = Start;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        start: Start,
    ) -> Result<u64, ActorProcessingErr> {
        match start {
            Start::Well => Ok(0),
            Start::Fail => Err("no luck".into()),
            Start::Panic => panic!("bad luck"),
            Start::Hang => std::future::pending().await,
        }
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(n) => *state += n,
            Message::Get(reply) => drop(reply.send(*state)),
            Message::Fail => return Err("no luck".into()),
            Message::Panic => panic!("bad luck"),
            Message::Stop(why) => myself.stop(why.map(str::to_owned)),
            Message::Hang => std::future::pending().await,
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, _: &mut u64) -> Result<(), ActorProcessingErr> {
        self.0.post_stop.store(true, Ordering::SeqCst);
        Ok(())
    }
}
