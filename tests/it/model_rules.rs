//! What the model itself must satisfy: the worked examples of SPEC 9, and what follows from the
//! page whatever the implementation.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::exhaustive::{GAP, MAX_EVENT_DURATIONS, MAX_LOOKBACK, chain_histories, small_histories};
use crate::history::{History, history, moment};
use crate::lake::Dice;
use crate::model::{self, Amount, Input, MelogRow, Output, Params, Refusal, Report, Sale};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// 2025-01-01T00:00:00Z.
const DAY: i64 = 1_735_689_600_000_000;

fn clock(hour: i64, minute: i64) -> i64 {
    DAY + hour * HOUR + minute * MINUTE
}

fn worked_example() -> Input {
    let row = |minute: i64, severity: f64, sales: Amount| Report {
        store_id: Some("327".to_owned()),
        sku: Some("A".to_owned()),
        detected_at: Some(clock(11, 55) + minute * MINUTE),
        severity: Some(severity),
        sales_total: Some(sales * 10_000),
        ..Report::default()
    };
    Input {
        reports: vec![row(0, 0.61, 2700), row(5, 0.72, 2900), row(10, 0.66, 2600)],
        ..Input::default()
    }
}

fn params(gap: i64, max_event_duration: i64, start: i64, end: i64) -> Params {
    Params {
        gap,
        max_event_duration,
        max_lookback: 30 * 24 * HOUR,
        start,
        end,
        run_id: "r".to_owned(),
    }
}

fn worked_run(start: i64, end: i64) -> Output {
    model::run(&worked_example(), &params(HOUR, 7 * 24 * HOUR, start, end)).unwrap()
}

#[test]
fn the_model_computes_the_worked_example() {
    let output = worked_run(clock(11, 0), clock(14, 0));
    let rows: Vec<_> = output
        .mrch
        .iter()
        .map(|row| {
            let amount = row.attributed_sales_total.unwrap() / 10_000;
            (row.version, row.event_status.as_str(), amount, row.severity_score.unwrap())
        })
        .collect();
    assert_eq!(
        rows,
        [
            (1, "active", 2700, 0.61),
            (2, "active", 5600, 0.72),
            (3, "active", 8200, 0.72),
            (4, "ended", 8200, 0.72)
        ]
    );
    let closing = &output.mrch[3];
    assert_eq!(closing.written_at, clock(13, 5));
    assert_eq!(closing.window_end, Some(clock(12, 5)));
    let identity = model::id("327", clock(11, 55));
    for row in &output.mrch {
        assert_eq!((&row.report_id, &row.report_group_id), (&identity, &identity));
        assert_eq!(row.cohort_id, "327:20250101T115500Z");
        assert_eq!(row.cohort_name, "Store 327, 2025-01-01 11:55 UTC");
    }
    let events: Vec<_> = output
        .melog
        .iter()
        .map(|row| {
            (row.written_at, row.event_status.as_str(), row.finalized_at, row.end_reason.as_deref())
        })
        .collect();
    let closed_at = clock(13, 5);
    assert_eq!(
        events,
        [
            (clock(11, 55), "active", None, None),
            (closed_at, "ended", Some(closed_at), Some("quiet"))
        ]
    );
    let by_hour = [(11, 1), (12, 2), (13, 1)];
    for (hour, rows) in by_hour {
        assert_eq!(worked_run(clock(hour, 0), clock(hour + 1, 0)).mrch.len(), rows);
    }
}

