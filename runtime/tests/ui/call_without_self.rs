use starlings_runtime::actor;

struct Counter;

#[actor(crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self
    }

    #[call]
    fn get() -> i64 {
        0
    }
}

fn main() {}
