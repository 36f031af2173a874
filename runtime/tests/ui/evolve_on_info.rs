use starlings_runtime::{Down, actor};

struct Counter;

#[actor(name = "counter", crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self
    }

    #[info]
    #[evolve]
    fn down(&mut self, down: Down) {
        let _ = down;
    }
}

fn main() {}
