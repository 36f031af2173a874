//! Two nodes over TCP: spawn an actor on the other one, and talk to it as if it were here.

use starlings::prelude::*;

struct Greeter {
    greeted: u32,
}

#[actor(name = "example.greeter")]
impl Greeter {
    fn init() -> Self {
        Self { greeted: 0 }
    }

    /// Says where it lives, so that the caller can see that it is not here.
    #[call]
    fn greet(&mut self, whom: String, cx: &mut Cx<Self>) -> String {
        self.greeted += 1;
        format!("hello {whom}, from {} (greeting {})", cx.node().name(), self.greeted)
    }
}

async fn start(name: &str) -> Result<Node, Box<dyn std::error::Error>> {
    let builder = Node::builder(name).listen("127.0.0.1:0").cookie("example cookie");
    Ok(builder.spawnable::<Greeter>().start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (a, b) = (start("a@localhost").await?, start("b@localhost").await?);
    a.connect(b.name(), starlings::address(&b).as_deref()).await?;
    println!("{} is connected to {:?}", a.name(), a.nodes());

    let greeter = a.on(b.name()).spawn::<Greeter>(()).await?;
    println!("spawned {greeter}");
    let greeting = greeter.greet("world".to_owned()).await?;
    println!("{greeting}");
    assert_eq!(greeting, "hello world, from b@localhost (greeting 1)");

    // The pid works from its own node too, and from any other that it is sent to.
    let at_home: Pid<Greeter> = b.pid(greeter.any());
    println!("{}", at_home.greet("neighbour".to_owned()).await?);

    let monitor = a.monitor(&greeter);
    a.kill(&greeter);
    let down = monitor.await;
    println!("{} is down: {}", down.pid, down.reason);
    let refused = greeter.greet("nobody".to_owned()).await;
    assert_eq!(refused, Err(starlings::CallError::NoProc));
    println!("a call to it now fails at once: {refused:?}");

    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}
