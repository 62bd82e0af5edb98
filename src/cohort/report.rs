//! A row of the minority-report log as the core sees it, and the order that decides between duplicates (SPEC 2).

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{Money, Timestamp};

/// One accepted row of MRDL, its store left out: rows are held per store.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The tick that the row reports on.
    pub detected_at: Timestamp,
    /// The article; `None` for a store-level report.
    pub sku: Option<Arc<str>>,
    /// The onset, where the detector tracks one.
    pub first_detected_from: Option<Timestamp>,
    /// When the row was written.
    pub ingested_at: Option<Timestamp>,
    /// The detector's own id.
    pub anomaly_id: Option<Piece>,
    /// The detector's severity at this tick; never NaN.
    pub severity: Option<f64>,
    /// Actual sales in this tick.
    pub sales_total: Option<Money>,
    /// What clustering and attribution added; `None` where all of it is null.
    pub carried: Option<Box<Carried>>,
}

/// A piece of a text that many rows share: each row has an id of its own, but not each an allocation.
#[derive(Clone)]
pub struct Piece {
    text: Arc<str>,
    at: Range<usize>,
}

impl Piece {
    /// The piece of a text at a range of its bytes; `None` where that is none of its pieces.
    pub fn of(text: &Arc<str>, at: Range<usize>) -> Option<Self> {
        text.get(at.clone())?;
        Some(Self { text: text.clone(), at })
    }

    fn as_str(&self) -> &str {
        &self.text[self.at.clone()]
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Piece {}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// The columns of MRDL that come from clustering and attribution, in the table's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carried {
    /// From clustering; NaN elements are already null.
    pub feature_vector: Option<Box<[Option<f64>]>>,
    /// From clustering.
    pub cluster_id: Option<Arc<str>>,
    /// From clustering.
    pub cluster_name: Option<Arc<str>>,
    /// From clustering.
    pub similarity_score: Option<f64>,
    /// From clustering.
    pub cluster_match_confidence: Option<f64>,
    /// From clustering.
    pub tsne_x: Option<f64>,
    /// From clustering.
    pub tsne_y: Option<f64>,
    /// From attribution.
    pub proposed_cause: Option<Arc<str>>,
    /// From attribution.
    pub proposed_cause_category: Option<Arc<str>>,
    /// From attribution.
    pub supporting_evidence: Option<Arc<str>>,
    /// From attribution.
    pub confidence_score: Option<f64>,
}

impl Report {
    /// The order in which the greatest of several duplicates wins (SPEC 2): by ingestion, detector's id,
    /// severity and sales, then the carried columns as the table has them, null smallest.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.ingested_at
            .cmp(&other.ingested_at)
            .then_with(|| self.anomaly_id.cmp(&other.anomaly_id))
            .then_with(|| doubles(self.severity, other.severity))
            .then_with(|| self.sales_total.cmp(&other.sales_total))
            .then_with(|| match (&self.carried, &other.carried) {
                (None, None) => Ordering::Equal,
                (a, b) => {
                    let none = Carried::default();
                    let (a, b) = (a.as_deref().unwrap_or(&none), b.as_deref().unwrap_or(&none));
                    a.precedence(b)
                }
            })
    }
}

impl Carried {
    /// Whether every column is null.
    pub fn is_null(&self) -> bool {
        *self == Self::default()
    }

    fn precedence(&self, other: &Self) -> Ordering {
        vectors(self.feature_vector.as_deref(), other.feature_vector.as_deref())
            .then_with(|| self.cluster_id.cmp(&other.cluster_id))
            .then_with(|| self.cluster_name.cmp(&other.cluster_name))
            .then_with(|| doubles(self.similarity_score, other.similarity_score))
            .then_with(|| doubles(self.cluster_match_confidence, other.cluster_match_confidence))
            .then_with(|| doubles(self.tsne_x, other.tsne_x))
            .then_with(|| doubles(self.tsne_y, other.tsne_y))
            .then_with(|| self.proposed_cause.cmp(&other.proposed_cause))
            .then_with(|| self.proposed_cause_category.cmp(&other.proposed_cause_category))
            .then_with(|| self.supporting_evidence.cmp(&other.supporting_evidence))
            .then_with(|| doubles(self.confidence_score, other.confidence_score))
    }
}

/// Null first, then by value with -0 before 0: a total order, so that no result depends on the order of rows.
pub fn doubles(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// The greater of two doubles by [`doubles`].
pub fn greater(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    if doubles(a, b) == Ordering::Less { b } else { a }
}

fn vectors(a: Option<&[Option<f64>]>, b: Option<&[Option<f64>]>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    a.iter()
        .zip(b)
        .map(|(&a, &b)| doubles(a, b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row at `tick` microseconds with everything else null.
    pub(crate) fn row(tick: i64, sku: Option<&str>, onset: Option<i64>) -> Report {
        Report {
            detected_at: Timestamp::from_us(tick).unwrap(),
            sku: sku.map(Arc::from),
            first_detected_from: onset.map(|us| Timestamp::from_us(us).unwrap()),
            ingested_at: None,
            anomaly_id: None,
            severity: None,
            sales_total: None,
            carried: None,
        }
    }

    #[test]
    fn the_latest_ingested_duplicate_wins_and_null_is_smallest() {
        let old = Report {
            ingested_at: Timestamp::from_us(1).ok(),
            severity: Some(0.9),
            ..row(0, None, None)
        };
        let new = Report { ingested_at: Timestamp::from_us(2).ok(), ..row(0, None, None) };
        assert_eq!(old.precedence(&new), Ordering::Less);
        assert_eq!(row(0, None, None).precedence(&old), Ordering::Less);
    }

    #[test]
    fn of_equal_ingestion_the_greatest_id_wins_by_its_bytes_wherever_it_stands() {
        let texts: [Arc<str>; 2] = ["a9a10".into(), "a10b".into()];
        let with = |text: usize, at| Report {
            anomaly_id: Piece::of(&texts[text], at),
            ..row(0, None, None)
        };
        let (nine, ten, other_ten) = (with(0, 0..2), with(0, 2..5), with(1, 0..3));
        assert_eq!(ten.precedence(&nine), Ordering::Less);
        assert_eq!(ten.precedence(&other_ten), Ordering::Equal);
        assert_eq!(row(0, None, None).precedence(&ten), Ordering::Less);
        assert_eq!(Piece::of(&texts[0], 3..6), None);
    }

    #[test]
    fn ties_fall_through_to_the_carried_columns_in_the_tables_order() {
        let with =
            |carried: Carried| Report { carried: Some(Box::new(carried)), ..row(0, None, None) };
        let vector =
            with(Carried { feature_vector: Some([Some(1.0)].into()), ..Carried::default() });
        let longer =
            with(Carried { feature_vector: Some([Some(1.0), None].into()), ..Carried::default() });
        let named = with(Carried { cluster_id: Some("z".into()), ..Carried::default() });
        assert_eq!(vector.precedence(&longer), Ordering::Less);
        assert_eq!(named.precedence(&vector), Ordering::Less);
        assert_eq!(row(0, None, None).precedence(&named), Ordering::Less);
        assert_eq!(with(Carried::default()).precedence(&row(0, None, None)), Ordering::Equal);
    }

    #[test]
    fn minus_zero_is_smaller_than_zero_and_greater_than_null() {
        assert_eq!(doubles(Some(-0.0), Some(0.0)), Ordering::Less);
        assert_eq!(doubles(None, Some(f64::NEG_INFINITY)), Ordering::Less);
        assert_eq!(greater(Some(0.5), None), Some(0.5));
    }
}
