//! Traces of messages: there when a subscriber wants them, and not otherwise.

use starlings_runtime::{Pid, Trace, actor};
use tracing::Level;

use crate::bridge::Bridge;
use crate::fixture::{eventually, node};
use crate::logs::Log;

type Next = Option<Pid<Relay>>;

/// Says which trace it is in, and asks or tells the next one.
#[derive(Debug)]
struct Relay {
    next: Next,
    /// In which traces it was told something.
    told: Vec<Option<Trace>>,
}

#[actor(name = "test.relay", crate = starlings_runtime)]
impl Relay {
    fn init(next: Next) -> Self {
        Self { next, told: Vec::new() }
    }

    #[cast]
    fn tell(&mut self) {
        self.told.push(Trace::current());
        if let Some(next) = &self.next {
            next.tell().unwrap();
        }
    }

    #[call]
    fn told(&self) -> Vec<Option<Trace>> {
        self.told.clone()
    }

    #[call]
    async fn traces(&mut self) -> Vec<Option<Trace>> {
        tracing::info!("asked");
        let mut traces = vec![Trace::current()];
        if let Some(next) = &self.next {
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

#[tokio::test]
async fn a_chain_of_casts_over_two_nodes_is_one_trace_when_somebody_listens() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let last = b.spawn::<Relay>(None).await.unwrap();
    let middle = a.spawn::<Relay>(Some(a.pid(last.any()))).await.unwrap();
    let first = a.spawn::<Relay>(Some(middle.clone())).await.unwrap();
    let relays = [&first, &middle, &last];
    let tell = async |times| {
        first.tell().unwrap();
        eventually("all are told", async || last.told().await.unwrap().len() == times).await;
    };
    tell(1).await;
    let listening = Log::default().listen();
    tell(2).await;
    drop(listening);
    tell(3).await;
    let mut traced = Vec::new();
    for relay in relays {
        let told = relay.told().await.unwrap();
        assert_eq!([told[0], told[2]], [None; 2], "nobody listens");
        traced.extend(told[1]);
    }
    let [root, second, third] = traced[..] else { panic!("{traced:?}") };
    assert_eq!((root.parent, root.trace), (0, root.span));
    assert_eq!((second.trace, second.parent), (root.trace, root.span), "here");
    assert_eq!((third.trace, third.parent), (root.trace, second.span), "over the wire");
}

/// What a node sends in its life, if somebody listens so closely when it does.
async fn sent(level: Option<Level>) -> Vec<Vec<u8>> {
    let (a, b) = (node("a@h"), node("b@h"));
    let bridge = Bridge::between(&a, &b);
    let relay = b.spawn::<Relay>(None).name("relay").await.unwrap();
    let there: Pid<Relay> = a.pid(relay.any());
    bridge.hold(&a);
    let _listening = level.map(|level| Log::default().listen_at(level));
    there.tell().unwrap();
    let call = tokio::spawn(there.traces().send());
    eventually("it is asked", async || bridge.held(&a) == 2).await;
    call.abort();
    bridge.envelopes(&a)
}

#[tokio::test]
async fn messages_carry_nothing_of_traces_when_nobody_listens() {
    let plain = sent(None).await;
    assert_eq!(plain.len(), 2, "a cast and a call");
    assert_eq!(sent(Some(Level::DEBUG)).await, plain, "to all else than traces");
    let traced = sent(Some(Level::TRACE)).await;
    assert_eq!(traced.len(), 2);
    assert!(traced[0].len() > plain[0].len() && traced[0].ends_with(&plain[0]), "{traced:?}");
    assert!(traced[1].len() > plain[1].len(), "a call has a number, which differs");
    assert_eq!(sent(None).await, plain, "nobody listens any more");
}
