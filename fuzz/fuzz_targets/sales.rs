#![no_main]

use cohort::fuzz::Target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| Target::Sales.must_hold(input));
