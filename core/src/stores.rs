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
