//! The rules of SPEC 4 on instants of a few microseconds.

use super::super::reports::tests::row;
use super::*;

/// A gap of 100 us and no cut within reach.
pub(crate) fn life() -> Life {
    Life { gap: Duration::from_us(100), duration_max: Duration::from_us(1 << 40) }
}

const LIFE: Life = Life { gap: Duration::from_us(10), duration_max: Duration::from_us(1_000) };

fn us(event: &Event) -> (i64, i64, i64) {
    (event.opened_at.as_us(), event.last_tick.as_us(), event.closed_at.as_us())
}

#[test]
fn ticks_exactly_a_gap_apart_join_and_one_microsecond_more_splits() {
    let (joined, _) = events(vec![row(10, None, None), row(0, None, None)], LIFE, None);
    assert_eq!(joined.iter().map(us).collect::<Vec<_>>(), [(0, 10, 20)]);
    let (split, _) = events(vec![row(11, None, None), row(0, None, None)], LIFE, None);
    assert_eq!(split.iter().map(us).collect::<Vec<_>>(), [(0, 0, 10), (11, 11, 21)]);
}

#[test]
fn a_row_without_an_onset_takes_the_first_tick_of_its_sku_in_the_event() {
    let rows = vec![
        row(5, Some("a"), None),
        row(3, Some("a"), None),
        row(1, None, None),
        row(4, Some("a"), Some(2)),
    ];
    let (found, duplicates) = events(rows, LIFE, None);
    let lines: Vec<_> =
        found[0].lines.iter().map(|l| (l.onset.as_us(), l.sku.as_deref(), l.rows.len())).collect();
    assert_eq!(lines, [(1, None, 1), (2, Some("a"), 1), (3, Some("a"), 2)]);
    assert_eq!(duplicates, 0);
}

#[test]
fn a_given_onset_equal_to_a_derived_one_makes_one_line_and_its_rows_at_one_tick_are_duplicates() {
    let late = Report { ingested_at: Timestamp::from_us(9).ok(), ..row(3, Some("a"), Some(3)) };
    let (found, duplicates) =
        events(vec![row(3, Some("a"), None), late.clone(), row(4, Some("a"), None)], LIFE, None);
    assert_eq!(found[0].lines.len(), 1);
    assert_eq!(found[0].lines[0].rows[0], late);
    assert_eq!(duplicates, 1);
}

#[test]
fn a_later_row_of_an_ended_events_report_belongs_to_another_event() {
    let (found, _) = events(vec![row(0, None, Some(0)), row(30, None, Some(0))], LIFE, None);
    assert_eq!(found.iter().map(us).collect::<Vec<_>>(), [(0, 0, 10), (30, 30, 40)]);
    assert_eq!(found[1].lines[0].onset.as_us(), 0);
}

#[test]
fn the_rows_of_an_event_make_it_again_up_to_any_of_its_ticks() {
    let life = Life { gap: Duration::from_us(10), duration_max: Duration::from_us(50) };
    let rows = (0..40).map(|at| row(7 + at * 6, [None, Some("a")][at as usize % 2], None));
    let rows: Vec<Report> = rows.chain([row(100, Some("a"), Some(20))]).collect();
    let (all, _) = events(rows.clone(), life, None);
    assert!(all.len() > 3);
    for event in all {
        for &until in &event.ticks {
            let own =
                rows.iter().filter(|row| (event.opened_at..=until).contains(&row.detected_at));
            let again = Event::so_far(own.cloned().collect(), life, event.continues.is_some());
            let mut lines = event.lines.clone();
            lines.iter_mut().for_each(|line| line.rows.retain(|row| row.detected_at <= until));
            lines.retain(|line| !line.rows.is_empty());
            assert_eq!(again.map(|again| again.lines), Some(lines));
        }
    }
    assert_eq!(Event::so_far(Vec::new(), life, true), None);
}

#[test]
fn no_rows_make_no_events() {
    assert_eq!(events(Vec::new(), LIFE, None), (Vec::new(), 0));
}

/// (opened, last tick, closed, reason, continues) of each event, by D = 30.
fn cut(ticks: &[i64], begins: Option<i64>) -> Vec<(i64, i64, i64, &'static str, Option<i64>)> {
    let life = Life { duration_max: Duration::from_us(30), ..LIFE };
    let rows = ticks.iter().map(|&tick| row(tick, None, Some(0))).collect();
    let begins = begins.map(|us| Timestamp::from_us(us).unwrap());
    let (found, _) = events(rows, life, begins);
    found
        .iter()
        .map(|event| {
            let (opened, last, closed) = us(event);
            (opened, last, closed, event.end_reason.as_str(), event.continues.map(Timestamp::as_us))
        })
        .collect()
}

#[test]
fn a_chain_is_cut_at_a_boundary_only_if_it_has_gone_on_for_the_whole_period_before() {
    // Begins at 1: not cut at 30, cut at 60 and at 90.
    let ticks: Vec<i64> = (0..10).map(|i| 1 + i * 10).collect();
    assert_eq!(
        cut(&ticks, None),
        [
            (1, 51, 60, "max_duration", None),
            (61, 81, 90, "max_duration", Some(1)),
            (91, 91, 101, "quiet", Some(61)),
        ]
    );
    // Begins at 0, exactly D before the first boundary: cut there.
    let ticks: Vec<i64> = (0..4).map(|i| i * 10).collect();
    assert_eq!(
        cut(&ticks, None),
        [(0, 20, 30, "max_duration", None), (30, 30, 40, "quiet", Some(0))]
    );
}

#[test]
fn an_event_that_would_be_active_at_a_cut_closes_there_whether_or_not_ticks_follow() {
    assert_eq!(cut(&[0, 10, 20], None), [(0, 20, 30, "max_duration", None)]);
    assert_eq!(cut(&[0, 10, 19], None), [(0, 19, 29, "quiet", None)]);
    assert_eq!(cut(&[0, 10, 20, 31], None)[1], (31, 31, 41, "quiet", None));
}

#[test]
fn a_chain_that_began_before_the_rows_is_cut_all_the_same() {
    assert_eq!(
        cut(&[25, 35], Some(0)),
        [(25, 25, 30, "max_duration", None), (35, 35, 45, "quiet", Some(25))]
    );
    assert_eq!(cut(&[25, 35], None), [(25, 35, 45, "quiet", None)]);
}

#[test]
fn in_a_continued_event_windows_begin_at_the_later_of_onset_and_cut() {
    let life = Life { duration_max: Duration::from_us(30), ..LIFE };
    let rows = [0, 10, 20, 30, 40].map(|tick| row(tick, None, Some(tick.min(35)))).to_vec();
    let (found, _) = events(rows, life, None);
    let windows = |event: &Event| -> Vec<_> {
        let lines = event.lines.iter();
        lines.map(|line| (line.onset.as_us(), line.window_start.as_us())).collect()
    };
    assert_eq!(windows(&found[0]), [(0, 0), (10, 10), (20, 20)]);
    assert_eq!(windows(&found[1]), [(30, 30), (35, 35)]);
    let (found, _) = events(
        vec![row(25, None, Some(3)), row(31, None, Some(3))],
        life,
        Some(Timestamp::from_us(0).unwrap()),
    );
    assert_eq!(windows(&found[1]), [(3, 30)]);
}
