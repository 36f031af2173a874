use starlings_runtime::actor;

struct Counter;

#[actor(crate = starlings_runtime)]
impl Counter {
    #[cast]
    fn add(&mut self, k: i64) {
        drop(k);
    }
}

fn main() {}
