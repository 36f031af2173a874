use starlings_runtime::remote;

#[remote(crate = starlings_runtime)]
async fn first<T>(items: Vec<T>) -> Option<T> {
    items.into_iter().next()
}

fn main() {}
