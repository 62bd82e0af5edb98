//! No mutation of anything that comes from outside makes the job end in a bug, a signal, a hang or
//! without memory.
//!
//! `COHORT_FUZZ_SECONDS` and `COHORT_FUZZ_TIMES` make the tests last longer, `COHORT_FUZZ_SEED`
//! gives them other mutations. Each says then how many inputs it tried, and how they ended.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "fuzzing ends after a time, and says how it went"
)]

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use super::mutate::Dice;
use super::*;
use crate::process::{panic_message, peak_memory_bytes};

/// Inputs of each target that every run of the tests tries.
const INPUTS: u64 = 400;
/// No input takes this long, even on a busy machine.
const HANG: Duration = Duration::from_secs(120);
/// Memory that an input may take: this, and so many times its bytes.
const MEMORY: (u64, u64) = (256 << 20, 64);

/// The targets take turns, so that the memory of each can be told.
static TURN: Mutex<()> = Mutex::new(());

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Files that people's tools wrote, of the log that the target reads.
fn field_files(target: Target) -> Vec<Vec<u8>> {
    let log = match target {
        Target::Reports => "minority_reports_detected_log",
        Target::Sales => "baseline_sales_model_prediction_log",
        Target::Campaigns => "all_campaign_data",
        _ => return Vec::new(),
    };
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field");
    let mut folders: Vec<_> = fs::read_dir(cases)
        .unwrap()
        .map(|case| case.unwrap().path().join("in").join(log))
        .collect();
    folders.sort();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(fs::read(path).unwrap()) }
        }
    }
    files
}

/// The verdict on an input. A panic that nobody caught is a bug.
fn verdict(target: Target, input: &[u8]) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| target.run(input)))
        .unwrap_or_else(|panic| Verdict { exit: 70, message: panic_message(&*panic) })
}

fn fuzz(target: Target) {
    let _turn = TURN.lock().unwrap();
    decode_quietly();
    let seeds = [target.seeds(), field_files(target)].concat();
    for (number, seed) in target.seeds().iter().enumerate() {
        let verdict = verdict(target, seed);
        assert!(!verdict.is_wrong(), "{target:?}: seed {number}: {verdict:?}");
    }
    let first = setting("COHORT_FUZZ_SEED").unwrap_or(0) << 32;
    let inputs = INPUTS * setting("COHORT_FUZZ_TIMES").unwrap_or(1);
    let end = setting("COHORT_FUZZ_SECONDS").map(|s| Instant::now() + Duration::from_secs(s));
    let measured = fs::write("/proc/self/clear_refs", "5").is_ok() && end.is_some();
    let before = peak_memory_bytes().unwrap_or(0);
    let mut ends: BTreeMap<u8, u64> = BTreeMap::new();
    let (alive, watch) = mpsc::channel::<u64>();
    let watchdog = std::thread::spawn(move || {
        let mut last = 0;
        loop {
            match watch.recv_timeout(HANG) {
                Ok(number) => last = number,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    eprintln!("{target:?}: input {last} hangs");
                    std::process::abort();
                }
            }
        }
    });
    for number in (first..).take_while(|number| match end {
        Some(end) => Instant::now() < end,
        None => number - first < inputs,
    }) {
        alive.send(number).unwrap();
        let mut dice = Dice::new(number);
        let (seed, other) = (dice.below(seeds.len()), dice.below(seeds.len()));
        let input = dice.mutated(&seeds[seed], &seeds[other]);
        if measured {
            let _ = fs::write("/proc/self/clear_refs", "5");
        }
        let verdict = verdict(target, &input);
        assert!(!verdict.is_wrong(), "{target:?}: input {number}: {verdict:?}");
        let peak = peak_memory_bytes().filter(|_| measured).unwrap_or(0).saturating_sub(before);
        let most = MEMORY.0 + MEMORY.1 * input.len() as u64;
        assert!(peak <= most, "{target:?}: input {number}: {peak} bytes of memory");
        *ends.entry(verdict.exit).or_default() += 1;
    }
    drop(alive);
    watchdog.join().unwrap();
    println!("{target:?}: {} inputs, ends {ends:?}", ends.values().sum::<u64>());
}

#[test]
fn no_file_of_the_reports_breaks_the_job() {
    fuzz(Target::Reports);
}

#[test]
fn no_file_of_a_prediction_log_breaks_the_job() {
    fuzz(Target::Sales);
}

#[test]
fn no_file_of_campaigns_breaks_the_job() {
    fuzz(Target::Campaigns);
}

#[test]
fn no_file_of_edits_breaks_the_registry() {
    fuzz(Target::Edits);
}

#[test]
fn no_manifest_breaks_the_job() {
    fuzz(Target::Manifest);
}

#[test]
fn no_lineage_breaks_the_job() {
    fuzz(Target::Lineage);
}

#[test]
fn no_context_of_dagster_breaks_the_job() {
    fuzz(Target::Pipes);
}

/// What libFuzzer begins with: `COHORT_SEEDS` names the folder.
#[test]
#[ignore = "writes files"]
fn seeds_are_written() {
    let folder = std::env::var_os("COHORT_SEEDS").expect("COHORT_SEEDS names a folder");
    for target in Target::ALL {
        let folder = Path::new(&folder).join(format!("{target:?}").to_lowercase());
        fs::create_dir_all(&folder).unwrap();
        for (number, seed) in [target.seeds(), field_files(target)].concat().iter().enumerate() {
            fs::write(folder.join(number.to_string()), seed).unwrap();
        }
    }
}
