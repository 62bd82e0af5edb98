//! The events that people look at first: those of a run with the greatest impact, as a bounded list
//! and as a Markdown table.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::escape;
use cohort_core::{EventRows, Money, Names, Timestamp};

/// One event as its latest row in the run has it (SPEC 6, `minority_event_log`).
#[derive(Clone, Debug, PartialEq)]
pub struct Highlight {
    /// The shop.
    pub store_id: Arc<str>,
    /// Its first tick.
    pub opened_at: Timestamp,
    /// Its likely cause, or its cluster if it has none.
    pub label: Option<Box<str>>,
    /// Whether it has ended.
    pub ended: bool,
    /// Distinct SKUs so far.
    pub sku_count: u32,
    /// Greatest severity so far.
    pub severity_score: Option<f64>,
    /// Actual minus expected sales so far.
    pub impact_estimate: Option<Money>,
}

impl Highlight {
    /// Its `cohort_name`.
    pub fn name(&self) -> String {
        let mut name = String::new();
        Names::new(&self.store_id, self.opened_at).cohort_name(self.label.as_deref(), &mut name);
        name
    }

    /// The greatest impact first, whatever its sign, then severity, then store and time. No two
    /// events are equal in this order.
    fn rank(&self, other: &Self) -> Ordering {
        let size = |event: &Self| event.impact_estimate.map(|impact| impact.units().unsigned_abs());
        let severity = |event: &Self| event.severity_score.unwrap_or(f64::NEG_INFINITY);
        size(other)
            .cmp(&size(self))
            .then_with(|| severity(other).total_cmp(&severity(self)))
            .then_with(|| (&self.store_id, self.opened_at).cmp(&(&other.store_id, other.opened_at)))
    }
}

/// A label is kept for tables, which show no more of it.
const LABEL_CHARS_MAX: usize = 200;

/// As many events as any channel may ask for.
pub(super) const TOP_MAX: usize = 2_000;

/// The greatest events of a run, and the impact of all that ended in it.
#[derive(Clone, Debug)]
pub struct Highlights {
    top_max: usize,
    /// Fewer than twice `top_max` events, the greatest among them.
    kept: Vec<Highlight>,
    impact_units: i128,
    impact_known: u64,
}

impl Default for Highlights {
    fn default() -> Self {
        Self::new(TOP_MAX)
    }
}

impl Highlights {
    /// Room for that many events, at least one. No others are kept.
    pub const fn new(top_max: usize) -> Self {
        Self { top_max, kept: Vec::new(), impact_units: 0, impact_known: 0 }
    }

    /// Takes an event as its last row in the run shows it, once per event.
    pub fn add(&mut self, event: Highlight) {
        if let Some(impact) = event.impact_estimate
            && event.ended
        {
            self.impact_units += i128::from(impact.units());
            self.impact_known += 1;
        }
        self.kept.push(event);
        if self.kept.len() == 2 * self.top_max {
            self.kept.sort_unstable_by(Highlight::rank);
            self.kept.truncate(self.top_max);
        }
    }

    /// Takes an event from its rows of MELOG, the last of which holds all that is needed.
    pub fn add_rows(
        &mut self,
        store_id: &Arc<str>,
        event: &cohort_core::Event,
        rows: &EventRows<'_>,
    ) {
        let Some(row) = rows.melog.last() else { return };
        let cause = rows.cohorts[row.cohort].cause.as_ref().map(|cause| cause.cause);
        self.add(Highlight {
            store_id: store_id.clone(),
            opened_at: event.opened_at,
            label: cause
                .or(row.cluster_name)
                .map(|label| label.chars().take(LABEL_CHARS_MAX).collect()),
            ended: row.status.is_ended(),
            sku_count: row.sku_count,
            severity_score: row.severity,
            impact_estimate: row.amounts.impact,
        });
    }

    /// Takes what another part of the run has kept. Parts may come in any order, but no event may
    /// be in two of them.
    pub fn merge(&mut self, other: Self) {
        let (units, known) = (self.impact_units, self.impact_known);
        for event in other.kept {
            self.add(event);
        }
        self.impact_units = units + other.impact_units;
        self.impact_known = known + other.impact_known;
    }

