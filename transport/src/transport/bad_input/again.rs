//! What is said a second time: lanes, and whole handshakes.

use super::*;
use crate::pipe::Connection;
use crate::proto::handshake::{Dialler, Output};
use crate::testing::Event;

/// One lane by hand, with what is said on it. `Err`: what the listener refused with.
struct Dialled {
    connection: Connection,
    dialler: Dialler,
    said: Vec<Handshake>,
}

impl Dialled {
    async fn begin(net: &Net, node: &Node, session: u64, lost: Option<u64>, lane: u8) -> Self {
        let mut connection = raw(net, node).await;
        let dialler = dialler(b"secret", session, lost, lane, true);
        greet::send(&mut connection, dialler.hello()).await.unwrap();
        Self { connection, dialler, said: Vec::new() }
    }

    async fn hear(&mut self) -> Handshake {
        let bytes = greet::receive(&mut self.connection, Expect::Greeting).await.unwrap();
        wire::decode(&bytes).unwrap()
    }

    /// What is to be said to the next message of the listener, which is not sent yet.
    async fn next(&mut self) -> Result<Handshake, Handshake> {
        let message = self.hear().await;
        let mut outbox = Vec::new();
        self.dialler.handle(Some(message.clone()), &mut outbox);
        let said = outbox.into_iter().find_map(|output| match output {
            Output::Send(message) => Some(message),
            Output::Done(_) | Output::Failed(_) | Output::Challenged | Output::Proven(_) => None,
        });
        said.ok_or(message)
    }

    async fn say(&mut self, message: Handshake) {
        greet::send(&mut self.connection, &message).await.unwrap();
        self.said.push(message);
    }

    /// The whole of it: proof and ready.
    async fn whole(mut self) -> Result<Self, Handshake> {
        for _ in 0..2 {
            let message = self.next().await?;
            self.say(message).await;
        }
        Ok(self)
    }
}

fn is_of_raw(event: &Event) -> bool {
    match event {
        Event::Up(peer) => peer.node.as_str() == "raw@h",
        Event::Down(peer, _) | Event::Delivered(peer, _) => peer.as_str() == "raw@h",
    }
}

fn of_raw(node: &Node) -> Vec<Event> {
    node.events().into_iter().filter(is_of_raw).collect()
}

/// Says a word on a lane of a session by hand, and waits until it has come.
async fn comes(node: &Node, lane: &mut Connection, seq: u32, word: &[u8]) {
    lane.write.write_all(&envelopes(seq, &[word])).await.unwrap();
    let event = Event::Delivered("raw@h".parse().unwrap(), word.to_vec());
    node.sees("the word", |events| events.contains(&event)).await;
}

#[tokio::test]
async fn lane_that_is_there_is_not_let_in_again() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let mut lanes = Vec::new();
        let unknown = Some(Handshake::Refuse(Refusal::UnknownSession));
        for lane in [0, 1] {
            lanes.push(join(&net, &a, b"secret", lane).await.unwrap());
        }
        let again = join(&net, &a, b"secret", 1).await.err();
        assert_eq!(again, unknown, "while the session is being made");
        lanes.push(join(&net, &a, b"secret", 2).await.unwrap());
        comes(&a, &mut lanes[1], 0, b"first").await;
        for lane in [1, 2] {
            assert_eq!(join(&net, &a, b"secret", lane).await.err(), unknown, "while it is up");
        }
        let control = join(&net, &a, b"secret", 0).await.err();
        assert_eq!(control, Some(Handshake::Refuse(Refusal::AlreadyConnected)));
        let beyond = join(&net, &a, b"secret", LANES_MIN).await;
        assert!(beyond.is_err(), "a lane that the session does not have");
        comes(&a, &mut lanes[1], 1, b"second").await;
        assert_eq!(of_raw(&a).len(), 3, "{:?}", a.events());
        a.talks_to(&b, "undisturbed").await;
    }
}

/// Goal: of two connections that are let in for one lane, no session is made, and none is mixed up.
/// Method: both have proved themselves before either is ready.
#[tokio::test]
async fn lane_that_joins_twice_ends_the_session_that_is_being_made() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let mut control = join(&net, &a, b"secret", 0).await.unwrap();
        let mut twice = Vec::new();
        for _ in 0..2 {
            let mut lane = Dialled::begin(&net, &a, 1, None, 1).await;
            let proof = lane.next().await.unwrap();
            lane.say(proof).await;
            let ready = lane.next().await.unwrap();
            twice.push((lane, ready));
        }
        let mut connections = Vec::new();
        for (mut lane, ready) in twice {
            lane.say(ready).await;
            connections.push(lane.connection);
        }
        ends(&mut control).await;
        for connection in &mut connections {
            ends(connection).await;
        }
        assert_eq!(of_raw(&a), [], "there was no session");
        let mut lanes = session(&net, &a).await;
        comes(&a, &mut lanes[1], 0, b"in a session of its own").await;
        a.talks_to(&b, "undisturbed").await;
    }
}

/// Goal: who has heard a whole good handshake cannot join with it, neither while that session lives nor
/// after it, whether it waits for answers or not.
#[tokio::test]
async fn handshake_that_is_played_again_is_refused() {
    for net in Net::all() {
        let (a, b) = bystanders(&net).await;
        let mut lanes = Vec::new();
        for lane in 0..LANES_MIN {
            let dialled = Dialled::begin(&net, &a, 1, None, lane).await.whole().await;
            lanes.push(dialled.unwrap_or_else(|refused| panic!("{refused:?}")));
        }
        comes(&a, &mut lanes[1].connection, 0, b"first").await;
        play_again(&net, &a, &lanes).await;
        comes(&a, &mut lanes[1].connection, 1, b"second").await;
        a.talks_to(&b, "while it lives").await;

        for lane in &mut lanes {
            lane.connection.write.shutdown().await.unwrap();
        }
        a.sees("the down", |events| events.iter().filter(|event| is_of_raw(event)).count() == 4)
            .await;
        play_again(&net, &a, &lanes).await;
        assert_eq!(of_raw(&a).len(), 4, "{:?}", a.events());
        a.talks_to(&b, "undisturbed").await;
    }
}

async fn play_again(net: &Net, node: &Node, lanes: &[Dialled]) {
    for lane in lanes {
        for waits in [true, false] {
            let mut connection = raw(net, node).await;
            greet::send(&mut connection, lane.dialler.hello()).await.unwrap();
            if !waits {
                for message in &lane.said {
                    // It may be closed by now.
                    let _ = greet::send(&mut connection, message).await;
                }
            }
            let mut heard = Vec::new();
            while let Ok(bytes) = greet::receive(&mut connection, Expect::Greeting).await {
                let message = wire::decode::<Handshake>(&bytes).unwrap();
                if waits && matches!(message, Handshake::Challenge(_)) {
                    greet::send(&mut connection, &lane.said[0]).await.unwrap();
                }
                heard.push(message);
            }
            let is_welcome = |message: &Handshake| matches!(message, Handshake::Welcome { .. });
            assert!(!heard.iter().any(is_welcome), "{heard:?}");
            if waits {
                assert_eq!(heard.last(), Some(&Handshake::Refuse(Refusal::WrongCookie)));
            }
        }
    }
}
