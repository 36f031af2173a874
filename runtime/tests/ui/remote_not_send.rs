use std::rc::Rc;

use starlings_runtime::remote;

#[remote(name = "count", crate = starlings_runtime)]
async fn count(n: u32) -> u32 {
    let shared = Rc::new(n);
    std::future::ready(()).await;
    *shared
}

fn main() {}
