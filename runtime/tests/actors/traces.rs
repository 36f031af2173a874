//! Traces of messages: there when a subscriber wants them, and not otherwise.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use starlings_runtime::{Pid, Trace, actor};

use crate::bridge::Bridge;
use crate::fixture::node;

/// Where the subscriber writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Writes down what this thread logs, until the guard is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Next = Option<Pid<Relay>>;

/// Says which trace it is in, and asks the next one.
#[derive(Debug)]
struct Relay(Next);

#[actor(name = "test.relay", crate = starlings_runtime)]
impl Relay {
    fn init(next: Next) -> Self {
        Self(next)
    }

    #[call]
    async fn traces(&mut self) -> Vec<Option<Trace>> {
        tracing::info!("asked");
        let mut traces = vec![Trace::current()];
        if let Some(next) = &self.0 {
            traces.extend(next.traces().await.unwrap());
        }
        traces
    }
}

#[tokio::test]
async fn a_chain_of_messages_over_two_nodes_is_one_trace_when_somebody_listens() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let last = b.spawn::<Relay>(None).await.unwrap();
    let middle = a.spawn::<Relay>(Some(a.pid(last.any()))).await.unwrap();
    let first = a.spawn::<Relay>(Some(middle)).await.unwrap();
    assert_eq!(first.traces().await, Ok(vec![None; 3]), "nobody listens");

    let log = Log::default();
    let listening = log.listen();
    let traces: Vec<_> = first.traces().await.unwrap().into_iter().flatten().collect();
    drop(listening);
    let [root, second, third] = traces[..] else { panic!("{traces:?}") };
    assert_eq!((root.parent, root.trace), (0, root.span));
    assert_eq!((second.trace, second.parent), (root.trace, root.span));
    assert_eq!((third.trace, third.parent), (root.trace, second.span), "over the wire");
    let text = log.text();
    let asked: Vec<_> = text.lines().filter(|line| line.ends_with("asked")).collect();
    assert_eq!(asked.len(), 3);
    let said = format!("node=b@h pid=<0.1> kind=\"test.relay\" trace={:016x}", root.trace);
    assert!(asked[2].contains(&said), "{}", asked[2]);
    assert_eq!(first.traces().await, Ok(vec![None; 3]), "nobody listens any more");
}
