use starlings_runtime::actor;

struct Counter;

#[actor(crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self
    }

    #[info]
    fn down(&mut self) {}
}

fn main() {}
