//! The likely cause of a line, and the dominant cause of an event (SPEC 7).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::money::divide_half_to_even;
use super::{SharedTexts, Timestamp};

/// Which table a candidate comes from; a campaign wins over context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateSource {
    /// `all_campaign_data`.
    Campaign,
    /// `contextual_data`.
    Context,
}

impl CandidateSource {
    /// The name of the dataset.
    pub const fn dataset(self) -> &'static str {
        match self {
            Self::Campaign => "all_campaign_data",
            Self::Context => "contextual_data",
        }
    }
}

/// Something that was going on and may explain a line: a campaign, or context such as weather.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its table.
    pub source: CandidateSource,
    /// Its id there.
    pub id: Arc<str>,
    /// What becomes the cause.
    pub label: Arc<str>,
    /// What becomes the cause's category.
    pub category: Arc<str>,
    /// The store it is for; `None` for every store.
    pub store_id: Option<Arc<str>>,
    /// The SKU it is for; `None` for every SKU.
    pub sku: Option<Arc<str>>,
    /// Its first instant.
    pub starts_at: Timestamp,
    /// Its last instant, included.
    pub ends_at: Timestamp,
    /// How sure its source is of it.
    pub confidence: f64,
}

/// All candidates, found by store and SKU. Equal ones are held once, and so are equal texts.
///
/// Each set is in tie order: of candidates with equal scores, the first wins. Campaigns come
/// before context; then the id decides, then the other columns, the least first.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampSecondArray};
/// use cohort_core::batch::CAMPAIGN_LOG;
/// use cohort_core::rejects::Rejects;
/// use cohort_core::{Candidates, Timestamp};
///
/// let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
/// let second = |at: i64| Arc::new(TimestampSecondArray::from(vec![at])) as ArrayRef;
/// let batch = RecordBatch::try_from_iter([
///     ("campaign_id", text("c7")),
///     ("name", text("New year sale")),
///     ("starts_at", second(0)),
///     ("ends_at", second(50)),
///     ("store_id", text("327")),
/// ])?;
/// let column = |name: &str| batch.column_by_name(name);
/// let mut candidates = Candidates::default();
/// let mut rejects = Rejects::default();
/// CAMPAIGN_LOG.read(&column, batch.num_rows(), 0, &mut candidates, &mut rejects);
/// assert!(rejects.is_empty());
///
/// let (onset, m) = (Timestamp::from_us(0)?, Timestamp::from_us(100_000_000)?);
/// let claims = candidates.claims("327", Some("milk"), onset, m);
/// // Confidence 1, specificity 0.8 for a store without a SKU, overlap 0.5.
/// assert_eq!((&*claims[0].0.label, claims[0].1), ("New year sale", 0.4));
/// assert!(candidates.claims("328", Some("milk"), onset, m).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    by_scope: BTreeMap<StoreAndSku, BTreeSet<InTieOrder>>,
    texts: SharedTexts,
}

/// The store and the SKU that a candidate is for.
type StoreAndSku = (Option<Arc<str>>, Option<Arc<str>>);

/// A candidate among those for the same store and SKU.
#[derive(Clone, Debug)]
struct InTieOrder(Candidate);

impl Ord for InTieOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.tie_order(&other.0)
    }
}

impl PartialOrd for InTieOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for InTieOrder {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for InTieOrder {}

/// A candidate's claim on a line over `[onset, last tick]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match<'a> {
    /// Who claims.
    pub candidate: &'a Candidate,
    /// `confidence * specificity * overlap`: above zero.
    pub score: f64,
    /// The shared length in microseconds.
    shared_us: i64,
    /// The window's length in microseconds; zero counts as an overlap of 1.
    window_us: i64,
}

impl Candidates {
    /// These candidates; their order does not matter.
    pub fn new(all: impl IntoIterator<Item = Candidate>) -> Self {
        let mut candidates = Self::default();
        all.into_iter().for_each(|candidate| candidates.add(candidate));
        candidates
    }

    /// Adds a candidate, unless an equal one is there.
    pub fn add(&mut self, mut candidate: Candidate) {
        let Candidate { id, label, category, store_id, sku, .. } = &mut candidate;
        let maybe = [store_id, sku].into_iter().flatten();
        for text in [id, label, category].into_iter().chain(maybe) {
            *text = self.texts.share(text);
        }
        let scope = (candidate.store_id.clone(), candidate.sku.clone());
        self.by_scope.entry(scope).or_default().insert(InTieOrder(candidate));
    }

    /// Adds all candidates of another set.
    pub fn append(&mut self, other: Self) {
        let others = other.by_scope.into_values().flatten();
        others.for_each(|InTieOrder(candidate)| self.add(candidate));
    }

    /// The candidates whose store and SKU allow this line and that touch `[onset, last_tick]`, in
    /// tie order.
    pub(crate) fn for_line(
        &self,
        store_id: &str,
        sku: Option<&str>,
        onset: Timestamp,
        last_tick: Timestamp,
    ) -> Vec<&Candidate> {
        if self.by_scope.is_empty() {
            return Vec::new();
        }
        let stores = [Some(store_id), None];
        let skus: &[Option<&str>] = if sku.is_some() { &[sku, None] } else { &[None] };
        let scopes = stores.iter().flat_map(|store| {
            skus.iter().map(move |sku| (store.map(Arc::from), sku.map(Arc::from)))
        });
        let mut found: Vec<_> = scopes
            .filter_map(|scope| self.by_scope.get(&scope))
            .flatten()
            .map(|InTieOrder(candidate)| candidate)
            .filter(|c| c.starts_at <= last_tick && c.ends_at >= onset)
            .collect();
        found.sort_by(|a, b| a.tie_order(b));
        found
    }

