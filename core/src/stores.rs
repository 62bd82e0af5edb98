//! All rows of one store, event by event (SPEC 5).

use std::collections::BTreeSet;

use super::{
    Counts, Event, EventRows, Evidence, Interval, Names, Predictions, Timestamp, event_rows,
};

/// A sum that does not fit `decimal(18,4)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected sums with at most 14 digits before the point, found a larger one in the event of \
     store {store_id} that opened at {opened_at}; correct its amounts"
)]
pub struct LargeSum {
    /// The store.
    pub store_id: String,
    /// The event.
    pub opened_at: Timestamp,
}

/// Gives the rows that each event of a store writes in the interval to `each`, and counts them.
/// `rows` lends its memory.
///
/// # Errors
/// [`LargeSum`], and whatever `each` returns.
///
/// # Example
///
/// One report of store 327, without predictions:
///
/// ```
/// use cohort_core::{
///     Candidates, Counts, EventRows, Evidence, Interval, LargeSum, Life, Predictions, Report,
///     Series, events, store_rows,
/// };
///
/// struct NoPredictions;
/// impl Predictions for NoPredictions {
///     fn series(&self, _sku: Option<&str>) -> Series<'_> {
///         Series::default()
///     }
/// }
/// let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
/// let reports = vec![Report::at("2025-01-01T11:55:00Z".parse()?)];
/// let (events, _) = events(reports, life, None);
/// let day = Interval {
///     start: "2025-01-01T00:00:00Z".parse()?,
///     end: "2025-01-02T00:00:00Z".parse()?,
/// };
/// let candidates = Candidates::default();
/// let evidence =
///     Evidence { store_id: "327", predictions: &NoPredictions, candidates: &candidates };
/// let (mut rows, mut counts) = (EventRows::default(), Counts::default());
/// let mut wrote = Vec::new();
/// store_rows(&events, evidence, day, &mut rows, &mut counts, |names, _, rows| {
///     wrote.push((names.cohort_id.clone(), rows.mrch.len(), rows.melog.len()));
///     Ok::<_, LargeSum>(())
/// })?;
/// assert_eq!(wrote, [("327:20250101T115500Z".to_owned(), 2, 2)]);
/// assert_eq!((counts.stores, counts.events_opened, counts.events_closed), (1, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn store_rows<'a, P: Predictions + Copy, E: From<LargeSum>>(
    events: &'a [Event],
    evidence: Evidence<'a, P>,
    interval: Interval,
    rows: &mut EventRows<'a>,
    counts: &mut Counts,
    mut each: impl FnMut(&Names<'_>, &Event, &EventRows<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let store_id = evidence.store_id;
    let (mut wrote, mut reports) = (false, BTreeSet::new());
    for event in events {
        let opened_at = event.opened_at;
        event_rows(event, evidence, interval, rows)
            .map_err(|_| LargeSum { store_id: store_id.to_owned(), opened_at })?;
        counts.add_event(event, rows, interval, &mut reports);
        if rows.cohorts.is_empty() {
            continue;
        }
        each(&Names::new(store_id, opened_at), event, rows)?;
        wrote = true;
    }
    counts.stores += u64::from(wrote);
    Ok(())
}
