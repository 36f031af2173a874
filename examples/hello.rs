//! The smallest actor there is: a counter.

use starlings::prelude::*;

struct Counter(i64);

#[actor(name = "hello.counter")]
impl Counter {
    fn init(start: i64) -> Self {
        Self(start)
    }
    #[cast]
    fn add(&mut self, k: i64) {
        self.0 += k;
    }
    #[call]
    fn get(&self) -> i64 {
        self.0
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder("hello@localhost").spawnable::<Counter>().start().await?;
    let counter = node.spawn::<Counter>(40).await?;
    counter.add(2)?;
    assert_eq!(counter.get().await?, 42);
    println!("the counter {counter} stands at 42");
    Ok(())
}
