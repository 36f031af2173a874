use starlings_runtime::remote;

#[remote(capacity = 10, crate = starlings_runtime)]
async fn total(items: Vec<u32>) -> u32 {
    items.iter().sum()
}

fn main() {}
