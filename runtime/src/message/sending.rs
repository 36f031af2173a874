//! Sending through a pid: casts and the by-hand form of calls.

use crate::actor::Actor;
use crate::error::CastError;
use crate::message::call::Call;
use crate::message::reply::Reply;
use crate::pid::{Pid, Place};
use crate::remote::pause::ReceiverKey;
use crate::remote::wire::Header;

impl<A: Actor> Pid<A> {
    /// Sends a message and does not wait.
    ///
    /// Ordering: after all that this actor, or task, has sent to the same actor before, whatever it was and
    /// however that is addressed. Delivery: at most once; `Ok` means enqueued here, or handed to the
    /// session. A message to another node is encoded here and now.
    ///
    /// # Errors
    /// Any [`CastError`]; the message was not enqueued. What goes wrong on another node is not seen.
    pub fn cast(&self, message: A::Message) -> Result<(), CastError> {
        match self.place() {
            Place::Here(cell) => cell.push(message),
            Place::There(_) => self.cast_remote(&message),
        }
    }

    /// Sends a message, waiting for room in the mailbox or the lane.
    ///
    /// # Errors
    /// Any [`CastError`] but `Overloaded`; the message was not enqueued.
    ///
    /// # Cancel safety
    /// If the future is dropped early, the message is not sent.
    pub async fn cast_wait(&self, message: A::Message) -> Result<(), CastError> {
        match self.place() {
            Place::Here(cell) => {
                cell.mailbox.push_wait(message, cell.trace()).await.map_err(|_| CastError::NoProc)
            }
            Place::There(any) => loop {
                match self.cast_remote(&message) {
                    Err(CastError::Overloaded) => {
                        any.home().ready(ReceiverKey::of_actor(any.serial())).await;
                    }
                    sent => return sent,
                }
            },
        }
    }

    /// Calls by hand, for actors written without the macro: `make` puts the reply into the message.
    ///
    /// Such a call reaches local actors only; see [`Call::new`] for the general form.
    pub fn call<R: Send + 'static>(&self, make: impl FnOnce(Reply<R>) -> A::Message) -> Call<A, R> {
        Call::new(self, None, make)
    }

    fn cast_remote(&self, message: &A::Message) -> Result<(), CastError> {
        let any = self.any();
        if any.is_local() {
            return Err(CastError::NoProc);
        }
        let wire = A::wire();
        let wire = wire.as_ref().ok_or_else(local_only::<A>)?;
        let key = wire.key(message).ok_or_else(local_only::<A>)?;
        let to = any.serial();
        let header = |method| Header::Cast { to, method };
        let mut payload = |out: &mut Vec<u8>| (wire.encode)(message, out);
        let receiver = ReceiverKey::of_actor(to);
        any.home().send_method(receiver, (wire.name, key), header, &mut payload)
    }
}

pub(crate) fn local_only<A: Actor>() -> CastError {
    let name = std::any::type_name::<A>();
    CastError::BadMessage(format!("{name} has no name on the wire: it stays on its own node"))
}
