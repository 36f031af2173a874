use starlings_runtime::actor;

struct Job;
struct Worker;

#[actor(name = "worker", crate = starlings_runtime)]
impl Worker {
    fn init() -> Self {
        Self
    }

    #[cast]
    fn work(&mut self, job: Job) {
        drop(job);
    }
}

fn main() {}
