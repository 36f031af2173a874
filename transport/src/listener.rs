//! Accepts connections, and lets those in that prove themselves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout_at};

use crate::arrivals::{Arrivals, Place};
use crate::greet::{self, Expect, HANDSHAKE_TIMEOUT};
use crate::hub::Hub;
use crate::pipe::Connection;
use crate::proto::handshake::{Claim, Failure, Listener, ListenerInput, Output};
use crate::proto::peers::{Input, SessionKey, Side};
use crate::proto::places::Room;
use crate::receiver::Receiver;
use crate::wire::{self, CONTROL_LANE, Opening};

/// Handshakes of accepted connections that run at once. Whoever comes beyond that takes the place of
/// one that takes long: see [`crate::proto::places`]. A quarter of the descriptors that a process
/// usually may have, and enough for a whole cluster to come back at once: each takes a few
/// milliseconds.
pub const HANDSHAKES_MAX: usize = 256;

/// The pause after the system could not accept, for want of descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the node shuts down, and keeps the deadlines of attempts. A node that does not listen
/// dials too, so it has those as well.
///
/// # Cancel safety
/// Handshakes that are under way are dropped; the bound socket and the sessions live on.
pub(crate) async fn drive_listener<R: Receiver>(hub: Arc<Hub<R>>) {
    let mut handshakes = Arrivals::new(HANDSHAKES_MAX);
    let mut stopped = std::pin::pin!(hub.stopped());
    loop {
        let room = handshakes.room();
        let opens = handshakes.opens(room);
        tokio::select! {
            accepted = next(&hub), if room == Room::Now => match accepted {
                Ok(connection) => {
                    let (hub, remote) = (hub.clone(), connection.remote_address.clone());
                    handshakes.spawn(&remote, |place| accept(hub, connection, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            () = opens, if room != Room::Now => {}
            Some(_) = handshakes.next() => {}
            () = hub.clock.sleep_until(hub.deadline()) => {
                hub.handle(Input::Elapsed);
            }
            () = &mut stopped => return,
        }
    }
}

/// The next connection; never, on a node that does not listen.
async fn next<R: Receiver>(hub: &Hub<R>) -> io::Result<Connection> {
    match hub.listener() {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// One accepted connection, from its first byte to a lane of a session, or its end.
async fn accept<R: Receiver>(hub: Arc<Hub<R>>, connection: Connection, place: Arc<Place>) {
    let (remote, deadline) =
        (connection.remote_address.clone(), Instant::now() + HANDSHAKE_TIMEOUT);
    match timeout_at(deadline, handshake(&hub, connection, &place)).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(NotLetIn { failure, mut connection }))) => {
            tracing::warn!(remote, %failure, "dialler not let in");
            // What it was told may be on its way. Where the pipe has no system to send it on, it would be
            // dropped with the connection.
            let _ = timeout_at(deadline, connection.write.shutdown()).await;
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(remote, %error, "dialler not let in");
        }
        Ok(Err(error)) => tracing::debug!(remote, %error, "dialler left"),
        Err(_) => tracing::warn!(remote, "dialler took too long"),
    }
}

/// Why a dialler was not let in, and its connection, by which it was told if it can be.
struct NotLetIn {
    failure: Failure,
    connection: Connection,
}

async fn handshake<R: Receiver>(
    hub: &Arc<Hub<R>>,
    mut connection: Connection,
    place: &Place,
) -> io::Result<Result<(), NotLetIn>> {
    let settings = &hub.settings;
    let (party, cookie) = (settings.party(), settings.cookie.clone());
    let listener = Listener::new(party, cookie, greet::nonce()?);
    let mut listener = listener.by(connection.channel);
    let bytes = greet::receive(&mut connection, Expect::Plain).await?;
    let mut input = ListenerInput::Opened(Opening::decode(&bytes));
    let mut admitted: Option<Admitted<'_, R>> = None;
    loop {
        let mut outbox = Vec::new();
        listener.handle(input, &mut outbox);
        let mut answer = None;
        for output in outbox {
            match output {
                Output::Send(message) => greet::send(&mut connection, &message).await?,
                Output::Proven(claim) => {
                    place.prove();
                    if let Some(why) = connection.mismatch(&claim.peer.node) {
                        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
                    }
                    let verdict = hub.admit(claim.clone());
                    answer = Some(match verdict {
                        Ok(()) => admit(hub, claim, &mut admitted),
                        Err(refusal) => ListenerInput::Refused(refusal),
                    });
                }
                Output::Done(agreement) => {
                    if let Some(lane) = admitted.take() {
                        hub.join(lane.key(), lane.claim.lane, connection, agreement);
                        lane.keep();
                    }
                    return Ok(Ok(()));
                }
                Output::Failed(failure) => return Ok(Err(NotLetIn { failure, connection })),
                Output::Challenged => debug_assert!(false, "only diallers are challenged"),
            }
        }
        input = match answer {
            Some(answer) => answer,
            None => {
                let expect = admitted.as_ref().map_or(Expect::Plain, |_| Expect::Greeting);
                let bytes = greet::receive(&mut connection, expect).await?;
                ListenerInput::Received(wire::decode(&bytes))
            }
        };
    }
}

fn admit<'a, R: Receiver>(
    hub: &'a Arc<Hub<R>>,
    claim: Claim,
    admitted: &mut Option<Admitted<'a, R>>,
) -> ListenerInput {
    let greeting = match claim.lane {
        CONTROL_LANE => hub.receiver().greeting(),
        _ => Vec::new(),
    };
    *admitted = Some(Admitted { hub, claim, is_joined: false });
    ListenerInput::Admitted { greeting }
}

/// A lane that was let in and has not joined yet. Its drop fails the session it was for.
struct Admitted<'a, R: Receiver> {
    hub: &'a Arc<Hub<R>>,
    claim: Claim,
    is_joined: bool,
}

impl<R: Receiver> Admitted<'_, R> {
    fn key(&self) -> SessionKey {
        SessionKey { side: Side::Accepted, id: self.claim.session }
    }

    fn keep(mut self) {
        self.is_joined = true;
    }
}

impl<R: Receiver> Drop for Admitted<'_, R> {
    fn drop(&mut self) {
        if !self.is_joined {
            self.hub.fail(&self.claim.peer.node, self.key());
        }
    }
}
