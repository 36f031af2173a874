use starlings_runtime::remote;

#[remote(name = "total", crate = starlings_runtime)]
fn total(a: u32) -> u32 {
    a
}

fn main() {
    let total = total::here(1);
    drop(total);
}