    /// The greatest events, greatest first.
    pub fn top(&self) -> Vec<&Highlight> {
        let mut top: Vec<_> = self.kept.iter().collect();
        top.sort_unstable_by(|a, b| a.rank(b));
        top.truncate(self.top_max);
        top
    }

    /// The sum of the impact of the events that ended in the run; `None` if none has an impact or
    /// the sum overflows.
    pub fn impact(&self) -> Option<Money> {
        if self.impact_known == 0 { None } else { Money::from_units(self.impact_units).ok() }
    }

    /// At most `rows` of the greatest events as a Markdown table, narrow enough for half a page. If
    /// there are none, a sentence says so.
    pub fn to_markdown(&self, rows: usize) -> String {
        if self.kept.is_empty() {
            return "No event opened or closed in this interval.".to_owned();
        }
        let mut table = String::from(
            "| Event | State | SKUs | Severity | Impact |\n\
             |---|---|--:|--:|--:|\n",
        );
        for event in self.top().into_iter().take(rows) {
            let state = if event.ended { "ended" } else { "active" };
            let severity = event.severity_score.map_or("-".to_owned(), |s| format!("{s:.2}"));
            let impact = event.impact_estimate.map_or_else(|| "-".to_owned(), Money::to_hundredths);
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {state} | {} | {severity} | {impact} |",
                escape::markdown(&event.name()),
                event.sku_count,
            );
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(store_id: &str, ended: bool, impact: Option<i128>) -> Highlight {
        Highlight {
            store_id: store_id.into(),
            opened_at: Timestamp::from_us(0).unwrap(),
            label: None,
            ended,
            sku_count: 1,
            severity_score: Some(0.5),
            impact_estimate: impact.map(|units| Money::from_units(units).unwrap()),
        }
    }

    fn names(highlights: &Highlights) -> Vec<&str> {
        highlights.top().into_iter().map(|event| &*event.store_id).collect()
    }

    #[test]
    fn the_greatest_impact_comes_first_whatever_its_sign() {
        let mut highlights = Highlights::new(3);
        for (name, impact) in [("a", Some(5)), ("b", Some(-9)), ("c", None), ("d", Some(7))] {
            highlights.add(event(name, true, impact));
        }
        assert_eq!(names(&highlights), ["b", "d", "a"]);
        assert_eq!(highlights.impact().unwrap().units(), 3);
    }

    #[test]
    fn parts_merge_to_the_same_in_any_order() {
        let part = |events: &[(&str, i128)]| {
            let mut part = Highlights::new(2);
            for (name, impact) in events {
                part.add(event(name, true, Some(*impact)));
            }
            part
        };
        let (a, b) = (part(&[("a", 1), ("b", 5), ("c", 3)]), part(&[("d", 4), ("e", 2)]));
        for (mut first, second) in [(a.clone(), b.clone()), (b, a)] {
            first.merge(second);
            assert_eq!(names(&first), ["b", "d"]);
            assert_eq!(first.impact().unwrap().units(), 15);
        }
    }

    #[test]
    fn of_many_events_the_greatest_are_kept() {
        let mut highlights = Highlights::new(2);
        for impact in [4, 9, 1, 7, 3, 8, 2] {
            highlights.add(event(&impact.to_string(), true, Some(impact)));
        }
        assert_eq!(names(&highlights), ["9", "8"]);
        assert_eq!(highlights.impact().unwrap().units(), 34);
    }

    #[test]
    fn the_name_has_the_cause_where_there_is_one() {
        let named = Highlight { label: Some("Spring sale".into()), ..event("327", true, None) };
        assert_eq!(named.name(), "Store 327, 1970-01-01 00:00 UTC, Spring sale");
        assert_eq!(event("327", true, None).name(), "Store 327, 1970-01-01 00:00 UTC");
    }

    #[test]
    fn impact_is_unknown_where_no_ended_event_has_one() {
        let mut highlights = Highlights::new(3);
        highlights.add(event("a", false, Some(1)));
        highlights.add(event("b", true, None));
        assert_eq!(highlights.impact(), None);
    }

    #[test]
    fn a_name_cannot_break_the_table() {
        let mut highlights = Highlights::new(3);
        highlights.add(event("x|y\nz<b>", true, None));
        let table = highlights.to_markdown(10);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.contains("x\\|y\\\\nz&lt;b&gt;"), "{table}");
    }
}