/// SPEC 9, a store that is never quiet.
#[test]
fn the_model_computes_the_store_that_is_never_quiet() {
    let ticks = (clock(6, 0)..=clock(60, 0)).step_by(20 * MINUTE as usize);
    let sale = |at: i64, actual: Amount| Sale {
        store_id: Some("7".to_owned()),
        sku: Some("A".to_owned()),
        tick_at: Some(at),
        actual_sales: Some(actual),
        ..Sale::default()
    };
    let input = Input {
        reports: ticks
            .map(|tick| Report {
                store_id: Some("7".to_owned()),
                sku: Some("A".to_owned()),
                detected_at: Some(tick),
                first_detected_from: Some(clock(5, 50)),
                ..Report::default()
            })
            .collect(),
        // Ten minutes before the cut, and at it.
        sales: vec![sale(clock(47, 50), 1), sale(clock(48, 0), 2), sale(clock(5, 50), 4)],
        ..Input::default()
    };
    let output = model::run(&input, &params(30 * MINUTE, 24 * HOUR, DAY, DAY + 96 * HOUR)).unwrap();
    let (first, second) = (model::id("7", clock(6, 0)), model::id("7", clock(48, 0)));
    let of = |id: &str| output.mrch.iter().filter(|row| row.report_group_id == id).count();
    assert_eq!((of(&first), of(&second), output.mrch.len()), (127, 38, 165));
    let closed: Vec<_> = output.melog.iter().filter(|row| row.version == 2).collect();
    let what =
        |row: &MelogRow| (row.created_at, row.window_end, row.finalized_at, row.end_reason.clone());
    assert_eq!(
        closed.iter().map(|row| what(row)).collect::<Vec<_>>(),
        [
            (clock(6, 0), Some(clock(47, 40)), Some(clock(48, 0)), Some("max_duration".to_owned())),
            (clock(48, 0), Some(clock(60, 0)), Some(clock(60, 30)), Some("quiet".to_owned())),
        ]
    );
    assert_eq!(closed[0].continues_event_id, None);
    assert_eq!(closed[1].continues_event_id.as_ref(), Some(&first));
    assert_eq!((closed[0].window_start, closed[1].window_start), (clock(5, 50), clock(48, 0)));
    let sold: Vec<_> = closed.iter().map(|row| row.attributed_sales_total).collect();
    assert_eq!(sold, [Some(4), Some(2)], "the sale at 23:50 counts in neither");
    let report_id = model::id("7", clock(5, 50));
    assert!(output.mrch.iter().all(|row| row.report_id == report_id));
}

