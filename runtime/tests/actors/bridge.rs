//! Two nodes joined without a network: what one sends, the other is handed at once.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use starlings_runtime::{
    BoxFuture, DownReason, LaneKey, Node, Outlet, OutletError, SessionInfo, SessionIngress, Urgency,
};

/// The way from one node to another.
#[derive(Debug, Default)]
struct Way {
    far: OnceLock<Arc<SessionIngress>>,
    order: Mutex<()>,
    cut: Mutex<bool>,
}

impl Outlet for Way {
    fn send(
        &self,
        _: LaneKey,
        _: Urgency,
        encode: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), starlings_runtime::WireError>,
    ) -> Result<(), OutletError> {
        if *self.cut.lock() {
            return Err(OutletError::Closed);
        }
        let mut bytes = Vec::new();
        encode(&mut bytes).map_err(|error| OutletError::Encode(error.to_string()))?;
        let _in_order = self.order.try_lock();
        self.far.get().unwrap().deliver(&bytes).unwrap();
        Ok(())
    }

    fn ready(&self, _: LaneKey) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn close(&self, _: DownReason) {}
}

/// A session between two nodes.
pub(crate) struct Bridge {
    ends: [Arc<SessionIngress>; 2],
    ways: [Arc<Way>; 2],
}

impl Bridge {
    pub(crate) fn between(a: &Node, b: &Node) -> Self {
        let ways = [Arc::new(Way::default()), Arc::new(Way::default())];
        let up = |here: &Node, there: &Node, way: &Arc<Way>| {
            let greeting = there.ingress().greeting();
            let info = SessionInfo { peer: there.instance().clone(), hidden: false, greeting };
            Arc::new(here.ingress().session_up(info, Arc::clone(way) as Arc<dyn Outlet>).unwrap())
        };
        let ends = [up(a, b, &ways[0]), up(b, a, &ways[1])];
        ways[0].far.set(Arc::clone(&ends[1])).unwrap();
        ways[1].far.set(Arc::clone(&ends[0])).unwrap();
        Self { ends, ways }
    }

    pub(crate) fn cut(&self) {
        self.ways.iter().for_each(|way| *way.cut.lock() = true);
        self.ends.iter().for_each(|end| end.down(DownReason::Closed));
    }
}
