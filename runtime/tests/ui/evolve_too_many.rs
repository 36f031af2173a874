use starlings_runtime::actor;

struct Counter;

#[actor(name = "counter", crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self
    }

    #[cast]
    #[evolve(2)]
    fn add(&mut self, k: i64) {
        let _ = k;
    }
}

fn main() {}
