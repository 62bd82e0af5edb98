//! What the page's scripts read of all events, as JSON: a table in columns.
//!
//! Instants are seconds since 1970, amounts units of the currency, texts places in dictionaries.

use std::collections::HashMap;

use cohort_core::Timestamp;
use serde::Serialize;

use super::event::PageEvent;
use super::lines::EventLines;
use super::values::{Amount, Seconds, bounded};

/// Texts that many events share, each once.
#[derive(Debug, Default)]
struct Dictionary {
    texts: Vec<String>,
    places: HashMap<String, i64>,
}

impl Dictionary {
    /// The place of a text; -1 is none.
    fn place(&mut self, text: Option<&str>) -> i64 {
        let Some(text) = text else { return -1 };
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        let place = self.texts.len() as i64;
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

/// All events, in columns.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    from: Option<Seconds>,
    to: Option<Seconds>,
    severity_min: Option<f64>,
    severity_max: Option<f64>,
    stores: Vec<String>,
    causes: Vec<String>,
    categories: Vec<String>,
    verdicts: Vec<String>,
    reviews: Vec<String>,
    store: Vec<i64>,
    opened: Vec<Seconds>,
    start: Vec<Seconds>,
    end: Vec<Option<Seconds>>,
    /// The last tick that is known, also of an open event.
    last: Vec<Seconds>,
    open: Vec<u8>,
    severity: Vec<Option<f64>>,
    impact: Vec<Option<Amount>>,
    sales: Vec<Option<Amount>>,
    baseline: Vec<Option<Amount>>,
    skus: Vec<Option<u32>>,
    reports: Vec<Option<u32>>,
    cause: Vec<i64>,
    category: Vec<i64>,
    verdict: Vec<i64>,
    review: Vec<i64>,
    edits: Vec<usize>,
    conflict: Vec<u8>,
    stale: Vec<u8>,
    merged_into: Vec<i64>,
}

impl Table {
    /// The table of these events and their lines, over runs that cover `[from, to)`.
    pub(super) fn of(
        events: &[PageEvent],
        lines: &[EventLines],
        covered: Option<(Timestamp, Timestamp)>,
    ) -> Self {
        let mut table = Self {
            from: covered.map(|(from, _)| from.into()),
            to: covered.map(|(_, to)| to.into()),
            ..Self::default()
        };
        let places = places(events);
        let mut stores = Dictionary::default();
        let mut causes = Dictionary::default();
        let mut categories = Dictionary::default();
        let mut verdicts = Dictionary::default();
        let mut reviews = Dictionary::default();
        for (event, lines) in events.iter().zip(lines) {
            table.add(event, lines);
            table.store.push(stores.place(Some(&event.store)));
            table.cause.push(causes.place(event.cause.as_deref().map(bounded).as_deref()));
            table
                .category
                .push(categories.place(event.category.as_deref().map(bounded).as_deref()));
            table.verdict.push(verdicts.place(event.verdict.as_deref()));
            table.review.push(reviews.place(event.review_status.as_deref()));
            let into = event.merged_into.as_ref().and_then(|id| places.get(id.as_str()));
            table.merged_into.push(into.copied().unwrap_or(-1));
        }
        table.stores = stores.texts;
        table.causes = causes.texts;
        table.categories = categories.texts;
        table.verdicts = verdicts.texts;
        table.reviews = reviews.texts;
        table
    }

    fn add(&mut self, event: &PageEvent, lines: &EventLines) {
        let opened = event.opened;
        let last = event.window_end.or(lines.last()).unwrap_or(opened);
        self.opened.push(opened.into());
        self.start.push(event.window_start.unwrap_or(opened).into());
        self.end.push(event.window_end.map(Seconds::from));
        self.last.push(last.into());
        self.open.push(event.is_open.into());
        self.severity.push(event.severity);
        self.severity_min = least(self.severity_min, event.severity, f64::min);
        self.severity_max = least(self.severity_max, event.severity, f64::max);
        self.impact.push(event.impact.map(Amount));
        self.sales.push(event.sales.map(Amount));
        self.baseline.push(event.baseline.map(Amount));
        self.skus.push(event.skus);
        self.reports.push(event.reports);
        self.edits.push(event.trail.len());
        self.conflict.push((!event.conflicts.is_empty()).into());
        self.stale.push(event.is_stale.into());
    }
}

/// The place of each event by its id.
pub(super) fn places(events: &[PageEvent]) -> HashMap<&str, i64> {
    events.iter().map(|event| event.id.as_str()).zip(0..).collect()
}

fn least(a: Option<f64>, b: Option<f64>, of: fn(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(of(a, b)),
        (a, b) => a.or(b),
    }
}
