use starlings_runtime::remote;

#[remote(crate = starlings_runtime)]
fn evens(below: u32) -> impl Iterator<Item = u32> {
    (0..below).step_by(2)
}

fn main() {}
