//! Which cause won, of a line and of the event, and by how much the others lost (SPEC 7).

use std::collections::BTreeMap;

use cohort_core::Line;

use super::report::{CandidateExplained, CauseExplained, LineCause, LineExplained};
use crate::run::OneEvent;

/// The campaigns and the context that claim a line after its last tick, the best first.
pub(super) fn candidates(one: &OneEvent, line: &Line) -> Vec<CandidateExplained> {
    let sku = line.sku.as_deref();
    let claims = one.candidates.claims(&one.store_id, sku, line.window_start, line.last_tick());
    let best = claims.first().map_or(0.0, |(_, score)| *score);
    let explained = claims.into_iter().map(|(candidate, score)| CandidateExplained {
        source: candidate.source.dataset(),
        id: candidate.id.to_string(),
        cause: candidate.label.to_string(),
        score,
        behind: best - score,
    });
    explained.collect()
}

/// The cause of a line after its last tick: that of its last row that names one, else the best
/// candidate's.
pub(super) fn line_cause(line: &Line, candidates: &[CandidateExplained]) -> Option<LineCause> {
    let carried = line.rows.iter().rev().filter_map(|row| row.carried.as_deref());
    let reported = carried.filter_map(|carried| {
        let cause = carried.proposed_cause.as_deref()?.to_owned();
        Some(LineCause { cause, source: "reported", confidence: carried.confidence_score })
    });
    let matched = candidates.first().map(|best| LineCause {
        cause: best.cause.clone(),
        source: best.source,
        confidence: Some(best.score),
    });
    reported.into_iter().next().or(matched)
}

/// The causes of an event, the dominant one first: the greatest sum of confidence, then the most
/// lines, then the least text.
pub(super) fn causes(lines: &[LineExplained]) -> Vec<CauseExplained> {
    let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for cause in lines.iter().filter_map(|line| line.cause.as_ref()) {
        let (sum, lines) = sums.entry(&cause.cause).or_default();
        // A null confidence counts as 0.
        *sum += cause.confidence.unwrap_or(0.0);
        *lines += 1;
    }
    let mut ranked: Vec<_> = sums.into_iter().collect();
    // The sort is stable, so the least text stays first among equals.
    ranked.sort_by(|(_, (a, a_lines)), (_, (b, b_lines))| {
        b.total_cmp(a).then_with(|| b_lines.cmp(a_lines))
    });
    let best = ranked.first().map_or(0.0, |(_, (sum, _))| *sum);
    let explained = ranked.into_iter().map(|(cause, (sum, lines))| CauseExplained {
        cause: cause.to_owned(),
        confidence_sum: sum,
        lines,
        behind: best - sum,
    });
    explained.collect()
}
