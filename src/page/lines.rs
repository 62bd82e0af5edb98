//! The lines of the events, from rows of MRCH: where each began, and what it said at each of its
//! ticks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::array::{Array as _, PrimitiveArray, RecordBatch, StringArray};
use cohort_core::{Money, ReportStatus, Timestamp};

use super::columns::{money, texts, value, values};

/// What a line said at one of its ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineTick {
    pub version: i32,
    /// The tick; of a closing row the instant at which the event closed.
    pub at_us: i64,
    pub severity: Option<f64>,
    /// Sums so far.
    pub sales: Option<Money>,
    pub baseline: Option<Money>,
}

/// A line of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PageLine {
    pub sku: Option<Arc<str>>,
    /// Its `window_start`.
    pub start_us: i64,
    pub cluster: Option<Arc<str>>,
    /// Its rows at ticks by version, each once; closing rows are none.
    pub ticks: Vec<LineTick>,
}

/// The lines of one event in the order of (start, report, SKU), and the evidence for its cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EventLines {
    pub lines: Vec<PageLine>,
    pub evidence: Option<Arc<str>>,
}

impl EventLines {
    /// The newest tick.
    pub(super) fn last(&self) -> Option<Timestamp> {
        let newest = self.lines.iter().filter_map(|line| line.ticks.last());
        newest.map(|tick| tick.at_us).max().and_then(|us| Timestamp::from_us(us).ok())
    }
}

/// The place of the event, the report and the SKU.
type LineKey = (u32, Arc<str>, Option<Arc<str>>);

/// The lines of the events by event, each in the order of (start, report, SKU).
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// The place of each event that is wanted.
    events: HashMap<String, u32>,
    lines: BTreeMap<LineKey, PageLine>,
    evidence: BTreeMap<u32, (i64, Option<Arc<str>>)>,
}

impl Lines {
    /// No lines yet of these events, which are known by their places.
    pub(super) fn of(events: impl Iterator<Item = String>) -> Self {
        Self { events: events.zip(0..).collect(), ..Self::default() }
    }

    /// Takes in rows of MRCH.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(&mut self, rows: &RecordBatch) -> Result<(), String> {
        self.add(&MrchColumns::of(rows)?)
    }

    fn add(&mut self, rows: &MrchColumns<'_>) -> Result<(), String> {
        let mut texts: HashMap<String, Arc<str>> = HashMap::new();
        let mut text = |text: Option<&str>| -> Option<Arc<str>> {
            let text = text?;
            if let Some(known) = texts.get(text) {
                return Some(known.clone());
            }
            let known: Arc<str> = text.into();
            texts.insert(text.to_owned(), known.clone());
            Some(known)
        };
        for at in 0..rows.len() {
            let Some(&event) = self.events.get(rows.event.value(at)) else { continue };
            let is_closing = rows.report_status.value(at) == ReportStatus::Closed.as_str();
            let report = text(Some(rows.report.value(at))).unwrap_or_default();
            let key = (event, report, text(value(rows.sku, at)));
            let line = self.lines.entry(key).or_insert_with_key(|(_, _, sku)| PageLine {
                sku: sku.clone(),
                start_us: rows.window_start.value(at),
                ..PageLine::default()
            });
            let written_us = rows.written_at.value(at);
            let newest = self.evidence.entry(event).or_insert((i64::MIN, None));
            if newest.0 <= written_us {
                *newest = (written_us, text(value(rows.evidence, at)));
            }
            if is_closing {
                continue;
            }
            line.cluster = text(value(rows.cluster, at)).or_else(|| line.cluster.take());
            line.ticks.push(LineTick {
                version: rows.version.value(at),
                at_us: written_us,
                severity: rows.severity.is_valid(at).then(|| rows.severity.value(at)),
                sales: money(rows.sales, at)?,
                baseline: money(rows.baseline, at)?,
            });
        }
        Ok(())
    }

    /// What was read of each event, in the order of the events.
    pub(super) fn finish(self) -> Vec<EventLines> {
        let mut of_event = vec![EventLines::default(); self.events.len()];
        for (event, (_, evidence)) in self.evidence {
            of_event[event as usize].evidence = evidence;
        }
        for ((event, _, _), mut line) in self.lines {
            // Runs may overlap, and then say the same twice.
            line.ticks.sort_by_key(|tick| tick.version);
            line.ticks.dedup_by_key(|tick| tick.version);
            of_event[event as usize].lines.push(line);
        }
        for of_event in &mut of_event {
            of_event.lines.sort_by_key(|line| line.start_us);
        }
        of_event
    }
}

/// The columns of MRCH that the page needs.
pub(super) const COLUMNS: [&str; 12] = [
    "report_id",
    "report_group_id",
    "report_status",
    "version",
    "sku",
    "window_start",
    "severity_score",
    "attributed_sales_total",
    "baseline_sales_total",
    "cluster_name",
    "supporting_evidence",
    "written_at",
];

struct MrchColumns<'a> {
    report: &'a StringArray,
    event: &'a StringArray,
    report_status: &'a StringArray,
    version: &'a PrimitiveArray<Int32Type>,
    sku: &'a StringArray,
    window_start: &'a PrimitiveArray<TimestampMicrosecondType>,
    written_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    severity: &'a PrimitiveArray<Float64Type>,
    sales: &'a PrimitiveArray<Decimal128Type>,
    baseline: &'a PrimitiveArray<Decimal128Type>,
    cluster: &'a StringArray,
    evidence: &'a StringArray,
}

impl<'a> MrchColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, String> {
        Ok(Self {
            report: texts(batch, "report_id")?,
            event: texts(batch, "report_group_id")?,
            report_status: texts(batch, "report_status")?,
            version: values(batch, "version")?,
            sku: texts(batch, "sku")?,
            window_start: values(batch, "window_start")?,
            written_at: values(batch, "written_at")?,
            severity: values(batch, "severity_score")?,
            sales: values(batch, "attributed_sales_total")?,
            baseline: values(batch, "baseline_sales_total")?,
            cluster: texts(batch, "cluster_name")?,
            evidence: texts(batch, "supporting_evidence")?,
        })
    }

    fn len(&self) -> usize {
        self.event.len()
    }
}
