//! SPEC 5 and 6: the rows of MRCH and MELOG, each figure summed anew over everything so far.

use std::collections::BTreeSet;

use super::causes::{Causes, causes};
use super::events::{Event, Line};
use super::identity::{cohort_id, id, minute_text};
use super::reading::does_not_fit;
use super::rows::{Candidate, Input, MelogRow, MrchRow, Report, Sale, Score, by_double};
use super::{Amount, Params, Refusal};

/// One store with the inputs that may concern it.
pub(crate) struct Store<'a> {
    pub store_id: &'a str,
    scores: Vec<&'a Score>,
    sales: Vec<&'a Sale>,
    pub campaigns: &'a [Candidate],
    pub context: &'a [Candidate],
    params: &'a Params,
}

impl<'a> Store<'a> {
    pub(crate) fn new(store_id: &'a str, input: &'a Input, params: &'a Params) -> Self {
        Self {
            store_id,
            scores: input
                .scores
                .iter()
                .filter(|score| score.store_id.as_deref() == Some(store_id))
                .collect(),
            sales: input
                .sales
                .iter()
                .filter(|sale| sale.store_id.as_deref() == Some(store_id))
                .collect(),
            campaigns: &input.campaigns,
            context: &input.context,
            params,
        }
    }

    /// The one classifier row at (store, sku, instant): SPEC 2, duplicates.
    fn score(&self, sku: Option<&str>, at: i64) -> Option<f64> {
        self.scores
            .iter()
            .filter(|score| score.sku.as_deref() == sku && score.tick_at == Some(at))
            .max_by(|a, b| {
                a.ingested_at
                    .cmp(&b.ingested_at)
                    .then_with(|| by_double(a.anomaly_score, b.anomaly_score))
            })
            .and_then(|score| score.anomaly_score)
    }

    /// The one baseline row at (store, sku, instant): SPEC 2, duplicates.
    fn sale(&self, sku: Option<&str>, at: i64) -> Option<&Sale> {
        self.sales
            .iter()
            .copied()
            .filter(|sale| sale.sku.as_deref() == sku && sale.tick_at == Some(at))
            .max_by_key(|sale| (sale.ingested_at, sale.baseline_sales, sale.actual_sales))
    }

    /// Every instant at which the baseline log has a row of the SKU.
    fn sale_instants(&self, sku: Option<&str>) -> BTreeSet<i64> {
        let of_sku = self.sales.iter().filter(|sale| sale.sku.as_deref() == sku);
        of_sku.filter_map(|sale| sale.tick_at).collect()
    }

    /// Whether the classifier's log has a row there, with or without a score.
    pub(crate) fn has_score(&self, sku: Option<&str>, at: i64) -> bool {
        self.scores.iter().any(|score| score.sku.as_deref() == sku && score.tick_at == Some(at))
    }

    /// Whether the baseline log has a row there, with or without amounts.
    pub(crate) fn has_sale(&self, sku: Option<&str>, at: i64) -> bool {
        self.sale(sku, at).is_some()
    }
}

/// Attributed sales, baseline sales and impact.
struct Totals {
    attributed: Option<Amount>,
    baseline: Option<Amount>,
    impact: Option<Amount>,
}

impl Totals {
    fn of(attributed: Option<Amount>, baseline: Option<Amount>) -> Self {
        let impact = attributed.zip(baseline).map(|(attributed, baseline)| attributed - baseline);
        Self { attributed, baseline, impact }
    }

    /// SPEC 2: a sum that does not fit is an error that names store and event.
    fn fit(self, store: &Store, event: &Event) -> Result<Self, Refusal> {
        if [self.attributed, self.baseline, self.impact].into_iter().any(does_not_fit) {
            let store_id = store.store_id.to_owned();
            return Err(Refusal::Overflow { store_id, opened_at: event.opened_at() });
        }
        Ok(self)
    }
}

