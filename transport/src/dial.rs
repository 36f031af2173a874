//! Dials a node: all lanes of a session, again and again while the refusals are passing ones.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use starlings_runtime::{ConnectError, NodeId};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::greet::{self, Expect};
use crate::hub::{Hub, Step};
use crate::pipe::{Connection, DialError};
use crate::proto::handshake::{Agreement, Claim, Dialler, Failure, Output};
use crate::proto::peers::{Input, SessionKey};
use crate::receiver::Receiver;
use crate::wire::{self, CONTROL_LANE};

/// The first pause before another try. It doubles with each, up to [`PAUSE_MAX`]. About as long as
/// the handshake of the rival dial takes that most of the passing refusals are about.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// The longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Waits for a session with `node`, dialling it unless somebody does.
pub(crate) async fn connect<R: Receiver>(
    hub: Arc<Hub<R>>,
    node: NodeId,
    address: Option<String>,
) -> Result<(), ConnectError> {
    if node == hub.settings.party.me.node {
        return Err(ConnectError::SelfConnect(node));
    }
    if !hub.allows(&node) {
        return Err(ConnectError::NotAllowed(node));
    }
    if let Some(address) = address {
        if let Err(why) = hub.settings.pipe.check(&address) {
            return Err(ConnectError::BadAddress { address, why });
        }
        hub.learn(node.clone(), address);
    }
    let Some((outcome, dials)) = hub.wait(&node) else {
        return Ok(());
    };
    if dials {
        let dial = DialLoop {
            hub: hub.clone(),
            node: node.clone(),
            outcome: Some(ConnectError::NoTransport),
        };
        hub.spawn("dial", Box::pin(dial.drive()));
    }
    match timeout(hub.settings.connect_timeout, outcome).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(ConnectError::NoTransport),
        Err(_) => Err(ConnectError::Timeout(node)),
    }
}

/// The one dial loop of a node. Its drop tells the hub that it is over.
struct DialLoop<R: Receiver> {
    hub: Arc<Hub<R>>,
    node: NodeId,
    /// For everybody who waits; `None` once there is a session. What it is from the start holds if the
    /// loop is dropped.
    outcome: Option<ConnectError>,
}

/// Why a try failed.
enum TryError {
    /// The same may succeed a moment later.
    Passing(ConnectError),
    Final(ConnectError),
    /// Another session is being made.
    Abandoned,
}

impl<R: Receiver> DialLoop<R> {
    async fn drive(mut self) {
        let hub = self.hub.clone();
        self.outcome = tokio::select! {
            outcome = self.dial() => outcome,
            () = hub.stopped() => Some(ConnectError::NoTransport),
        };
    }

    /// Tries until there is a session, or no hope or no time for one.
    async fn dial(&self) -> Option<ConnectError> {
        let deadline = Instant::now() + self.hub.settings.connect_timeout;
        let mut pause = PAUSE_MIN;
        let mut last = ConnectError::Timeout(self.node.clone());
        while Instant::now() < deadline {
            let id = match greet::session_id() {
                Ok(id) => id,
                Err(error) => return Some(self.handshake_failed(error.to_string())),
            };
            match self.hub.next_step(&self.node, id) {
                Step::Done if self.hub.dial_done(&self.node) => return None,
                Step::Done => continue,
                Step::Wait => {}
                Step::Try(key, abandoned) => {
                    match timeout_at(deadline, self.try_once(key, abandoned)).await {
                        Ok(Ok(())) => continue,
                        Ok(Err(TryError::Final(error))) => return Some(error),
                        Ok(Err(TryError::Passing(error))) => last = error,
                        Ok(Err(TryError::Abandoned)) => {}
                        Err(_) => return Some(ConnectError::Timeout(self.node.clone())),
                    }
                }
            }
            sleep(pause).await;
            pause = PAUSE_MAX.min(2 * pause);
        }
        Some(last)
    }

    async fn try_once(
        &self,
        key: SessionKey,
        abandoned: oneshot::Receiver<()>,
    ) -> Result<(), TryError> {
        let mut attempt = Attempt { hub: &self.hub, node: &self.node, key, is_made: false };
        tokio::select! {
            made = self.dial_lanes(key) => {
                attempt.is_made = made.is_ok();
                made
            }
            _ = abandoned => Err(TryError::Abandoned),
        }
    }

