use starlings_runtime::remote;

struct Shop;

impl Shop {
    #[remote(crate = starlings_runtime)]
    async fn total(&self) -> u32 {
        0
    }
}

fn main() {}
