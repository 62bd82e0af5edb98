//! What the model itself must satisfy: the worked example of SPEC 9, and the properties that follow
//! from the page whatever the implementation.

use proptest::prelude::*;

use crate::exhaustive::{GAP, small_histories};
use crate::history::{history, moment};
use crate::model::{self, Amount, Input, Output, Params, Refusal, Report};

const MINUTE: i64 = 60_000_000;
/// 2025-01-01T00:00:00Z.
const DAY: i64 = 1_735_689_600_000_000;

fn clock(hour: i64, minute: i64) -> i64 {
    DAY + (hour * 60 + minute) * MINUTE
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

fn worked_run(start: i64, end: i64) -> Output {
    let params = Params {
        gap: 60 * MINUTE,
        max_lookback: 30 * 24 * 60 * MINUTE,
        start,
        end,
        run_id: "r".to_owned(),
    };
    model::run(&worked_example(), &params).unwrap()
}

#[test]
fn the_model_computes_the_worked_example() {
    let output = worked_run(clock(11, 0), clock(14, 0));
    let rows: Vec<_> = output
        .snapshots
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
    let closing = &output.snapshots[3];
    assert_eq!(closing.written_at, clock(13, 5));
    assert_eq!(closing.window_end, Some(clock(12, 5)));
    let identity = model::id("327", clock(11, 55));
    for row in &output.snapshots {
        assert_eq!((&row.report_id, &row.report_group_id), (&identity, &identity));
        assert_eq!(row.cohort_id, "327:20250101T115500Z");
        assert_eq!(row.cohort_name, "Store 327, 2025-01-01 11:55 UTC");
    }
    let events: Vec<_> = output
        .events
        .iter()
        .map(|row| (row.written_at, row.event_status.as_str(), row.finalized_at))
        .collect();
    assert_eq!(
        events,
        [(clock(11, 55), "active", None), (clock(13, 5), "ended", Some(clock(13, 5)))]
    );
    let by_hour = [(11, 1), (12, 2), (13, 1)];
    for (hour, rows) in by_hour {
        assert_eq!(worked_run(clock(hour, 0), clock(hour + 1, 0)).snapshots.len(), rows);
    }
}

#[test]
fn identities_hash_27_characters_of_time() {
    assert_eq!(model::clock_text(clock(11, 55)), "2025-01-01T11:55:00.000000Z");
    assert_eq!(model::clock_text(-1), "1969-12-31T23:59:59.999999Z");
    assert_eq!(model::clock_text(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
    // printf 3272025-01-01T11:55:00.000000Z | sha256sum
    assert_eq!(
        model::id("327", clock(11, 55)),
        "a246cad76255a517e1f1fecdb371a00975d876adc75600ebc6cf056402feadf9"
    );
}

#[test]
fn the_model_s_rows_do_not_depend_on_cuts_in_any_small_history() {
    for input in small_histories(2) {
        let params = |start, end| Params {
            gap: GAP,
            max_lookback: 1000,
            start,
            end,
            run_id: "r".to_owned(),
        };
        let whole = model::run(&input, &params(0, 200)).unwrap();
        for cut in 99..120 {
            let parts = [params(0, cut), params(cut, 200)];
            let union = union(&input, &parts).unwrap();
            assert_eq!(model::difference(&whole, &union), None, "cut at {cut}: {input:?}");
        }
    }
}

/// The rows of several runs put together; the parts must be in the order of time.
fn union(input: &Input, parts: &[Params]) -> Result<Output, Refusal> {
    let mut union = Output::default();
    for part in parts {
        let output = model::run(input, part)?;
        union.snapshots.extend(output.snapshots);
        union.events.extend(output.events);
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
        // Look-back is an error and no cut-off, so long chains have no say here.
        let mut whole = history.whole();
        whole.max_lookback = history.max_lookback;
        let mut ends: Vec<i64> = cuts.into_iter().map(|cut| history.instant(cut)).collect();
        ends.sort_unstable();
        ends.push(whole.end);
        let mut parts = Vec::new();
        let mut start = whole.start;
        for end in ends {
            parts.push(Params { start, end, ..whole.clone() });
            start = end;
        }
        let expected = model::run(&history.input, &whole).unwrap();
        match union(&history.input, &parts) {
            Ok(union) => prop_assert_eq!(model::difference(&expected, &union), None),
            Err(Refusal::ChainPastLookback { .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