/// The totals at an instant of some of an event's lines, of any SKUs. They run over the union of
/// the windows `[window_start, min(at, tn)]` and count each (sku, instant) once. For one line, the
/// union is its window.
fn totals(store: &Store, lines: &[&Line], at: i64) -> Totals {
    let (mut attributed, mut baseline) = (None, None);
    let skus: BTreeSet<Option<&str>> = lines.iter().map(|line| line.sku).collect();
    for sku in skus {
        // Lines come in the order of their onsets.
        let of_sku: Vec<&&Line> = lines.iter().filter(|line| line.sku == sku).collect();
        let mut instants = store.sale_instants(sku);
        instants.extend(of_sku.iter().flat_map(|line| line.rows.iter().map(|row| row.tick())));
        for instant in instants {
            let within =
                |line: &Line| line.window_start <= instant && instant <= at.min(line.last_tick());
            if !of_sku.iter().any(|line| within(line)) {
                continue;
            }
            let sale = store.sale(sku, instant);
            let own = of_sku
                .iter()
                .flat_map(|line| line.rows.iter())
                .filter(|row| row.tick() == instant)
                .find_map(|row| row.sales_total);
            add(&mut attributed, sale.and_then(|sale| sale.actual_sales).or(own));
            add(&mut baseline, sale.and_then(|sale| sale.baseline_sales));
        }
    }
    Totals::of(attributed, baseline)
}

/// Attributed and baseline sales over the union of the lines' windows.
pub(super) fn union_totals(store: &Store, lines: &[&Line], at: i64) -> [Option<Amount>; 2] {
    let totals = totals(store, lines, at);
    [totals.attributed, totals.baseline]
}

fn add(sum: &mut Option<Amount>, amount: Option<Amount>) {
    if let Some(amount) = amount {
        *sum = Some(sum.unwrap_or(0) + amount);
    }
}

fn severity(store: &Store, line: &Line, at: i64) -> Option<f64> {
    line.so_far(at)
        .iter()
        .filter_map(|row| store.score(line.sku, row.tick()).or(row.severity))
        .max_by(f64::total_cmp)
}

/// The last non-null value of a column so far.
fn last<T: Clone>(line: &Line, at: i64, column: impl Fn(&Report) -> &Option<T>) -> Option<T> {
    line.so_far(at).iter().rev().find_map(|row| column(row).clone())
}

fn cohort_name(
    store: &Store,
    event: &Event,
    cause: Option<&String>,
    cluster_name: Option<&String>,
) -> String {
    let name = format!("Store {}, {} UTC", store.store_id, minute_text(event.opened_at()));
    match cause.or(cluster_name) {
        Some(more) => format!("{name}, {more}"),
        None => name,
    }
}

/// Distinct onsets among the lines that have a tick so far.
fn cohort_size(event: &Event, at: i64) -> i32 {
    let so_far = event.lines.iter().filter(|line| line.first_tick() <= at);
    so_far.map(|line| line.onset).collect::<BTreeSet<_>>().len() as i32
}

fn cohort_reason(event: &Event, causes: &Causes, at: i64) -> String {
    let reason = if cohort_size(event, at) == 1 {
        "single report"
    } else if causes.shared {
        "temporal adjacency, shared cause"
    } else {
        "temporal adjacency"
    };
    reason.to_owned()
}

/// All MRCH rows of the event that the run writes, with the onsets of their lines.
pub(super) fn mrch(store: &Store, event: &Event) -> Result<Vec<(i64, MrchRow)>, Refusal> {
    let mut rows = Vec::new();
    for line in &event.lines {
        for (index, row) in line.rows.iter().enumerate() {
            let status = if index == 0 { "new" } else { "ongoing" };
            if store.params.contains(row.tick()) {
                let row = mrch_row(store, event, line, (row.tick(), status, index + 1))?;
                rows.push((line.onset, row));
            }
        }
        let closed_at = event.closed_at(store.params.gap);
        if store.params.contains(closed_at) {
            let row = mrch_row(store, event, line, (closed_at, "closed", line.rows.len() + 1))?;
            rows.push((line.onset, row));
        }
    }
    Ok(rows)
}