    /// Every candidate that claims a line over `[onset, m]`, with its score, the winner first.
    pub fn claims(
        &self,
        store_id: &str,
        sku: Option<&str>,
        onset: Timestamp,
        m: Timestamp,
    ) -> Vec<(&Candidate, f64)> {
        let found = self.for_line(store_id, sku, onset, m);
        let claims = found.into_iter().filter_map(|candidate| candidate.claim(onset, m));
        let mut claims: Vec<_> = claims.map(|claim| (claim.candidate, claim.score)).collect();
        // The sort is stable: of equal scores, the first in tie order stays first.
        claims.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        claims
    }
}

impl Candidate {
    fn tie_order(&self, other: &Self) -> Ordering {
        fn key(c: &Candidate) -> (CandidateSource, [&str; 3], [Timestamp; 2]) {
            (c.source, [&c.id, &c.label, &c.category], [c.starts_at, c.ends_at])
        }
        key(self).cmp(&key(other)).then_with(|| self.confidence.total_cmp(&other.confidence))
    }

    /// 1.0 if both store and SKU are given, 0.8 if one is, 0.5 if neither is.
    fn specificity(&self) -> f64 {
        match (&self.store_id, &self.sku) {
            (Some(_), Some(_)) => 1.0,
            (Some(_), None) | (None, Some(_)) => 0.8,
            (None, None) => 0.5,
        }
    }

    /// Its claim on a line over `[onset, m]`; `None` if they do not touch or it scores nothing.
    fn claim(&self, onset: Timestamp, m: Timestamp) -> Option<Match<'_>> {
        let shared_us = self.ends_at.min(m).as_us() - self.starts_at.max(onset).as_us();
        if shared_us < 0 {
            return None;
        }
        let window_us = m.as_us() - onset.as_us();
        let overlap = if window_us == 0 { 1.0 } else { shared_us as f64 / window_us as f64 };
        let score = self.confidence * self.specificity() * overlap;
        (score > 0.0).then_some(Match { candidate: self, score, shared_us, window_us })
    }
}

/// The best claim on a line over `[onset, m]`. The candidates come in tie order.
pub(crate) fn best_match<'a>(
    candidates: &[&'a Candidate],
    onset: Timestamp,
    m: Timestamp,
) -> Option<Match<'a>> {
    let mut best: Option<Match<'a>> = None;
    for claim in candidates.iter().filter_map(|candidate| candidate.claim(onset, m)) {
        if best.is_none_or(|best| claim.score > best.score) {
            best = Some(claim);
        }
    }
    best
}

impl Match<'_> {
    /// `{"source":"all_campaign_data","id":"...","overlap":0.8333}`: four decimals of the exact
    /// ratio, half to even.
    pub(crate) fn evidence(&self) -> String {
        let (shared, window) = if self.window_us == 0 {
            (1, 1)
        } else {
            (self.shared_us.into(), self.window_us.into())
        };
        let overlap = divide_half_to_even(shared * 10_000, window);
        let id = serde_json::Value::from(&*self.candidate.id);
        let source = self.candidate.source.dataset();
        format!(
            r#"{{"source":"{source}","id":{id},"overlap":{}.{:04}}}"#,
            overlap / 10_000,
            overlap % 10_000
        )
    }
}

/// What a line's cause is taken to be at some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Attribution<'a> {
    /// A row of the line names it.
    Reported(&'a super::Carried),
    /// The best of the candidates.
    Matched(Match<'a>),
}

impl<'a> Attribution<'a> {
    /// The cause's text.
    pub(crate) fn cause(&self) -> &'a str {
        match self {
            Self::Reported(row) => row.proposed_cause.as_deref().unwrap_or_default(),
            Self::Matched(found) => &found.candidate.label,
        }
    }

    pub(crate) fn category(&self) -> Option<&'a str> {
        match self {
            Self::Reported(row) => row.proposed_cause_category.as_deref(),
            Self::Matched(found) => Some(&found.candidate.category),
        }
    }

    pub(crate) fn confidence(&self) -> Option<f64> {
        match self {
            Self::Reported(row) => row.confidence_score,
            Self::Matched(found) => Some(found.score),
        }
    }

    pub(crate) fn evidence(&self) -> Option<Arc<str>> {
        match self {
            Self::Reported(row) => row.supporting_evidence.clone(),
            Self::Matched(found) => Some(found.evidence().into()),
        }
    }
}

/// The dominant cause of an event's lines so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause<'a> {
    /// Its text.
    pub cause: &'a str,
    /// The category that its most confident line gives.
    pub category: Option<&'a str>,
    /// The confidence of that line.
    pub confidence: Option<f64>,
    /// The evidence of that line.
    pub evidence: Option<Arc<str>>,
    /// The cause's sum of confidence over the number of lines so far.
    pub cohort_confidence: f64,
    /// Whether two or more lines have a cause and all that have one have the same.
    pub shared: bool,
}

#[cfg(test)]
mod tests;
