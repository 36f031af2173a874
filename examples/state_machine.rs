//! A state machine: a door with a code. Its states hold their own timeouts, and messages wait for the
//! state that they are for.

#[path = "common/until.rs"]
mod until;

use std::time::Duration;

use starlings::Timeout;
use starlings::prelude::*;
use until::until;

const CODE: [u8; 4] = [1, 9, 7, 3];
const STAYS_OPEN: Duration = Duration::from_millis(200);
const FORGETS_AFTER: Duration = Duration::from_millis(100);

/// Each state owns what belongs to it: when it is left, its timeout goes with it.
#[derive(Debug)]
enum State {
    Locked { typed: Vec<u8>, forgets: Option<Timeout> },
    Open { _closes: Timeout },
}

impl State {
    fn locked() -> Self {
        Self::Locked { typed: Vec::new(), forgets: None }
    }
}

#[derive(Debug)]
struct Close;

#[derive(Debug)]
struct Forget;

struct Door {
    state: State,
    inside: Vec<String>,
}

#[actor]
impl Door {
    fn init() -> Self {
        Self { state: State::locked(), inside: Vec::new() }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// One digit. The right four open the door; a pause begins anew.
    #[call]
    fn press(&mut self, digit: u8, cx: &mut Cx<Self>) -> bool {
        if let State::Locked { typed, forgets } = &mut self.state {
            typed.push(digit);
            *forgets = Some(cx.timeout(FORGETS_AFTER, Forget));
            if *typed == CODE {
                self.state = State::Open { _closes: cx.timeout(STAYS_OPEN, Close) };
            } else if !CODE.starts_with(typed) {
                self.state = State::locked();
            }
        }
        self.is_open()
    }

    /// Waits, if it must, until the door is open.
    #[call(when = is_open)]
    fn enter(&mut self, who: String) -> usize {
        self.inside.push(who);
        self.inside.len()
    }

    #[call]
    fn state(&self) -> String {
        match &self.state {
            State::Locked { typed, forgets } => {
                format!("locked, {} typed, forgets: {}", typed.len(), forgets.is_some())
            }
            State::Open { .. } => "open".to_owned(),
        }
    }

    #[info]
    fn close(&mut self, _: Close) {
        self.state = State::locked();
    }

    #[info]
    fn forget(&mut self, _: Forget) {
        self.state = State::locked();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder("a@localhost").start().await?;
    let door = node.spawn::<Door>(()).await?;

    // Somebody waits outside.
    let waiting = door.enter("mia".to_owned()).send();
    assert!(!door.press(5).await?, "a wrong digit");
    println!("door: {}", door.state().await?);

    // Half a code, and a pause: it is forgotten.
    door.press(1).await?;
    println!("door: {}", door.state().await?);
    until("it forgets", async || door.state().await.is_ok_and(|s| s.contains("0 typed"))).await?;

    for digit in CODE {
        door.press(digit).await?;
    }
    println!("door: {}, and number {} is inside", door.state().await?, waiting.await?);
    until("it closes", async || door.state().await.is_ok_and(|s| s != "open")).await?;
    println!("door: {}", door.state().await?);
    node.shutdown().await;
    Ok(())
}
