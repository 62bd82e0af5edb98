//! The lines of open and merged events, from rows of MRCH: what a row of MELOG written at the last
//! covered tick would say (SPEC 8, *Open events show today*).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::Coverage;
use super::totals::{Span, Totals, union};
use crate::doubles::greater;
use crate::{Id, Money, Overflow, Timestamp};

/// What a row of MRCH says of its line and of its event.
#[derive(Clone, Debug, PartialEq)]
pub struct LineRow<'a> {
    /// `report_group_id`.
    pub event_id: Id,
    /// `report_id`.
    pub report_id: &'a str,
    /// `sku`.
    pub sku: Option<&'a str>,
    /// `version`.
    pub version: i32,
    /// Whether `event_status` is `ended`.
    pub is_ended: bool,
    /// `window_start`.
    pub window_start: Timestamp,
    /// `window_end` of a closing row; `written_at` of any other.
    pub last_tick: Timestamp,
    /// `severity_score`.
    pub severity_score: Option<f64>,
    /// `attributed_sales_total`.
    pub attributed_sales_total: Option<Money>,
    /// `baseline_sales_total`.
    pub baseline_sales_total: Option<Money>,
    /// `cluster_name`.
    pub cluster_name: Option<&'a str>,
    /// `proposed_cause`.
    pub proposed_cause: Option<&'a str>,
    /// `proposed_cause_category`.
    pub proposed_cause_category: Option<&'a str>,
    /// `confidence_score`.
    pub confidence_score: Option<f64>,
    /// `cohort_confidence`.
    pub cohort_confidence: Option<f64>,
    /// `cohort_reason`.
    pub cohort_reason: &'a str,
    /// `cohort_size`.
    pub cohort_size: u32,
    /// `run_id`.
    pub run_id: &'a str,
    /// `written_at`.
    pub written_at: Timestamp,
}

/// A row of MRCH that is kept, and the runs that wrote it.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    row: KeptRow,
    runs: BTreeSet<Arc<str>>,
    /// No other run can have written it.
    alone: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptRow {
    pub version: i32,
    pub is_ended: bool,
    pub window_start: Timestamp,
    pub last_tick: Timestamp,
    pub severity: Option<f64>,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
    pub cluster_name: Option<Arc<str>>,
    pub cause: Option<Arc<str>>,
    pub category: Option<Arc<str>>,
    pub confidence: Option<f64>,
    pub cohort_confidence: Option<f64>,
    pub reason: Arc<str>,
    pub size: u32,
    pub written_at: Timestamp,
}

/// A line of an event: report and SKU.
type LineKey = (Arc<str>, Option<Arc<str>>);

/// The rows of one line by version. Of those that one run alone can have written, only the last is
/// kept.
#[derive(Clone, Debug, Default)]
struct LineRows {
    by_version: BTreeMap<i32, Vec<Kept>>,
    last_alone: Option<i32>,
}

/// The rows of an event's lines, as far as they can matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(BTreeMap<LineKey, LineRows>);

/// A line's window and its totals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub sku: Option<Arc<str>>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
}

/// One run's view of an open event at its last tick.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Today {
    /// The run whose view it is, if it wrote a row at that tick; else the first that did.
    pub run: Arc<str>,
    /// A row at that tick, for what all rows of the event share.
    pub shared: KeptRow,
    pub window_start: Timestamp,
    pub skus: u32,
    pub severity: Option<f64>,
    pub totals: Totals,
    /// The cluster that names the event, if the logs say which is first.
    pub cluster_name: Result<Option<Arc<str>>, OrderUnknown>,
}

/// Lines whose onsets the logs do not show, so that none of them is known to be the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderUnknown;

impl KeptRow {
    fn of(row: &LineRow<'_>) -> Self {
        let text = |text: Option<&str>| text.map(Arc::from);
        Self {
            version: row.version,
            is_ended: row.is_ended,
            window_start: row.window_start,
            last_tick: row.last_tick,
            severity: row.severity_score,
            attributed: row.attributed_sales_total,
            baseline: row.baseline_sales_total,
            cluster_name: text(row.cluster_name),
            cause: text(row.proposed_cause),
            category: text(row.proposed_cause_category),
            confidence: row.confidence_score,
            cohort_confidence: row.cohort_confidence,
            reason: row.cohort_reason.into(),
            size: row.cohort_size,
            written_at: row.written_at,
        }
    }
}

impl Lines {
    /// Takes a row in.
    pub(super) fn add(&mut self, row: &LineRow<'_>, coverage: &Coverage) {
        let key = (Arc::from(row.report_id), row.sku.map(Arc::from));
        self.0.entry(key).or_default().add(row, coverage.alone(row.written_at));
    }

    /// The runs whose views may differ; none if every row was written by each run that covers it.
    pub(super) fn views(&self, coverage: &Coverage) -> BTreeSet<Arc<str>> {
        let all = || self.0.values().flat_map(LineRows::all);
        let said_by_all = |kept: &Kept| {
            let covering = coverage.at(kept.row.written_at);
            !covering.is_empty() && covering.iter().all(|run| kept.runs.contains(run))
        };
        if all().all(said_by_all) {
            return BTreeSet::new();
        }
        all().flat_map(|kept| kept.runs.iter().cloned()).collect()
    }