    async fn dial_lanes(&self, key: SessionKey) -> Result<(), TryError> {
        let Some(address) = self.hub.address(&self.node) else {
            return Err(TryError::Final(ConnectError::NoAddress(self.node.clone())));
        };
        let lost = self.hub.last_ended(&self.node);
        let (mut lane, mut lanes) = (CONTROL_LANE, self.hub.settings.party.lanes);
        while lane < lanes {
            let connection = self.hub.settings.pipe.dial(&address).await;
            let mut connection = connection.map_err(|error| self.unreachable(&address, error))?;
            if let Some(why) = connection.mismatch(&self.node) {
                return Err(TryError::Final(self.handshake_failed(why)));
            }
            let claim = Claim {
                peer: self.hub.settings.party.me.clone(),
                session: key.id,
                lost,
                lane,
                lanes,
            };
            let agreement = self.greet(key, &claim, &mut connection).await?;
            lanes = agreement.lanes;
            self.hub.join(key, lane, connection, agreement);
            lane += 1;
        }
        Ok(())
    }

    async fn greet(
        &self,
        key: SessionKey,
        claim: &Claim,
        connection: &mut Connection,
    ) -> Result<Agreement, TryError> {
        match self.handshake(key, claim, connection).await {
            Ok(Ok(agreement)) => Ok(agreement),
            Ok(Err(Failure::Refused(refusal))) if refusal.is_passing() => {
                Err(TryError::Passing(self.handshake_failed(refusal.to_string())))
            }
            Ok(Err(failure)) => Err(TryError::Final(self.handshake_failed(failure.to_string()))),
            // A listener that drops a lane after it let the first one in has changed its mind.
            Err(error) if claim.lane != CONTROL_LANE => {
                Err(TryError::Passing(self.handshake_failed(error.to_string())))
            }
            Err(error) => Err(TryError::Final(self.handshake_failed(error.to_string()))),
        }
    }

    async fn handshake(
        &self,
        key: SessionKey,
        claim: &Claim,
        connection: &mut Connection,
    ) -> io::Result<Result<Agreement, Failure>> {
        let settings = &self.hub.settings;
        let greeting = match claim.lane {
            CONTROL_LANE => self.hub.receiver().greeting(),
            _ => Vec::new(),
        };
        let mut dialler = Dialler::new(
            settings.party(),
            settings.cookie.clone(),
            self.node.clone(),
            claim,
            greeting,
            greet::nonce()?,
        )
        .by(connection.channel);
        greet::send(connection, dialler.hello()).await?;
        loop {
            let bytes = greet::receive(connection, Expect::Greeting).await?;
            let mut outbox = Vec::new();
            dialler.handle(wire::decode(&bytes), &mut outbox);
            for output in outbox {
                match output {
                    Output::Send(message) => greet::send(connection, &message).await?,
                    Output::Challenged => {
                        let node = self.node.clone();
                        self.hub.handle(Input::Challenged { node, key });
                    }
                    Output::Done(agreement) => return Ok(Ok(agreement)),
                    Output::Failed(failure) => return Ok(Err(failure)),
                    Output::Proven(_) => debug_assert!(false, "only listeners are proven to"),
                }
            }
        }
    }

    fn unreachable(&self, address: &str, error: DialError) -> TryError {
        let address = address.to_owned();
        TryError::Final(match error {
            DialError::BadAddress(why) => ConnectError::BadAddress { address, why },
            DialError::Unreachable(error) => ConnectError::Unreachable {
                node: self.node.clone(),
                address,
                why: error.to_string(),
            },
            DialError::Handshake(why) => {
                ConnectError::HandshakeFailed { node: self.node.clone(), why }
            }
        })
    }

    fn handshake_failed(&self, why: String) -> ConnectError {
        let node = self.node.clone();
        ConnectError::HandshakeFailed { node, why }
    }
}

impl<R: Receiver> Drop for DialLoop<R> {
    fn drop(&mut self) {
        if let Some(error) = self.outcome.take() {
            self.hub.dial_failed(&self.node, error);
        }
    }
}

/// One try. Its drop tells the hub that it failed, unless it did not.
struct Attempt<'a, R: Receiver> {
    hub: &'a Arc<Hub<R>>,
    node: &'a NodeId,
    key: SessionKey,
    is_made: bool,
}

impl<R: Receiver> Drop for Attempt<'_, R> {
    fn drop(&mut self) {
        if !self.is_made {
            self.hub.fail(self.node, self.key);
        }
    }
}