fn mrch_row(
    store: &Store,
    event: &Event,
    line: &Line,
    (at, report_status, version): (i64, &str, usize),
) -> Result<MrchRow, Refusal> {
    let closed = report_status == "closed";
    let totals = totals(store, &[line], at).fit(store, event)?;
    let causes = causes(store, event, at);
    let cluster_name = last(line, at, |row| &row.cluster_name);
    Ok(MrchRow {
        report_id: id(store.store_id, line.onset),
        report_group_id: id(store.store_id, event.opened_at()),
        event_status: if closed { "ended" } else { "active" }.to_owned(),
        report_status: report_status.to_owned(),
        version: version as i32,
        store_id: store.store_id.to_owned(),
        sku: line.sku.map(str::to_owned),
        window_start: line.window_start,
        window_end: closed.then(|| line.last_tick()),
        severity_score: severity(store, line, at),
        impact_estimate: totals.impact,
        run_id: store.params.run_id.clone(),
        attributed_sales_total: totals.attributed,
        baseline_sales_total: totals.baseline,
        feature_vector: last(line, at, |row| &row.feature_vector),
        cluster_id: last(line, at, |row| &row.cluster_id),
        similarity_score: last(line, at, |row| &row.similarity_score),
        cluster_match_confidence: last(line, at, |row| &row.cluster_match_confidence),
        tsne_x: last(line, at, |row| &row.tsne_x),
        tsne_y: last(line, at, |row| &row.tsne_y),
        cohort_id: cohort_id(store.store_id, event.opened_at()),
        cohort_name: cohort_name(
            store,
            event,
            causes.proposed_cause.as_ref(),
            cluster_name.as_ref(),
        ),
        cohort_reason: cohort_reason(event, &causes, at),
        cohort_size: cohort_size(event, at),
        cluster_name,
        proposed_cause: causes.proposed_cause,
        proposed_cause_category: causes.category,
        confidence_score: causes.confidence_score,
        supporting_evidence: causes.evidence,
        cohort_confidence: causes.cohort_confidence,
        written_at: at,
    })
}

/// The MELOG rows of the event that the run writes.
pub(super) fn melog(store: &Store, event: &Event) -> Result<Vec<MelogRow>, Refusal> {
    let mut rows = Vec::new();
    if store.params.contains(event.opened_at()) {
        rows.push(melog_row(store, event, event.opened_at(), false)?);
    }
    let closed_at = event.closed_at(store.params.gap);
    if store.params.contains(closed_at) {
        rows.push(melog_row(store, event, closed_at, true)?);
    }
    Ok(rows)
}

pub(super) fn melog_row(
    store: &Store,
    event: &Event,
    at: i64,
    closed: bool,
) -> Result<MelogRow, Refusal> {
    let lines: Vec<&Line> = event.lines.iter().filter(|line| line.first_tick() <= at).collect();
    let totals = totals(store, &lines, at).fit(store, event)?;
    let causes = causes(store, event, at);
    let cluster_name = lines.iter().find_map(|line| last(line, at, |row| &row.cluster_name));
    let onsets: BTreeSet<i64> = lines.iter().map(|line| line.onset).collect();
    let skus: BTreeSet<Option<&str>> = lines.iter().map(|line| line.sku).collect();
    Ok(MelogRow {
        event_id: id(store.store_id, event.opened_at()),
        store_id: store.store_id.to_owned(),
        window_start: lines
            .iter()
            .map(|line| line.window_start)
            .min()
            .expect("an event has a line from its first tick on"),
        window_end: closed.then(|| event.last_tick()),
        event_status: if closed { "ended" } else { "active" }.to_owned(),
        created_at: event.opened_at(),
        finalized_at: closed.then_some(at),
        version: if closed { 2 } else { 1 },
        report_count: onsets.len() as i32,
        sku_count: skus.len() as i32,
        severity_score: lines
            .iter()
            .filter_map(|line| severity(store, line, at))
            .max_by(f64::total_cmp),
        impact_estimate: totals.impact,
        attributed_sales_total: totals.attributed,
        baseline_sales_total: totals.baseline,
        cohort_id: cohort_id(store.store_id, event.opened_at()),
        cohort_name: cohort_name(
            store,
            event,
            causes.proposed_cause.as_ref(),
            cluster_name.as_ref(),
        ),
        cohort_reason: cohort_reason(event, &causes, at),
        continues_event_id: event.continues.map(|opened_at| id(store.store_id, opened_at)),
        end_reason: closed.then(|| event.end_reason(store.params.gap).to_owned()),
        proposed_cause: causes.proposed_cause,
        proposed_cause_category: causes.category,
        confidence_score: causes.confidence_score,
        cohort_confidence: causes.cohort_confidence,
        run_id: store.params.run_id.clone(),
        written_at: at,
    })
}
