//! One target, named by `STARLINGS_FUZZ_TARGET`, run by libFuzzer: see docs/fuzzing.md.

#![no_main]

use std::sync::OnceLock;

use starlings_fuzz::{TARGETS, Target};

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name =
            std::env::var("STARLINGS_FUZZ_TARGET").expect("STARLINGS_FUZZ_TARGET names a target");
        TARGETS.iter().find(|target| target.name == name).expect("a target of that name")
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (target().run)(bytes));
