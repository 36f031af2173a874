use starlings_runtime::actor;

struct Holder<T>(T);

#[actor(crate = starlings_runtime)]
impl<T> Holder<T> {
    fn init(value: T) -> Self {
        Self(value)
    }
}

fn main() {}
