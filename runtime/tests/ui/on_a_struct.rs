use starlings_runtime::actor;

#[actor(crate = starlings_runtime)]
struct Counter;

fn main() {}
