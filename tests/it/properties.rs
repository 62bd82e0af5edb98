//! The properties of SPEC.md, tried on random and exhaustive small histories: the binary runs
//! on lakes of every shape, and what it commits must be what the naive model computes.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence};

use crate::exhaustive::{GAP, MAX_EVENT_DURATIONS, MAX_LOOKBACK, chain_histories, small_histories};
use crate::history::{History, Instant, history, moment};
use crate::lake::{Committed, Lake, Partitioning, Shape, facts, rejected};
use crate::model::{self, Input, Output, Params, Refusal};

/// `cases` random cases, times `COHORT_CASES_TIMES` if the environment has it. Seeds of failures
/// stay in the repository.
pub(crate) fn config(cases: u32) -> Config {
    let times = std::env::var("COHORT_CASES_TIMES").ok().and_then(|times| times.parse().ok());
    Config {
        cases: cases * times.unwrap_or(1),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/proptest-regressions.txt"
        )))),
        max_shrink_time: 20_000,
        ..Config::default()
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let seed = prop::option::of(any::<u64>());
    (select(&Partitioning::ALL[..]), seed).prop_map(|(partitioning, seed)| Shape {
        partitioning,
        seed,
        recoded: None,
    })
}

fn interval(history: &History, from: Instant, to: Instant) -> Params {
    let (from, to) = (history.instant(from), history.instant(to));
    history.params(from.min(to), from.max(to) + 1)
}

/// Runs the job and compares it with the model: the same rows, or the same refusal.
fn assert_equals_the_model(
    lake: &Lake,
    input: &Input,
    params: &Params,
) -> Result<Option<Committed>, TestCaseError> {
    match model::run(input, params) {
        Ok(expected) => {
            let committed = lake.committed(params, &[]);
            prop_assert_eq!(model::difference(&expected, &committed.output), None);
            prop_assert_eq!(lake.expected_rejects(&expected, params), rejected(&committed.lineage));
            prop_assert_eq!(expected.facts, facts(&committed.lineage));
            Ok(Some(committed))
        }
        Err(refusal) => {
            let run = lake.run(params, &[]);
            prop_assert_eq!(run.exit, 65, "{:?} but {:?}", refusal, run);
            let Refusal::Overflow { store_id, opened_at } = refusal;
            let opened_at = model::clock_text(opened_at);
            for named in [&store_id, &opened_at] {
                prop_assert!(run.stderr.contains(named), "{:?} in {:?}", named, run.stderr);
            }
            prop_assert_eq!(lake.outputs(), Vec::<String>::new(), "a failed run wrote");
            Ok(None)
        }
    }
}

