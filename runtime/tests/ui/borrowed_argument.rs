use starlings_runtime::actor;

struct Greeter;

#[actor(crate = starlings_runtime)]
impl Greeter {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn greet(&mut self, whom: &str) {
        drop(whom);
    }
}

fn main() {}
