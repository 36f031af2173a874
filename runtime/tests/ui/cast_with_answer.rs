use starlings_runtime::actor;

struct Counter(i64);

#[actor(crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self(0)
    }

    #[cast]
    fn get(&self) -> i64 {
        self.0
    }
}

fn main() {}