/// The rows of runs for neighbouring intervals, in the order of one.
pub(crate) fn union(parts: impl IntoIterator<Item = Output>) -> Output {
    let mut union = Output::default();
    for part in parts {
        union.mrch.extend(part.mrch);
        union.melog.extend(part.melog);
    }
    union.sort();
    union
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn output_equals_the_naive_model(
        history in history(),
        shape in shape(),
        from in moment(),
        to in moment(),
        whole in any::<bool>(),
    ) {
        let params = if whole { history.whole() } else { interval(&history, from, to) };
        let lake = Lake::new(&history.input, shape);
        assert_equals_the_model(&lake, &history.input, &params)?;
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn rows_do_not_depend_on_how_time_is_cut_into_runs(
        history in history(),
        shape in shape(),
        cuts in prop::collection::vec(moment(), 1..4),
        order in any::<u64>(),
    ) {
        let lake = Lake::new(&history.input, shape);
        let whole = history.whole();
        let mut parts = history.parts(&cuts);
        for (index, part) in parts.iter_mut().enumerate() {
            part.run_id = format!("part+{index}");
        }
        crate::lake::Dice::new(order).shuffle(&mut parts);
        for part in &parts {
            let run = lake.run(part, &[]);
            prop_assert_eq!(run.exit, 0, "{:?}", run);
        }
        let outputs = parts.iter().map(|part| {
            let mut output = lake.read(part).output;
            output.mrch.iter_mut().for_each(|row| row.run_id = whole.run_id.clone());
            output.melog.iter_mut().for_each(|row| row.run_id = whole.run_id.clone());
            output
        });
        let expected = lake.committed(&whole, &[]).output;
        prop_assert_eq!(model::difference(&expected, &union(outputs)), None);
    }

    #[test]
    fn later_rows_never_change_earlier_ones(
        history in history(),
        shape in shape(),
        at in moment(),
    ) {
        let whole = history.whole();
        let end = history.instant(at) + 1;
        let mut known = history.input.clone();
        known.reports.retain(|row| row.detected_at.is_none_or(|tick| tick < end));
        known.scores.retain(|row| row.tick_at.is_none_or(|tick| tick < end));
        known.sales.retain(|row| row.tick_at.is_none_or(|tick| tick < end));
        // The earlier run saw only what was known at its time. The run of today sees everything.
        let then = Params { end, ..whole.clone() };
        let then = Lake::new(&known, shape).committed(&then, &[]).output;
        let mut now = Lake::new(&history.input, shape).committed(&whole, &[]).output;
        now.mrch.retain(|row| row.written_at < end);
        now.melog.retain(|row| row.written_at < end);
        prop_assert_eq!(model::difference(&then, &now), None);
    }

    #[test]
    fn bytes_do_not_depend_on_threads_file_order_or_row_order(
        history in history(),
        shapes in [shape(), shape()],
        threads in select(vec!["1", "2", "7"]),
    ) {
        let params = history.whole();
        let parts = |shape: Shape, threads: &str| {
            let lake = Lake::new(&history.input, shape);
            let mut files = lake.committed(&params, &["--threads", threads]).files;
            // The lineage and the rejects name the input files, which differ on purpose.
            files.retain(|path, _| path.starts_with("mrch/") || path.starts_with("events/"));
            files
        };
        prop_assert!(parts(shapes[0], "1") == parts(shapes[1], threads), "other bytes");
    }

    #[test]
    fn rerun_with_same_input_is_unchanged(
        history in history(),
        shape in shape(),
        threads in select(vec!["1", "3"]),
    ) {
        let lake = Lake::new(&history.input, shape);
        let params = history.whole();
        let status = |run: &crate::lake::Run| {
            let summary: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
            summary["status"].as_str().unwrap().to_owned()
        };
        let first = lake.run(&params, &[]);
        prop_assert_eq!(first.exit, 0, "{:?}", first);
        prop_assert_eq!(status(&first), "committed");
        let files = lake.read(&params).files;
        let second = lake.run(&params, &["--threads", threads]);
        prop_assert_eq!(second.exit, 0, "{:?}", second);
        prop_assert_eq!(status(&second), "unchanged");
        prop_assert!(files == lake.read(&params).files, "the rerun left other bytes");
    }
}

/// The histories' rows as one input. Each has a store of its own.
fn together(histories: &[Input]) -> Input {
    let mut all = Input::default();
    for history in histories {
        all.reports.extend_from_slice(&history.reports);
        all.scores.extend_from_slice(&history.scores);
        all.sales.extend_from_slice(&history.sales);
    }
    all
}

/// Runs the job over all histories at once, on one thread and on three, and compares it with
/// the model.
fn assert_equals_the_model_of_each(lake: &Lake, histories: &[Input], params: &Params) -> Committed {
    let outputs = histories.iter().map(|history| model::run(history, params).unwrap());
    let expected = union(outputs);
    let committed = lake.committed(params, &["--threads", "3"]);
    let difference = model::difference(&expected, &committed.output);
    assert_eq!(difference.as_deref(), None, "{params:?}");
    let again = lake.committed(params, &["--threads", "1"]);
    assert!(committed.files == again.files, "other bytes: {params:?}");
    committed
}

fn small(max_event_duration: i64, start: i64, end: i64) -> Params {
    Params {
        gap: GAP,
        max_event_duration,
        max_lookback: MAX_LOOKBACK,
        start,
        end,
        run_id: format!("{max_event_duration}+{start}+{end}"),
    }
}

/// Every small history is a store of its own in one lake. It is large enough for slices of the
/// input's row group, several row groups of output and several parts; they are the same for any
/// number of threads.
#[test]
fn every_small_history_equals_the_model() {
    // One tick more is twenty times as many, and more than fits into memory at once.
    let histories = small_histories(3);
    let all = together(&histories);
    let lake = Lake::new(&all, Shape::PLAIN);
    // Ticks begin at 100 and are at most a gap and one apart.
    for max_event_duration in [4, 7, 1000] {
        for (start, end) in [(0, 200), (0, 101), (101, 104), (104, 200)] {
            let params = small(max_event_duration, start, end);
            let files = assert_equals_the_model_of_each(&lake, &histories, &params).files;
            let folder = format!("mrch/run={max_event_duration}%2B{start}%2B{end}/");
            let parts = files.keys().filter(|path| path.starts_with(&folder)).count();
            if (start, end) == (0, 200) {
                assert!(all.reports.len() > 65_536 && parts > 1, "not large enough");
            }
        }
    }
}

/// The same for every small chain, at every place that it may have among the boundaries.
#[test]
fn every_small_chain_equals_the_model() {
    let ticks = if std::env::var_os("COHORT_CASES_TIMES").is_some() { 6 } else { 5 };
    let histories = chain_histories(ticks);
    let lake = Lake::new(&together(&histories), Shape::PLAIN);
    for max_event_duration in MAX_EVENT_DURATIONS {
        for (start, end) in [(0, 200), (100, 101), (101, 106), (106, 200)] {
            let params = small(max_event_duration, start, end);
            assert_equals_the_model_of_each(&lake, &histories, &params);
        }
    }
}
