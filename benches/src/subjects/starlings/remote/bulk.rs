//! The two actors of `latency_under_bulk`.

use bytes::Bytes;
use starlings::Pid;

use super::{PATIENCE, Pair, Sink, SinkMethods as _, put, sum_behind};
use crate::child::{self, SMALL_BYTES, payload};
use crate::figure::Figure;
use crate::under_bulk::{self, Actors, BULK_BYTES};

struct Sinks {
    called: Pid<Sink>,
    bulk: Pid<Sink>,
    payload: Bytes,
}

impl Actors for Sinks {
    async fn call(&self) -> child::Result<u64> {
        Ok(self.called.get().timeout(PATIENCE).await?)
    }

    async fn send(&self) -> child::Result<()> {
        Ok(put(&self.bulk, self.payload.clone()).await?)
    }

    async fn sum_of_bulk(&self) -> child::Result<u64> {
        sum_behind(&self.bulk).await
    }
}

pub async fn latency(pair: &Pair, count: u64) -> child::Result<Figure> {
    let (called, bulk) = (pair.sink().await?, pair.sink().await?);
    called.put(Bytes::from(payload(SMALL_BYTES)))?;
    let payload = Bytes::from(payload(BULK_BYTES));
    let sinks = Sinks {
        called,
        bulk,
        payload,
    };
    under_bulk::latency(sinks, count).await
}
