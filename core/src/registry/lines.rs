//! The lines of open and merged events, from rows of MRCH: what a row of MELOG written at the last
//! covered tick would say (SPEC 8, *Open events show today*).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coverage::Coverage;
use super::exact::{self, Answer, Sku};
use super::totals::{Span, Totals, Window, meeting, union};
use crate::doubles::greater;
use crate::{Id, Money, Timestamp};

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
type LineKey = (Arc<str>, Sku);

/// The rows of one line by version. Of those that only one run can have written, only the last is
/// kept.
#[derive(Clone, Debug, Default)]
struct LineRows {
    by_version: BTreeMap<i32, Vec<Kept>>,
    last_alone: Option<i32>,
}

/// The rows of an event's lines, as far as they can matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(BTreeMap<LineKey, LineRows>);

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
    /// The SKUs of which windows meet.
    pub meeting: BTreeSet<Sku>,
    /// The cluster that names the event, if it is known which is first.
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

    /// The event of a store at its last tick, in one run's view, or in the common view if all
    /// agree; `None` if there is no row.
    pub(super) fn today(
        &self,
        view: Option<&str>,
        coverage: &Coverage,
        (store_id, answer): (&str, Answer<'_>),
    ) -> Option<Today> {
        let seen: Vec<_> = self
            .0
            .iter()
            .filter_map(|(key, rows)| last(rows, view, coverage).map(|kept| (key, kept)))
            .collect();
        let written_at = seen.iter().map(|(_, kept)| kept.row.written_at).max()?;
        let at_last = || seen.iter().filter(|(_, kept)| kept.row.written_at == written_at);
        // A view is that of its run as far as the run wrote a row of it.
        let runs = || at_last().flat_map(|(_, kept)| &kept.runs);
        let run = runs().find(|run| Some(&***run) == view).or_else(|| runs().min())?;
        let (_, shared) = at_last().next()?;
        let rows = || seen.iter().map(|(_, kept)| &kept.row);
        let skus: BTreeSet<_> = seen.iter().map(|((_, sku), _)| sku).collect();
        let windows: Vec<Window> = seen.iter().map(|(key, kept)| window(key, &kept.row)).collect();
        let attributed = &mut spans(&windows, |window| window.attributed);
        let baseline = &mut spans(&windows, |window| window.baseline);
        let meeting = meeting(attributed).into_iter().chain(meeting(baseline));
        let parts = [exact::Part { store_id, windows: &windows, answer }];
        let exact = |sku| exact::of_sku(&parts, sku);
        Some(Today {
            run: run.clone(),
            shared: shared.row.clone(),
            window_start: rows().map(|row| row.window_start).min().unwrap_or(written_at),
            skus: u32::try_from(skus.len()).unwrap_or(u32::MAX),
            severity: rows().fold(None, |most, row| greater(most, row.severity)),
            meeting: meeting.map(|sku| sku.map(Arc::from)).collect(),
            totals: Totals {
                attributed: union(attributed, |sku| Ok(exact(sku)?.attributed.units())),
                baseline: union(baseline, |sku| Ok(exact(sku)?.baseline.units())),
            },
            cluster_name: cluster(&seen, (store_id, answer)),
        })
    }

    /// The last instant that a row of the lines speaks of, be they those of a closed or of an open
    /// event.
    pub(super) fn last_tick(&self, is_ended: bool) -> Option<Timestamp> {
        let rows = self.0.values().flat_map(LineRows::all).map(|kept| &kept.row);
        rows.filter(|row| row.is_ended == is_ended).map(|row| row.last_tick).max()
    }

    /// The SKUs of the lines.
    pub(super) fn skus(&self) -> BTreeSet<Option<Arc<str>>> {
        self.0.keys().map(|(_, sku)| sku.clone()).collect()
    }

    /// The windows of the lines of a closed or open event, whatever they hold; `None` if runs
    /// disagree about them.
    pub(super) fn windows(&self, is_ended: bool, coverage: &Coverage) -> Option<Vec<Window>> {
        let mut windows = Vec::new();
        for (key, rows) in &self.0 {
            let mut found: Vec<&KeptRow> = if is_ended {
                rows.all().map(|kept| &kept.row).filter(|row| row.is_ended).collect()
            } else {
                last(rows, None, coverage).map(|kept| &kept.row).into_iter().collect()
            };
            found.dedup();
            match found[..] {
                [] => {}
                [row] => windows.push(window(key, row)),
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

/// The window that a row gives its line.
fn window((report, sku): &LineKey, row: &KeptRow) -> Window {
    Window {
        report: report.clone(),
        sku: sku.clone(),
        from: row.window_start,
        to: row.last_tick,
        attributed: row.attributed,
        baseline: row.baseline,
    }
}

fn spans(windows: &[Window], amount: impl Fn(&Window) -> Option<Money>) -> Vec<Span<'_>> {
    windows.iter().map(|window| window.span(amount(window))).collect()
}

/// The name of the first cluster by (onset, SKU). Lines whose window begins at a cut do not show
/// their onsets; the inputs do.
fn cluster(
    seen: &[(&LineKey, &Kept)],
    (store_id, answer): (&str, Answer<'_>),
) -> Result<Option<Arc<str>>, OrderUnknown> {
    let named = seen.iter().filter(|(_, kept)| kept.row.cluster_name.is_some());
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|((_, sku), kept)| (kept.row.window_start, sku.clone()));
    let Some(&&((report, _), first)) = named.first() else { return Ok(None) };
    let begin = |kept: &Kept| kept.row.window_start == first.row.window_start;
    named.retain(|(_, kept)| begin(kept));
    let mut others = named.iter().filter(|((other, _), _)| other != report);
    if others.all(|(_, kept)| kept.row.cluster_name == first.row.cluster_name) {
        return Ok(first.row.cluster_name.clone());
    }
    let Some(Ok(recalled)) = answer else { return Err(OrderUnknown) };
    let placed = named.iter().map(|((report, sku), kept)| {
        recalled.place(store_id, report, sku.as_deref()).map(|place| (place, kept))
    });
    let placed = placed.collect::<Option<Vec<_>>>().ok_or(OrderUnknown)?;
    let least = placed.into_iter().min_by_key(|(place, _)| *place);
    Ok(least.and_then(|(_, kept)| kept.row.cluster_name.clone()))
}
