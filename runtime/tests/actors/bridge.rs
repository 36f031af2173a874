//! Two nodes joined without a network: what one sends, the other is handed in its order, at once
//! unless it is held back; what was held back may go as if each sender had a lane of its own.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use starlings_runtime::{
    BoxFuture, DownReason, LaneKey, Node, NodeId, Outlet, OutletError, SessionInfo, SessionIngress,
    Urgency, WireError,
};

/// The way from one node to another.
#[derive(Debug, Default)]
struct Way {
    far: OnceLock<Arc<SessionIngress>>,
    state: Mutex<WayState>,
    /// Held by who delivers, so that the order is kept and nothing comes after the end.
    turn: Mutex<()>,
    interlude: Mutex<Option<Interlude>>,
}

/// What happens as the next envelope is sent, before it is.
struct Interlude(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Interlude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interlude")
    }
}

#[derive(Debug, Default)]
struct WayState {
    sent: VecDeque<(LaneKey, Vec<u8>)>,
    /// If envelopes go as if each key had a lane of its own, and none was faster: what decides which one
    /// comes next.
    lanes: Option<u64>,
    /// How many of them may go; `None` if all may.
    permits: Option<usize>,
    cut: bool,
    /// Whether nothing is let in, as by a session that may be about to end for want of use.
    frozen: bool,
}

impl Way {
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        if state.permits == Some(0) {
            return None;
        }
        let envelope = state.pop()?;
        if let Some(permits) = &mut state.permits {
            *permits -= 1;
        }
        Some(envelope)
    }

    fn is_waiting(&self) -> bool {
        let state = self.state.lock();
        !state.sent.is_empty() && state.permits != Some(0)
    }

    /// Delivers what may go. Who is delivering already takes along what comes meanwhile.
    fn pump(&self) {
        while self.is_waiting() {
            let Some(turn) = self.turn.try_lock() else {
                return;
            };
            while let Some(envelope) = self.next() {
                self.far.get().unwrap().deliver(&envelope).unwrap();
            }
            drop(turn);
        }
    }

    fn permit(&self, permits: Option<usize>) {
        self.state.lock().permits = permits;
        self.pump();
    }
}

impl WayState {
    fn pop(&mut self) -> Option<Vec<u8>> {
        let key = self.sent.front()?.0;
        let key = self.lanes.as_mut().map_or(key, |random| {
            let keys: BTreeSet<_> = self.sent.iter().map(|(key, _)| key.0).collect();
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let nth = (*random >> 33) as usize % keys.len();
            LaneKey(keys.into_iter().nth(nth).unwrap())
        });
        let at = self.sent.iter().position(|(of, _)| *of == key)?;
        self.sent.remove(at).map(|(_, envelope)| envelope)
    }
}

impl Outlet for Way {
    fn send(
        &self,
        lane: LaneKey,
        _: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), OutletError> {
        let mut bytes = Vec::new();
        encode(&mut bytes).map_err(|error| OutletError::Encode(error.to_string()))?;
        let interlude = self.interlude.lock().take();
        if let Some(Interlude(interlude)) = interlude {
            interlude();
        }
        {
            let mut state = self.state.lock();
            if state.frozen {
                return Err(OutletError::Idle);
            }
            if state.cut {
                return Err(OutletError::Closed);
            }
            state.sent.push_back((lane, bytes));
        }
        self.pump();
        Ok(())
    }

    fn ready(self: Arc<Self>, _: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn close(&self, _: DownReason) {}
}

/// A session between two nodes.
#[derive(Debug)]
pub(crate) struct Bridge {
    ends: [Arc<SessionIngress>; 2],
    ways: [Arc<Way>; 2],
    first: NodeId,
}

impl Bridge {
    pub(crate) fn between(a: &Node, b: &Node) -> Self {
        let ways = [Arc::new(Way::default()), Arc::new(Way::default())];
        // What was kept for the session is sent at once, and there is no other end yet.
        ways.iter().for_each(|way| way.permit(Some(0)));
        let up = |here: &Node, there: &Node, way: &Arc<Way>| {
            let greeting = there.ingress().greeting();
            let info = SessionInfo { peer: there.instance().clone(), hidden: false, greeting };
            Arc::new(here.ingress().session_up(info, Arc::clone(way) as Arc<dyn Outlet>).unwrap())
        };
        let ends = [up(a, b, &ways[0]), up(b, a, &ways[1])];
        ways[0].far.set(Arc::clone(&ends[1])).unwrap();
        ways[1].far.set(Arc::clone(&ends[0])).unwrap();
        ways.iter().for_each(|way| way.permit(None));
        Self { ends, ways, first: a.name().clone() }
    }

    /// As `node` sends the next envelope, this happens first.
    pub(crate) fn before_next(&self, node: &Node, interlude: impl FnOnce() + Send + 'static) {
        *self.way(node).interlude.lock() = Some(Interlude(Box::new(interlude)));
    }

    /// Ends the session at both ends. What is held back is lost.
    pub(crate) fn cut(&self) {
        for way in &self.ways {
            let mut state = way.state.lock();
            state.cut = true;
            state.sent.clear();
        }
        let _nobody_delivers = self.ways.each_ref().map(|way| way.turn.lock());
        self.ends.iter().for_each(|end| end.down(DownReason::Closed));
    }

    /// Refuses what `from` sends from now on, as does a session that may be about to end for want of use.
    pub(crate) fn freeze(&self, from: &Node) {
        self.way(from).state.lock().frozen = true;
    }

    /// The session goes on: what `from` sends is taken again.
    pub(crate) fn thaw(&self, from: &Node) {
        self.way(from).state.lock().frozen = false;
        self.end(from).resumed();
    }

    /// Whether a node needs the session.
    pub(crate) fn is_needed(&self, at: &Node) -> bool {
        self.end(at).is_needed()
    }

    /// Ends the session for want of use at both ends.
    pub(crate) fn end_idle(&self) {
        self.ways.iter().for_each(|way| way.state.lock().frozen = true);
        self.ends.iter().for_each(|end| end.down(DownReason::Idle));
    }

    fn end(&self, of: &Node) -> &SessionIngress {
        &self.ends[usize::from(*of.name() != self.first)]
    }

    /// Keeps back what `from` sends from now on.
    pub(crate) fn hold(&self, from: &Node) {
        self.way(from).permit(Some(0));
    }

    /// How many envelopes of `from` are kept back.
    pub(crate) fn held(&self, from: &Node) -> usize {
        self.way(from).state.lock().sent.len()
    }

    /// The envelopes of `from` that are kept back.
    pub(crate) fn envelopes(&self, from: &Node) -> Vec<Vec<u8>> {
        self.way(from).state.lock().sent.iter().map(|(_, envelope)| envelope.clone()).collect()
    }

    /// Lets the oldest envelope of `from` go that is kept back.
    pub(crate) fn let_one_go(&self, from: &Node) {
        self.way(from).permit(Some(1));
        self.way(from).permit(Some(0));
    }

    /// Lets everything go that is kept back, and what comes.
    pub(crate) fn let_go(&self, from: &Node) {
        self.way(from).permit(None);
    }

    /// Keeps only the order of each key, of what `from` sends and is kept back when it goes.
    pub(crate) fn mix(&self, from: &Node, seed: u64) {
        self.way(from).state.lock().lanes = Some(seed);
    }

    fn way(&self, from: &Node) -> &Way {
        &self.ways[usize::from(*from.name() != self.first)]
    }
}