    /// The event at its last tick as a run sees it, or as all do if there is but one view; `None`
    /// if there is no row.
    ///
    /// # Errors
    /// [`Overflow`] if a sum does not fit.
    pub(super) fn today(
        &self,
        view: Option<&str>,
        coverage: &Coverage,
    ) -> Result<Option<Today>, Overflow> {
        let seen: Vec<_> = self
            .0
            .iter()
            .filter_map(|(key, rows)| last(rows, view, coverage).map(|kept| (key, kept)))
            .collect();
        let Some(written_at) = seen.iter().map(|(_, kept)| kept.row.written_at).max() else {
            return Ok(None);
        };
        let at_last = || seen.iter().filter(|(_, kept)| kept.row.written_at == written_at);
        // A view is that of its run as far as the run wrote a row of it.
        let runs = || at_last().flat_map(|(_, kept)| &kept.runs);
        let run = runs().find(|run| Some(&***run) == view).or_else(|| runs().min());
        let (Some(run), Some((_, shared))) = (run, at_last().next()) else { return Ok(None) };
        let rows = || seen.iter().map(|(_, kept)| &kept.row);
        let skus: BTreeSet<_> = seen.iter().map(|((_, sku), _)| sku).collect();
        Ok(Some(Today {
            run: run.clone(),
            shared: shared.row.clone(),
            window_start: rows().map(|row| row.window_start).min().unwrap_or(written_at),
            skus: u32::try_from(skus.len()).unwrap_or(u32::MAX),
            severity: rows().fold(None, |most, row| greater(most, row.severity)),
            totals: Totals {
                attributed: union(&mut spans(&seen, |row| row.attributed))?,
                baseline: union(&mut spans(&seen, |row| row.baseline))?,
            },
            cluster_name: cluster(&seen),
        }))
    }

    /// The SKUs of the lines.
    pub(super) fn skus(&self) -> BTreeSet<Option<Arc<str>>> {
        self.0.keys().map(|(_, sku)| sku.clone()).collect()
    }

    /// The windows of the lines of a closed or open event, whatever they hold; `None` if runs
    /// disagree about them.
    pub(super) fn windows(&self, is_ended: bool, coverage: &Coverage) -> Option<Vec<Window>> {
        let mut windows = Vec::new();
        for ((_, sku), rows) in &self.0 {
            let mut found: Vec<&KeptRow> = if is_ended {
                rows.all().map(|kept| &kept.row).filter(|row| row.is_ended).collect()
            } else {
                last(rows, None, coverage).map(|kept| &kept.row).into_iter().collect()
            };
            found.dedup();
            match found[..] {
                [] => {}
                [row] => windows.push(Window {
                    sku: sku.clone(),
                    from: row.window_start,
                    to: row.last_tick,
                    attributed: row.attributed,
                    baseline: row.baseline,
                }),
                _ => return None,
            }
        }
        Some(windows)
    }
}

impl LineRows {
    fn add(&mut self, row: &LineRow<'_>, alone: bool) {
        if alone {
            match self.last_alone {
                Some(last) if last > row.version => return,
                Some(last) if last < row.version => {
                    self.by_version.entry(last).or_default().retain(|kept| !kept.alone);
                }
                _ => {}
            }
            self.last_alone = Some(row.version);
        }
        let run: Arc<str> = row.run_id.into();
        let kept = KeptRow::of(row);
        let rows = self.by_version.entry(row.version).or_default();
        match rows.iter_mut().find(|other| other.row == kept) {
            Some(same) => {
                same.runs.insert(run);
            }
            None => rows.push(Kept { row: kept, runs: BTreeSet::from([run]), alone }),
        }
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &Kept> {
        self.by_version.values().flatten()
    }
}

/// The last row of a line before its event closed, as a run sees it: at an instant that the run
/// covers, only its own rows count.
fn last<'k>(rows: &'k LineRows, view: Option<&str>, coverage: &Coverage) -> Option<&'k Kept> {
    let counts = |kept: &&Kept| match view {
        Some(run) if coverage.at(kept.row.written_at).iter().any(|covers| **covers == *run) => {
            kept.runs.contains(run)
        }
        _ => true,
    };
    let active = rows.all().filter(|kept| !kept.row.is_ended).filter(counts);
    active.max_by(|a, b| a.row.version.cmp(&b.row.version).then_with(|| b.runs.cmp(&a.runs)))
}

fn spans<'k>(
    seen: &[(&'k LineKey, &'k Kept)],
    amount: impl Fn(&KeptRow) -> Option<Money>,
) -> Vec<Span<'k>> {
    let span = |((_, sku), kept): &(&'k LineKey, &'k Kept)| Span {
        sku: sku.as_deref(),
        from: kept.row.window_start,
        to: kept.row.last_tick,
        amount: amount(&kept.row),
    };
    seen.iter().map(span).collect()
}

/// The name of the first cluster by (onset, SKU). Lines whose window begins at a cut do not show
/// their onsets.
fn cluster(seen: &[(&LineKey, &Kept)]) -> Result<Option<Arc<str>>, OrderUnknown> {
    let named = seen.iter().filter(|(_, kept)| kept.row.cluster_name.is_some());
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|((_, sku), kept)| (kept.row.window_start, sku.clone()));
    let Some(&&((report, _), first)) = named.first() else { return Ok(None) };
    let with_first = named.iter().filter(|(_, k)| k.row.window_start == first.row.window_start);
    let mut others = with_first.filter(|((other, _), _)| other != report);
    if others.any(|(_, kept)| kept.row.cluster_name != first.row.cluster_name) {
        return Err(OrderUnknown);
    }
    Ok(first.row.cluster_name.clone())
}
