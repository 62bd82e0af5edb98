#![no_main]

use cohort::fuzz::Target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let verdict = Target::Lineage.run(input);
    assert!(!verdict.is_wrong(), "{verdict:?}");
});
