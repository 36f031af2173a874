//! Groups and names in scopes beside the default one, through the library: nodes of one process over
//! loopback TCP.

use std::time::Duration;

use starlings::prelude::*;
use starlings::{AnyPid, Groups, Names, SpawnError, address};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(20);

/// The scope of these tests.
const SCOPE: &str = "jobs";

struct Member;

#[actor(name = "it.member")]
impl Member {
    fn init() -> Self {
        Self
    }

    #[call]
    fn is_there(&self) -> bool {
        true
    }
}

/// How a parent asks for the group of its child.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
enum Asked {
    GroupThenMonitor,
    MonitorThenGroup,
    /// In the default scope.
    MonitorThenDefault,
}

/// Spawns members, and monitors them.
struct Parent {
    downs: Vec<(AnyPid, ExitReason)>,
}

#[actor(name = "it.parent")]
impl Parent {
    fn init() -> Self {
        Self { downs: Vec::new() }
    }

    #[call]
    async fn bear(&mut self, on: NodeId, asked: Asked, group: String, cx: &mut Cx<Self>) -> AnyPid {
        let spawn = cx.node().on(&on).spawn::<Member>(()).from(cx);
        let spawn = match asked {
            Asked::GroupThenMonitor => spawn.group_in(SCOPE, group).monitored(),
            Asked::MonitorThenGroup => spawn.monitored().group_in(SCOPE, group),
            Asked::MonitorThenDefault => spawn.monitored().group(group),
        };
        spawn.await.unwrap().0.into()
    }

    #[call]
    fn downs(&self) -> Vec<(AnyPid, ExitReason)> {
        self.downs.clone()
    }

    #[info]
    fn down(&mut self, down: Down) {
        self.downs.push((down.pid, down.reason));
    }
}

/// A node that runs the scope beside the default one.
async fn start(name: &str) -> Node {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("it");
    let node = builder.spawnable::<Member>().start().await.unwrap();
    let servers = Supervisor::one_for_one().child(Groups::child(SCOPE)).child(Names::child(SCOPE));
    node.spawn::<Supervisor>(servers).await.unwrap();
    node
}

async fn pair() -> (Node, Node) {
    let (a, b) = (start("a@localhost").await, start("b@localhost").await);
    a.connect(b.name(), address(&b).as_deref()).await.unwrap();
    (a, b)
}

fn jobs(node: &Node) -> Groups {
    Groups::of(node, SCOPE)
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never is so that {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Goal: a child is in the group of the scope that its spawn names when that is answered, on its own
/// node and in no other scope; here and on another node, with a monitor and without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawn_joins_its_group_in_the_scope_that_it_names() {
    let (a, b) = pair().await;
    let parent = a.spawn::<Parent>(()).await.unwrap();
    let mut born = Vec::new();
    for node in [&a, &b] {
        let on = node.name().clone();
        let child = a.on(&on).spawn::<Member>(()).group_in(SCOPE, "g").await.unwrap();
        assert_eq!(jobs(node).local_members("g"), [node.bind(child.any())]);
        assert_eq!(node.groups().groups(), [""; 0], "nobody is in the default scope");
        let mut here = vec![child.into()];
        for asked in [Asked::GroupThenMonitor, Asked::MonitorThenGroup] {
            here.push(parent.bear(on.clone(), asked, "g".to_owned()).await.unwrap());
            let here: Vec<_> = here.iter().map(|pid| node.bind(pid)).collect();
            assert_eq!(jobs(node).local_members("g"), here, "{asked:?}");
        }
        assert_eq!(node.groups().groups(), [""; 0], "nor are these");
        born.extend(here);
    }
    for node in [&a, &b] {
        let all: Vec<_> = born.iter().map(|pid| node.bind(pid)).collect();
        until("all are seen in the scope", async || *jobs(node).members("g") == all).await;
        assert_eq!(node.groups().groups(), [""; 0]);
    }

    // The default scope has a name too, and is the one of `group`.
    let named = b.spawn::<Member>(()).group_in("default", "h").await.unwrap();
    let other = parent.bear(b.name().clone(), Asked::MonitorThenDefault, "h".to_owned()).await;
    assert_eq!(b.groups().local_members("h"), [named.any().clone(), b.bind(&other.unwrap())]);
    assert_eq!(jobs(&b).groups(), ["g"]);

    // The monitor stands with the group, and who dies is in it no longer.
    let (first, last) = (&born[1], &born[5]);
    for pid in [first, last] {
        a.kill(pid);
    }
    let killed = |pid: &AnyPid| (pid.clone(), ExitReason::Killed);
    let told = async || parent.downs().await.unwrap();
    until("both downs are told", async || told().await.len() == 2).await;
    let mut downs = told().await;
    downs.sort_by_key(|(pid, _)| pid != first);
    assert_eq!(downs, [killed(first), killed(last)]);
    until("they have left", async || jobs(&a).members("g").len() == 4).await;
    assert!(!jobs(&a).members("g").iter().any(|pid| pid == first || pid == last));
}

/// Goal: a group that cannot be joined leaves no child, in every scope, here and on another node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawn_into_a_group_that_cannot_be_is_refused_and_leaves_no_child() {
    let (a, b) = pair().await;
    for node in [&a, &b] {
        let spawn = a.on(node.name()).spawn::<Member>(()).name("nobody").group_in(SCOPE, "");
        let refused = spawn.await.unwrap_err();
        assert!(matches!(refused, SpawnError::BadArguments(_)), "{refused:?}");
        assert_eq!(node.whereis("nobody"), None);
        assert_eq!(jobs(node).local_members("g"), []);
        // The name is free, and the node takes others.
        let spawn = a.on(node.name()).spawn::<Member>(()).name("nobody").group_in(SCOPE, "g");
        assert_eq!(spawn.await.unwrap().is_there().await, Ok(true));
        assert_eq!(jobs(node).local_members("g").len(), 1);
    }
}

/// Goal: one name in two scopes has two owners, and each is found in its own scope only, also from
/// another node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_two_scopes_do_not_see_each_other() {
    let (a, b) = pair().await;
    let (one, two) = (a.spawn::<Member>(()).await.unwrap(), b.spawn::<Member>(()).await.unwrap());
    let names = |node: &Node, scope: &str| Names::of(node, scope);
    names(&a, SCOPE).register("boss", &one).unwrap();
    let seen = |node: &Node, scope: &str| names(node, scope).whereis("boss");
    until("it is seen there", async || seen(&b, SCOPE).is_some()).await;
    assert_eq!(seen(&b, "default"), None);
    assert_eq!(seen(&a, "default"), None);
    names(&b, "default").register("boss", &two).unwrap();
    until("so is the other", async || seen(&a, "default").is_some()).await;
    for node in [&a, &b] {
        assert_eq!(seen(node, SCOPE), Some(node.bind(one.any())));
        assert_eq!(seen(node, "default"), Some(node.bind(two.any())));
    }
}
