use starlings_runtime::{Reply, actor};

struct Counter(i64);

#[actor(crate = starlings_runtime)]
impl Counter {
    fn init() -> Self {
        Self(0)
    }

    #[cast]
    fn get(&self, reply: Reply<i64>) {
        reply.send(self.0);
    }
}

fn main() {}
