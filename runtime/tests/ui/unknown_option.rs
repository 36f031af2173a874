use starlings_runtime::actor;

struct Counter;

#[actor(mailbox = 7, crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self
    }
}

fn main() {}