#[test]
fn identities_hash_27_characters_of_time() {
    assert_eq!(model::clock_text(clock(11, 55)), "2025-01-01T11:55:00.000000Z");
    assert_eq!(model::clock_text(-1), "1969-12-31T23:59:59.999999Z");
    assert_eq!(model::clock_text(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
    assert_eq!(model::clock_text(model::FIRST_INSTANT), "0001-01-01T00:00:00.000000Z");
    assert_eq!(model::clock_text(model::LAST_INSTANT), "9999-12-31T23:59:59.999999Z");
    for at in [-1, 0, 951_782_400_000_000, model::FIRST_INSTANT, model::LAST_INSTANT + 1] {
        assert_eq!(model::instant(&model::clock_text(at)), at);
    }
    // printf 3272025-01-01T11:55:00.000000Z | sha256sum
    assert_eq!(
        model::id("327", clock(11, 55)),
        "a246cad76255a517e1f1fecdb371a00975d876adc75600ebc6cf056402feadf9"
    );
}

/// A run over a small history, whose instants are all below 200.
fn small(max_event_duration: i64, start: i64, end: i64) -> Params {
    Params { max_lookback: MAX_LOOKBACK, ..params(GAP, max_event_duration, start, end) }
}

#[test]
fn the_model_s_rows_do_not_depend_on_cuts_in_any_small_history() {
    let histories = [small_histories(2), chain_histories(3)].concat();
    for max_event_duration in MAX_EVENT_DURATIONS {
        for input in &histories {
            let whole = model::run(input, &small(max_event_duration, 0, 200)).unwrap();
            assert_holds_together(&whole, &small(max_event_duration, 0, 200));
            for cut in 96..118 {
                let parts =
                    [small(max_event_duration, 0, cut), small(max_event_duration, cut, 200)];
                let union = union(input, &parts).unwrap();
                let difference = model::difference(&whole, &union);
                assert_eq!(difference, None, "{max_event_duration} cut at {cut}: {input:?}");
            }
        }
    }
}

#[test]
fn the_model_needs_no_row_before_the_look_back_of_any_small_history() {
    for max_event_duration in MAX_EVENT_DURATIONS {
        for input in chain_histories(5) {
            for start in [100, 103, 107] {
                let params = small(max_event_duration, start, start + 4);
                assert_needs_no_more_than_the_look_back(&input, &params);
            }
        }
    }
}

/// A run writes the same rows if it sees nothing from before the bound of SPEC 5, and the bound is
/// never further back than the page promises.
fn assert_needs_no_more_than_the_look_back(input: &Input, params: &Params) {
    let all = model::run(input, params).unwrap();
    let seen = model::within_look_back(input, params);
    let output = model::run(&seen, params).unwrap();
    assert_eq!(model::difference(&all, &output), None, "{params:?}: {input:?}");
    let bound = params.start - 2 * params.gap - 3 * params.max_event_duration;
    assert!(all.facts.lookback_start >= bound.max(model::FIRST_INSTANT), "{params:?}: {input:?}");
}

/// What is true of every run over a whole history. Keys are unique, no event lasts two periods, and
/// an event that continues another begins where that one was cut.
fn assert_holds_together(whole: &Output, params: &Params) {
    let mut keys: Vec<_> = whole
        .mrch
        .iter()
        .map(|row| (&row.report_group_id, &row.report_id, &row.sku, row.version))
        .collect();
    keys.sort_unstable();
    assert!(keys.windows(2).all(|two| two[0] != two[1]), "a key of MRCH twice: {keys:?}");
    let duration = params.max_event_duration;
    let mut closed: BTreeMap<&str, &MelogRow> = BTreeMap::new();
    for row in whole.melog.iter().filter(|row| row.version == 2) {
        assert!(closed.insert(&row.event_id, row).is_none(), "an event twice: {row:?}");
        let closed_at = row.finalized_at.unwrap();
        assert!(row.window_end.unwrap() - row.created_at < 2 * duration, "too long: {row:?}");
        let cut_off = row.end_reason.as_deref() == Some("max_duration");
        assert_eq!(closed_at < row.window_end.unwrap() + params.gap || cut_off, cut_off);
        assert!(!cut_off || closed_at % duration == 0, "closed off the boundaries: {row:?}");
    }
    for row in &whole.melog {
        if let Some(before) = row.continues_event_id.as_deref().and_then(|id| closed.get(id)) {
            let cut = before.finalized_at.unwrap();
            assert_eq!(before.end_reason.as_deref(), Some("max_duration"));
            assert!(cut <= row.created_at && row.created_at - cut < params.gap, "{row:?}");
            assert!(row.created_at - before.window_end.unwrap() <= params.gap, "{row:?}");
            assert!(row.window_start >= cut, "a window across a cut: {row:?}");
        }
    }
}

/// The rows of several runs put together.
fn union(input: &Input, parts: &[Params]) -> Result<Output, Refusal> {
    let mut union = Output::default();
    for part in parts {
        let output = model::run(input, part)?;
        union.mrch.extend(output.mrch);
        union.melog.extend(output.melog);
    }
    union.sort();
    Ok(union)
}

proptest! {
    #![proptest_config(crate::properties::config(300))]

    #[test]
    fn the_model_s_rows_do_not_depend_on_cuts(
        history in history(),
        cuts in proptest::collection::vec(moment(), 1..4),
    ) {
        let whole = model::run(&history.input, &history.whole()).unwrap();
        let parts = history.parts(&cuts);
        let union = union(&history.input, &parts).unwrap();
        prop_assert_eq!(model::difference(&whole, &union), None);
        assert_holds_together(&whole, &history.whole());
        for part in &parts {
            assert_needs_no_more_than_the_look_back(&history.input, part);
        }
    }

    #[test]
    fn the_model_s_rows_do_not_depend_on_the_order_of_its_input(
        history in history(),
        seed in any::<u64>(),
    ) {
        let mut shuffled = history.input.clone();
        let mut dice = Dice::new(seed);
        dice.shuffle(&mut shuffled.reports);
        dice.shuffle(&mut shuffled.scores);
        dice.shuffle(&mut shuffled.sales);
        dice.shuffle(&mut shuffled.campaigns);
        dice.shuffle(&mut shuffled.context);
        let output = model::run(&history.input, &history.whole()).unwrap();
        prop_assert_eq!(output, model::run(&shuffled, &history.whole()).unwrap());
    }
}

/// Random histories would prove little if the rules that they are for seldom applied.
#[test]
fn random_histories_meet_every_rule_of_cuts_and_bad_values() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        let history: History = history().new_tree(&mut runner).unwrap().current();
        let output = model::run(&history.input, &history.whole()).unwrap();
        let any = |what: &dyn Fn(&MelogRow) -> bool| output.melog.iter().any(what);
        let continued = any(&|row| row.continues_event_id.is_some());
        let cut_off = any(&|row| row.end_reason.as_deref() == Some("max_duration"));
        let quiet = any(&|row| row.end_reason.as_deref() == Some("quiet"));
        let ignored = output.facts.onsets_ignored > 0;
        let unfit = |dataset: &str| {
            output.facts.values_out_of_range.keys().any(|(name, _)| *name == dataset)
        };
        let placeless = output.rejects_without_tick.keys();
        let outside = placeless.clone().any(|(_, reason)| *reason == "instant_out_of_range");
        for (rule, holds) in [
            ("a continued event", continued),
            ("an event cut off", cut_off),
            ("a quiet event", quiet),
            ("an ignored onset", ignored),
            ("an amount of a report out of range", unfit("reports")),
            ("an amount of a prediction out of range", unfit("sales")),
            ("an instant out of range", outside),
        ] {
            *met.entry(rule).or_default() += u32::from(holds);
        }
    }
    assert!(met.values().all(|histories| *histories >= 20), "{met:?}");
}
