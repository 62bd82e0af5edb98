//! SPEC 2: which rows take part, and what becomes of values that do not count as values.
//!
//! Text that is not UTF-8 cannot occur here, since these rows hold strings.

use super::rows::{Candidate, Input, Report, Sale};
use super::{AMOUNT_END, Amount};

/// 0001-01-01T00:00:00.000000Z.
pub(crate) const FIRST_INSTANT: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z.
pub(crate) const LAST_INSTANT: i64 = 253_402_300_799_999_999;

/// Whether an instant lies in the years 0001 to 9999.
pub(crate) fn in_range(at: i64) -> bool {
    (FIRST_INSTANT..=LAST_INSTANT).contains(&at)
}

/// Whether an amount does not fit `decimal(18,4)`.
pub(super) fn does_not_fit(amount: Option<Amount>) -> bool {
    amount.is_some_and(|amount| amount <= -AMOUNT_END || AMOUNT_END <= amount)
}

impl Report {
    /// SPEC 2, bad rows: of several reasons, the one that the page names first.
    pub(crate) fn reject_reason(&self, max_lookback: i64) -> Option<&'static str> {
        let texts = [
            &self.store_id,
            &self.sku,
            &self.anomaly_id,
            &self.cluster_id,
            &self.cluster_name,
            &self.proposed_cause,
            &self.proposed_cause_category,
            &self.supporting_evidence,
        ];
        if let Some(reason) = reject_reason(&texts, self.detected_at, "missing_detected_at") {
            return Some(reason);
        }
        let late = self.first_detected_from > self.detected_at && !self.ignores_onset(max_lookback);
        late.then_some("onset_after_detection")
    }

    /// SPEC 2, onsets: whether the row has an onset but is kept as if it had none.
    pub(crate) fn ignores_onset(&self, max_lookback: i64) -> bool {
        match (self.first_detected_from, self.detected_at) {
            (Some(onset), Some(tick)) => !in_range(onset) || onset < tick - max_lookback,
            _ => false,
        }
    }

    fn as_read(&self, max_lookback: i64) -> Self {
        let mut row = self.clone();
        for double in [
            &mut row.severity,
            &mut row.similarity_score,
            &mut row.cluster_match_confidence,
            &mut row.tsne_x,
            &mut row.tsne_y,
            &mut row.confidence_score,
        ] {
            without_nan(double);
        }
        row.feature_vector.iter_mut().flatten().for_each(without_nan);
        row.first_detected_from =
            row.first_detected_from.filter(|_| !self.ignores_onset(max_lookback));
        row.sales_total = row.sales_total.filter(|_| !does_not_fit(self.sales_total));
        row.ingested_at = row.ingested_at.map(moved_inside);
        row
    }
}

/// SPEC 2, bad rows: what all three logs have in common. The first text is the store.
pub(super) fn reject_reason(
    texts: &[&Option<String>],
    tick: Option<i64>,
    missing_tick: &'static str,
) -> Option<&'static str> {
    if texts[0].as_deref().unwrap_or("").is_empty() {
        return Some("missing_store_id");
    }
    match tick {
        None => Some(missing_tick),
        Some(tick) if !in_range(tick) => Some("instant_out_of_range"),
        Some(_) => texts.iter().any(|text| is_too_long(text)).then_some("value_too_long"),
    }
}

fn is_too_long(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| text.len() > 1_048_576)
}

impl Input {
    /// The rows as SPEC 2 reads them. Rejects are judged by the rows as they were given.
    pub(crate) fn as_read(&self, max_lookback: i64) -> Self {
        let mut input = self.clone();
        for report in &mut input.reports {
            *report = report.as_read(max_lookback);
        }
        for score in &mut input.scores {
            without_nan(&mut score.anomaly_score);
            score.ingested_at = score.ingested_at.map(moved_inside);
        }
        for sale in &mut input.sales {
            let fits = |amount: &Amount| !does_not_fit(Some(*amount));
            let Sale { baseline_sales, actual_sales, ingested_at, .. } = sale;
            (*baseline_sales, *actual_sales) =
                (baseline_sales.filter(fits), actual_sales.filter(fits));
            *ingested_at = ingested_at.map(moved_inside);
        }
        for candidates in [&mut input.campaigns, &mut input.context] {
            candidates.retain(|candidate| {
                let Candidate { id, name, store_id, sku, category, .. } = candidate.clone();
                ![&Some(id), &Some(name), &store_id, &sku, &category].into_iter().any(is_too_long)
            });
        }
        for candidate in input.campaigns.iter_mut().chain(&mut input.context) {
            let Candidate { starts_at, ends_at, confidence, .. } = candidate;
            (*starts_at, *ends_at) = (moved_inside(*starts_at), moved_inside(*ends_at));
            without_nan(confidence);
        }
        input
    }
}

/// SPEC 2, doubles: NaN is null.
fn without_nan(double: &mut Option<f64>) {
    *double = double.filter(|double| !double.is_nan());
}

/// SPEC 2, instants: the nearest one inside.
fn moved_inside(at: i64) -> i64 {
    at.clamp(FIRST_INSTANT, LAST_INSTANT)
}
