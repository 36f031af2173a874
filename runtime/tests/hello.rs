//! smoke
use starlings_runtime::{Cx, Down, ExitReason, Node, NodeParts, NodeInstance, Incarnation, Reply, Result, actor, CallError, CastError, Pid};

#[derive(Debug)]
pub struct Counter { n: i64 }

#[actor(name = "counter", crate = starlings_runtime)]
impl Counter {
    async fn init(start: i64) -> Result<Self> { Ok(Self { n: start }) }
    #[cast] fn add(&mut self, k: i64) { self.n += k }
    #[call] fn get(&self) -> i64 { self.n }
    #[call] async fn slow(&mut self, _ms: u64, reply: Reply<String>, _cx: &mut Cx<Self>) { reply.send("x".into()); }
    #[cast] fn boom(&mut self) -> Result<()> { Err(ExitReason::error("boom")) }
    #[cast] fn crash(&mut self) { panic!("crashed") }
    #[info] fn down(&mut self, _d: Down) {}
}

fn node(name: &str) -> Node {
    let mut parts = NodeParts::new(NodeInstance { node: name.parse().unwrap(), incarnation: Incarnation(1) });
    parts.add_spawnable::<Counter>().unwrap();
    parts.start()
}

#[tokio::test]
async fn smoke() {
    let node = node("a@localhost");
    let c: Pid<Counter> = node.spawn::<Counter>(40).await.unwrap();
    c.add(2).unwrap();
    assert_eq!(c.get().await, Ok(42));
    assert_eq!(c.slow(1).await, Ok("x".to_owned()));
    println!("{c} {c:?}");
    let p = c.get().send();
    c.crash().unwrap();
    let q = c.get().send();
    assert_eq!(p.await, Ok(42));
    assert_eq!(q.await, Err(CallError::Down(ExitReason::Panic("crashed".into()))));
    assert_eq!(c.add(1), Err(CastError::NoProc));
    assert_eq!(c.get().await, Err(CallError::NoProc));
    let d = node.spawn::<Counter>(1).await.unwrap();
    node.kill(&d);
    while node.is_alive(d.any()) { tokio::task::yield_now().await }
    assert_eq!(d.get().await, Err(CallError::NoProc));
}
