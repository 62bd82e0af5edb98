//! SPEC 7: the attribution of a line, and the dominant cause of an event.

use std::cmp::Ordering;

use super::events::{Event, Line};
use super::metrics::Store;
use super::rows::{Candidate, by_double};

/// What a line is attributed to.
#[derive(Clone, Debug)]
struct Attribution {
    cause: String,
    category: Option<String>,
    confidence: Option<f64>,
    evidence: Option<String>,
}

/// The causes of an event at an instant, all null if no line has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    pub proposed_cause: Option<String>,
    pub category: Option<String>,
    pub confidence_score: Option<f64>,
    pub evidence: Option<String>,
    pub cohort_confidence: Option<f64>,
    /// Two or more lines have a cause, and all that have one have the same.
    pub shared: bool,
}

/// The causes of the event over its lines with a tick up to `at`.
pub(super) fn causes(store: &Store, event: &Event, at: i64) -> Causes {
    let lines: Vec<&Line> = event.lines.iter().filter(|line| line.first_tick() <= at).collect();
    let attributed: Vec<Attribution> =
        lines.iter().filter_map(|line| attribution(store, line, at)).collect();
    let confidence = |one: &Attribution| one.confidence.unwrap_or(0.0);
    // The sum of one confidence is that confidence: nothing is added to it, or -0.0 would become
    // 0.0.
    let sum = |cause: &str| {
        let of_cause = attributed.iter().filter(|one| one.cause == cause).map(confidence);
        of_cause.reduce(|sum, one| sum + one).expect("a cause is the cause of a line")
    };
    let count = |cause: &str| attributed.iter().filter(|one| one.cause == cause).count();
    let dominant = attributed.iter().map(|one| one.cause.as_str()).max_by(|a, b| {
        sum(a)
            .partial_cmp(&sum(b))
            .expect("confidences are finite")
            .then(count(a).cmp(&count(b)))
            .then_with(|| b.cmp(a))
    });
    let Some(dominant) = dominant else {
        return Causes::default();
    };
    let mut best: Option<&Attribution> = None;
    for one in attributed.iter().filter(|one| one.cause == dominant) {
        // Equal numbers tie: -0.0 does not lose to the 0.0 of a null.
        if best.is_none_or(|best| confidence(one) > confidence(best)) {
            best = Some(one);
        }
    }
    let best = best.expect("the dominant cause is the cause of a line").clone();
    Causes {
        proposed_cause: Some(best.cause),
        category: best.category,
        confidence_score: best.confidence,
        evidence: best.evidence,
        cohort_confidence: Some(sum(dominant) / lines.len() as f64),
        shared: attributed.len() >= 2 && attributed.iter().all(|one| one.cause == dominant),
    }
}

fn attribution(store: &Store, line: &Line, at: i64) -> Option<Attribution> {
    let so_far = line.so_far(at);
    for row in so_far.iter().rev() {
        if let Some(cause) = &row.proposed_cause {
            return Some(Attribution {
                cause: cause.clone(),
                category: row.proposed_cause_category.clone(),
                confidence: row.confidence_score,
                evidence: row.supporting_evidence.clone(),
            });
        }
    }
    let until = so_far[so_far.len() - 1].tick();
    let campaigns = store.campaigns.iter().map(|candidate| (Source::Campaign, candidate));
    let context = store.context.iter().map(|candidate| (Source::Context, candidate));
    let matches = campaigns
        .chain(context)
        .filter_map(|(source, candidate)| candidate_match(store, line, until, source, candidate));
    matches.min_by(Match::order).map(|best| Attribution {
        cause: best.candidate.name.clone(),
        category: Some(best.category),
        confidence: Some(best.score),
        evidence: Some(best.evidence),
    })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Campaign,
    Context,
}

struct Match<'a> {
    score: f64,
    source: Source,
    candidate: &'a Candidate,
    category: String,
    evidence: String,
}

impl Match<'_> {
    fn span(&self) -> (i64, i64) {
        (self.candidate.starts_at, self.candidate.ends_at)
    }

    /// The best first: the greatest score, then campaigns before context, then the least id. Rows
    /// that share an id are ordered by name, category and span.
    fn order(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then_with(|| self.source.cmp(&other.source))
            .then_with(|| self.candidate.id.cmp(&other.candidate.id))
            .then_with(|| self.candidate.name.cmp(&other.candidate.name))
            .then_with(|| self.category.cmp(&other.category))
            .then_with(|| self.span().cmp(&other.span()))
    }
}

fn candidate_match<'a>(
    store: &Store,
    line: &Line,
    until: i64,
    source: Source,
    candidate: &'a Candidate,
) -> Option<Match<'a>> {
    if candidate.store_id.as_deref().is_some_and(|store_id| store_id != store.store_id) {
        return None;
    }
    if candidate.sku.is_some() && candidate.sku.as_deref() != line.sku {
        return None;
    }
    let from = line.window_start.max(candidate.starts_at);
    let to = until.min(candidate.ends_at);
    if candidate.ends_at < candidate.starts_at || to < from {
        return None;
    }
    let length = until - line.window_start;
    let (shared, length) = if length == 0 { (1, 1) } else { (to - from, length) };
    let specificity = match (&candidate.store_id, &candidate.sku) {
        (Some(_), Some(_)) => 1.0,
        (None, None) => 0.5,
        _ => 0.8,
    };
    let overlap = shared as f64 / length as f64;
    let score = candidate.confidence.unwrap_or(1.0) * specificity * overlap;
    if by_double(Some(score), Some(0.0)).is_le() {
        return None;
    }
    let (log, category) = match source {
        Source::Campaign => ("all_campaign_data", "Marketing"),
        Source::Context => ("contextual_data", "Context"),
    };
    Some(Match {
        score,
        source,
        candidate,
        category: candidate.category.clone().unwrap_or_else(|| category.to_owned()),
        evidence: format!(
            "{{\"source\":\"{log}\",\"id\":{},\"overlap\":{}}}",
            serde_json::to_string(&candidate.id).expect("a string is JSON"),
            four_decimals(shared, length)
        ),
    })
}

/// `shared / length`, from 0 to 1, with four decimals, half to even.
fn four_decimals(shared: i64, length: i64) -> String {
    let (scaled, length) = (i128::from(shared) * 10_000, i128::from(length));
    let (whole, rest) = (scaled / length, scaled % length);
    let up = match (rest * 2).cmp(&length) {
        Ordering::Less => 0,
        Ordering::Equal => whole % 2,
        Ordering::Greater => 1,
    };
    let rounded = whole + up;
    format!("{}.{:04}", rounded / 10_000, rounded % 10_000)
}
