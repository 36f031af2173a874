//! Messages between nodes that are as large as they may be, and larger: the sender has a typed error, and
//! nothing else is touched. What is sent is compressed on the way.

use serde_bytes::ByteBuf;
use starlings::prelude::*;
use starlings::{CallError, CastError, Compress, RunError, SpawnError, address};

/// Bytes of an envelope that a node takes from another one.
const ENVELOPE_BYTES_MAX: usize = 128 << 20;

struct Store(usize);

#[actor(name = "it.sizes.store")]
impl Store {
    fn init(first: ByteBuf) -> Self {
        Self(first.len())
    }

    #[cast]
    fn put(&mut self, bytes: ByteBuf) {
        self.0 += bytes.len();
    }

    #[call]
    fn swap(&mut self, bytes: ByteBuf, wanted: usize) -> ByteBuf {
        self.0 += bytes.len();
        zeros(wanted)
    }

    #[call]
    fn held(&self) -> usize {
        self.0
    }
}

#[remote(name = "it.sizes.zeros")]
fn remote_zeros(wanted: usize) -> ByteBuf {
    zeros(wanted)
}

fn zeros(bytes: usize) -> ByteBuf {
    ByteBuf::from(vec![0; bytes])
}

async fn node(name: &str) -> Node {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it").spawnable::<Store>();
    builder.compress(Compress::above(1000)).function(remote_zeros).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_for_another_node_is_a_typed_error_of_its_sender() {
    let (a, b) = (node("a@localhost").await, node("b@localhost").await);
    a.connect(b.name(), address(&b).as_deref()).await.unwrap();
    let store = a.on(b.name()).spawn::<Store>(zeros(70_000)).await.unwrap();
    store.put(zeros(500)).unwrap();
    assert_eq!(store.swap(zeros(100 << 20), 1).await, Ok(zeros(1)));
    let is_too_large = |bytes: usize, bytes_max: usize| {
        bytes_max == ENVELOPE_BYTES_MAX && (1..64).contains(&(bytes - ENVELOPE_BYTES_MAX))
    };
    match store.put(zeros(ENVELOPE_BYTES_MAX)) {
        Err(CastError::TooLarge { bytes, bytes_max }) if is_too_large(bytes, bytes_max) => {}
        other => panic!("a cast: {other:?}"),
    }
    match store.swap(zeros(ENVELOPE_BYTES_MAX), 0).await {
        Err(CallError::TooLarge { bytes, bytes_max }) if is_too_large(bytes, bytes_max) => {}
        other => panic!("a call: {other:?}"),
    }
    match store.swap(zeros(1), ENVELOPE_BYTES_MAX).await {
        Err(CallError::BadMessage(why)) if why.starts_with("the reply") => {}
        other => panic!("a reply: {other:?}"),
    }
    match a.on(b.name()).spawn::<Store>(zeros(ENVELOPE_BYTES_MAX)).await {
        Err(SpawnError::BadArguments(_)) => {}
        other => panic!("a spawn: {other:?}"),
    }
    match a.on(b.name()).run(remote_zeros, ENVELOPE_BYTES_MAX).await {
        Err(RunError::BadOutput(_)) => {}
        other => panic!("a run: {:?}", other.map(|bytes| bytes.len())),
    }
    // Nothing of these was carried out but the call with the large reply, and the session is the same.
    assert_eq!(store.held().await, Ok(70_000 + 500 + (100 << 20) + 1));
    let long = store.swap(zeros(300_000), 300_000).await.map(|bytes| bytes.len());
    assert_eq!(long, Ok(300_000));
}
