//! An actor without the macro.

use starlings_runtime::{Actor, Cx, Reply, Result};

use crate::fixture::node;

#[derive(Debug)]
struct Adder(i64);

enum Message {
    Add(i64),
    Get(Reply<i64>),
}

impl Actor for Adder {
    type Args = i64;
    type Message = Message;

    async fn init(start: i64, _: &mut Cx<Self>) -> Result<Self> {
        Ok(Self(start))
    }

    async fn handle(&mut self, message: Message, _: &mut Cx<Self>) -> Result<()> {
        match message {
            Message::Add(k) => self.0 += k,
            Message::Get(reply) => reply.send(self.0),
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_actor_written_by_hand_works_as_one_written_by_the_macro() {
    let adder = node("a@h").spawn::<Adder>(40).await.unwrap();
    adder.cast(Message::Add(2)).unwrap();
    assert_eq!(adder.call(Message::Get).await, Ok(42));
}
