//! The instants at which a store's lines need predictions (SPEC 6): of the baseline log, all in
//! their windows; of the classifier's log, only their ticks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{Event, Line, Timestamp};

/// The instants at which one store's lines need one of the two logs, as windows by SKU.
///
/// ```
/// use cohort_core::{Life, Report, Timestamp, Windows, events};
///
/// let at = |text: &str| text.parse::<Timestamp>();
/// let row = Report {
///     sku: Some("milk".into()),
///     first_detected_from: Some(at("2025-01-01T11:50:00Z")?),
///     ..Report::at(at("2025-01-01T11:55:00Z")?)
/// };
/// let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
/// let (events, _) = events(vec![row], life, None);
/// let (sales, scores) = (Windows::of(&events), Windows::of_ticks(&events));
/// let milk = sales.place(Some("milk")).expect("it has a line");
/// // Sales count from the onset on, scores at the tick only.
/// let onset = at("2025-01-01T11:50:00Z")?;
/// assert_eq!((sales.holds(milk, onset), scores.holds(milk, onset)), (true, false));
/// assert_eq!(sales.place(Some("tea")), None);
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// The SKUs in order, null first, each with its windows, which are disjoint and ascend.
    of_sku: Vec<OfSku>,
    /// The place of each SKU.
    places: HashMap<Arc<str>, usize>,
}

/// A SKU and its windows, each with its first and its last instant.
type OfSku = (Option<Arc<str>>, Vec<(Timestamp, Timestamp)>);

impl Windows {
    /// Where these events' lines need the baseline log. Windows of one SKU that share an instant
    /// are joined.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        Self::joined(events, |line| [line.window()])
    }

    /// Where these events' lines need the classifier's log. Its SKUs have the same places.
    #[must_use]
    pub fn of_ticks(events: &[Event]) -> Self {
        Self::joined(events, |line| line.ticks().map(|tick| (tick, tick)))
    }

    fn joined<'e, I: IntoIterator<Item = (Timestamp, Timestamp)>>(
        events: &'e [Event],
        of_line: impl Fn(&'e Line) -> I,
    ) -> Self {
        let lines = events.iter().flat_map(|event| &event.lines);
        let each = lines.flat_map(|line| of_line(line).into_iter().map(|span| (&line.sku, span)));
        let mut all: Vec<_> = each.collect();
        all.sort_unstable();
        let mut windows = Self::default();
        for (sku, (first, last)) in all {
            match windows.of_sku.last_mut() {
                Some((known, of_sku)) if known == sku => match of_sku.last_mut() {
                    Some(before) if first <= before.1 => before.1 = before.1.max(last),
                    _ => of_sku.push((first, last)),
                },
                _ => {
                    if let Some(sku) = sku {
                        windows.places.insert(sku.clone(), windows.of_sku.len());
                    }
                    windows.of_sku.push((sku.clone(), vec![(first, last)]));
                }
            }
        }
        windows
    }

    /// How many SKUs have lines, null being one.
    #[must_use]
    pub const fn skus(&self) -> usize {
        self.of_sku.len()
    }

    /// The place of a SKU among those that have lines.
    #[must_use]
    pub fn place(&self, sku: Option<&str>) -> Option<usize> {
        match sku {
            Some(sku) => self.places.get(sku).copied(),
            None => self.of_sku.first().and_then(|(first, _)| first.is_none().then_some(0)),
        }
    }

    /// Whether the SKU at a place needs this instant.
    #[must_use]
    pub fn holds(&self, place: usize, at: Timestamp) -> bool {
        let windows = &self.of_sku[place].1;
        let begun = windows.partition_point(|window| window.0 <= at);
        begun.checked_sub(1).is_some_and(|last| at <= windows[last].1)
    }

    /// Every window in order: its SKU, its first instant and its last.
    pub fn each(&self) -> impl Iterator<Item = (Option<&str>, Timestamp, Timestamp)> {
        self.of_sku.iter().flat_map(|(sku, windows)| {
            windows.iter().map(|&(first, last)| (sku.as_deref(), first, last))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::tests::life;
    use crate::reports::tests::row;

    #[test]
    fn the_windows_of_a_sku_are_disjoint_and_ascend_with_null_first() {
        let rows = vec![
            row(30, Some("k"), Some(29)),
            row(12, Some("k"), Some(9)),
            row(10, Some("k"), Some(7)),
            row(30, None, None),
            row(31, Some("j"), None),
        ];
        let (events, _) = crate::events(rows, life(), None);
        let windows = Windows::of(&events);
        let at = |us| Timestamp::from_us(us).unwrap();
        let each: Vec<_> = windows.each().collect();
        assert_eq!(
            each,
            [
                (None, at(30), at(30)),
                (Some("j"), at(31), at(31)),
                (Some("k"), at(7), at(12)),
                (Some("k"), at(29), at(30)),
            ]
        );
        let k = windows.place(Some("k")).unwrap();
        let held: Vec<_> = (0..40).filter(|&us| windows.holds(k, at(us))).collect();
        assert_eq!(held, [7, 8, 9, 10, 11, 12, 29, 30]);
        assert_eq!((windows.place(None), windows.place(Some("z"))), (Some(0), None));
        let ticks = Windows::of_ticks(&events);
        let held: Vec<_> = (0..40).filter(|&us| ticks.holds(k, at(us))).collect();
        assert_eq!((held, ticks.place(Some("k"))), (vec![10, 12, 30], Some(k)));
        assert_eq!(Windows::default().place(None), None);
    }
}
