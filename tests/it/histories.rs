//! Random histories, with what the naive model says of them, for the tests of the Python package.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::history::{history, moment};
use crate::lake::{Lake, Partitioning, Shape, files_under};
use crate::model::{self, Refusal};

const HISTORIES: usize = 300;

/// Writes each history as a golden case: its datasets in Parquet, `manifest.json`, `expected.txt`.
/// They are the same each time.
#[test]
#[ignore = "writes the folder COHORT_HISTORIES for `make test-python`"]
fn histories_are_written_for_the_package() {
    let root = PathBuf::from(std::env::var("COHORT_HISTORIES").unwrap());
    let mut runner = TestRunner::deterministic();
    let cases = (history(), moment(), moment());
    for number in 0..HISTORIES {
        let (history, from, to) = cases.new_tree(&mut runner).unwrap().current();
        let (from, to) = (history.instant(from), history.instant(to));
        let params = if number % 3 == 0 {
            history.whole()
        } else {
            history.params(from.min(to), from.max(to) + 1)
        };
        let shape = Shape { partitioning: Partitioning::None, seed: None, recoded: None };
        let lake = Lake::new(&history.input, shape);
        let folder = root.join(format!("{number:03}"));
        for (path, bytes) in files_under(lake.path()) {
            write(&folder.join(path), &bytes);
        }
        let manifest = serde_json::to_vec(&lake.manifest(&params)).unwrap();
        write(&folder.join("manifest.json"), &manifest);
        let expected = match model::run(&history.input, &params) {
            Ok(mut output) => {
                for (what, rows) in std::mem::take(&mut output.rejects_without_tick) {
                    *output.rejects.entry(what).or_default() += rows;
                }
                model::text(&output)
            }
            Err(Refusal::Overflow { store_id, opened_at }) => {
                format!("overflow {store_id:?} {}\n", model::clock_text(opened_at))
            }
        };
        write(&folder.join("expected.txt"), expected.as_bytes());
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
