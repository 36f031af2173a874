//! smoke
use starlings_runtime::{
    CallError, CastError, Cx, Down, ExitReason, Incarnation, Node, NodeInstance, NodeParts, Pid,
    Reply, Result, actor,
};

#[derive(Debug)]
pub struct Counter {
    n: i64,
}

#[actor(name = "counter", crate = starlings_runtime)]
impl Counter {
    async fn init(start: i64) -> Result<Self> {
        Ok(Self { n: start })
    }
    #[cast]
    fn add(&mut self, k: i64) {
        self.n += k
    }
    #[call]
    fn get(&self) -> i64 {
        self.n
    }
    #[call]
    async fn slow(&mut self, _ms: u64, reply: Reply<String>, _cx: &mut Cx<Self>) {
        reply.send("x".into());
    }
    #[cast]
    fn boom(&mut self) -> Result<()> {
        Err(ExitReason::error("boom"))
    }
    #[cast]
    fn crash(&mut self) {
        panic!("crashed")
    }
    #[info]
    fn down(&mut self, _d: Down) {}
}

fn node(name: &str) -> Node {
    let mut parts = NodeParts::new(NodeInstance {
        node: name.parse().unwrap(),
        incarnation: Incarnation(1),
    });
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
    assert_eq!(
        q.await,
        Err(CallError::Down(ExitReason::Panic("crashed".into())))
    );
    assert_eq!(c.add(1), Err(CastError::NoProc));
    assert_eq!(c.get().await, Err(CallError::NoProc));
    let d = node.spawn::<Counter>(1).await.unwrap();
    node.kill(&d);
    while node.is_alive(d.any()) {
        tokio::task::yield_now().await
    }
    assert_eq!(d.get().await, Err(CallError::NoProc));
}

#[tokio::test]
async fn supervised() {
    use starlings_runtime::{SupervisorMethods, SupervisorSpec, spec};
    let node = node("a@localhost");
    let sup = SupervisorSpec::one_for_one()
        .child(spec::<Counter>(1).id("one"))
        .child(spec::<Counter>(2).id("two"))
        .start(&node)
        .await
        .unwrap();
    let kids = sup.which_children().await.unwrap();
    let one = node.pid::<Counter>(kids[0].pid.as_ref().unwrap());
    one.crash().unwrap();
    loop {
        let kids = sup.which_children().await.unwrap();
        if kids[0].restarts == 1 && kids[0].pid.is_some() {
            break;
        }
        tokio::task::yield_now().await
    }
    assert_eq!(sup.terminate_child("two".into()).await.unwrap(), Ok(()));
    let kids = sup.which_children().await.unwrap();
    assert_eq!(kids[1].pid, None);
    assert!(sup.restart_child("two".into()).await.unwrap().is_ok());
    assert!(
        sup.start_child(spec::<Counter>(3).id("three"))
            .await
            .is_ok()
    );
    let kids = sup.which_children().await.unwrap();
    println!("{kids:?}");
    let three = kids[2].pid.clone().unwrap();
    let m = node.monitor(&three);
    let ms = node.monitor(&sup);
    node.stop(&sup, ExitReason::Shutdown);
    println!("{:?}", m.await);
    assert_eq!(ms.await.reason, ExitReason::Shutdown);
    assert_eq!(node.actors_count(), 0);
}
