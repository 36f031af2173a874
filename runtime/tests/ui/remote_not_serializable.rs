use starlings_runtime::remote;

struct Job;

#[remote(name = "work", crate = starlings_runtime)]
async fn work(job: Job) {
    drop(job);
}

fn main() {}
