use starlings_runtime::remote;

#[remote(crate = starlings_runtime)]
async fn shout(text: &str) -> String {
    text.to_uppercase()
}

fn main() {}
