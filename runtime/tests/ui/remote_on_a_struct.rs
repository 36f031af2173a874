use starlings_runtime::remote;

#[remote(crate = starlings_runtime)]
struct Shop;

fn main() {}
