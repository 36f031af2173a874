use starlings_runtime::remote;

#[remote(name = "", crate = starlings_runtime)]
fn total(a: u32) -> u32 {
    a
}

fn main() {}
