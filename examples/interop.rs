//! A plain ractor actor with a pid: linked, monitored, named and in a group, like any other.

use starlings::interop::{self, ractor};
use starlings::prelude::*;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

#[path = "common/until.rs"]
mod until;
use until::until;

/// Written for ractor, and knowing nothing of nodes.
struct Printer;

enum Job {
    Print(String),
    Printed(RpcReplyPort<Vec<String>>),
    Jam,
}

impl Actor for Printer {
    type Msg = Job;
    type State = Vec<String>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Job>, (): ()) -> Result<Vec<String>, ActorProcessingErr> {
        Ok(Vec::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Job>,
        job: Job,
        printed: &mut Vec<String>,
    ) -> Result<(), ActorProcessingErr> {
        match job {
            Job::Print(text) => printed.push(text),
            Job::Printed(reply) => drop(reply.send(printed.clone())),
            Job::Jam => return Err("paper jam".into()),
        }
        Ok(())
    }
}

/// Ours: linked to a printer, and told of its end.
struct Clerk(Option<ExitReason>);

#[actor]
impl Clerk {
    fn init(printer: AnyPid, cx: &mut Cx<Self>) -> Self {
        cx.trap_exits(true);
        cx.link(&printer);
        Self(None)
    }

    #[info]
    fn exited(&mut self, exit: Exit) {
        self.0 = Some(exit.reason);
    }

    #[call]
    fn heard(&self) -> Option<ExitReason> {
        self.0.clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder("office@localhost").start().await?;
    let (printer, inside) = interop::spawn(&node, Printer, ()).await?;
    println!("a ractor actor is {printer}");

    // Two ways lead to it: the pid, and ractor's own reference. Each keeps its own order.
    printer.cast(Job::Print("by pid".to_owned()))?;
    let printed = async || ractor::call!(inside, Job::Printed).is_ok_and(|it| it == ["by pid"]);
    until("it is printed", printed).await?;

    node.register("printer", &printer)?;
    node.groups().join("printers", &printer)?;
    assert_eq!(node.groups().members("printers").len(), 1);

    let clerk = node.spawn::<Clerk>(printer.clone().into()).await?;
    let end = node.monitor(&printer);
    printer.cast(Job::Jam)?;
    let down = end.await;
    println!("it is down: {}", down.reason);
    let jammed = ExitReason::error("paper jam");
    assert_eq!(down.reason, jammed);
    until("the clerk hears of it", async || clerk.heard().await == Ok(Some(jammed.clone())))
        .await?;
    assert_eq!(node.whereis("printer"), None);
    until("the group is empty", async || node.groups().members("printers").is_empty()).await?;

    // One that ractor started can be adopted; it ends with its pid.
    let (other, _task) = Actor::spawn(None, Printer, ()).await?;
    let adopted = interop::adopt(&node, other.clone()).await?;
    node.kill(&adopted);
    other.wait(None).await?;
    println!("killed by its pid: {:?}", other.get_status());

    node.shutdown().await;
    Ok(())
}
