//! An accepted row of MRDL, and which of two duplicates wins (SPEC 2, *Duplicates*).

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::doubles::{compare, compare_lists};
use super::{Money, Timestamp};

/// One accepted row of MRDL. It does not name its store: rows are held by store.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The tick that the row reports on.
    pub detected_at: Timestamp,
    /// The SKU; `None` in a store-level report.
    pub sku: Option<Arc<str>>,
    /// The onset, if the detector tracks one.
    pub first_detected_from: Option<Timestamp>,
    /// When the row was written.
    pub ingested_at: Option<Timestamp>,
    /// The detector's own id.
    pub anomaly_id: Option<Piece>,
    /// The detector's severity at this tick; never NaN.
    pub severity: Option<f64>,
    /// Actual sales in this tick.
    pub sales_total: Option<Money>,
    /// What clustering and attribution added; `None` if all of it is null.
    pub carried: Option<Box<Carried>>,
}

/// A slice of a text that many rows share. Every row has its own id, but the ids of a whole batch
/// are one allocation.
#[derive(Clone)]
pub struct Piece {
    text: Arc<str>,
    at: Range<usize>,
}

impl Piece {
    /// The slice of a text at a range of bytes; `None` if the range does not fit the text.
    pub(crate) fn of(text: &Arc<str>, at: Range<usize>) -> Option<Self> {
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
    /// A row at a tick with every other column null.
    #[must_use]
    pub const fn at(detected_at: Timestamp) -> Self {
        Self {
            detected_at,
            sku: None,
            first_detected_from: None,
            ingested_at: None,
            anomaly_id: None,
            severity: None,
            sales_total: None,
            carried: None,
        }
    }

    /// The order of duplicates, of which the greatest wins: by ingestion, detector's id, severity
    /// and sales, then by the carried columns in the table's order. Null is smallest.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        self.ingested_at
            .cmp(&other.ingested_at)
            .then_with(|| self.anomaly_id.cmp(&other.anomaly_id))
            .then_with(|| compare(self.severity, other.severity))
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
    pub(crate) fn is_null(&self) -> bool {
        *self == Self::default()
    }

    fn precedence(&self, other: &Self) -> Ordering {
        compare_lists(self.feature_vector.as_deref(), other.feature_vector.as_deref())
            .then_with(|| self.cluster_id.cmp(&other.cluster_id))
            .then_with(|| self.cluster_name.cmp(&other.cluster_name))
            .then_with(|| compare(self.similarity_score, other.similarity_score))
            .then_with(|| compare(self.cluster_match_confidence, other.cluster_match_confidence))
            .then_with(|| compare(self.tsne_x, other.tsne_x))
            .then_with(|| compare(self.tsne_y, other.tsne_y))
            .then_with(|| self.proposed_cause.cmp(&other.proposed_cause))
            .then_with(|| self.proposed_cause_category.cmp(&other.proposed_cause_category))
            .then_with(|| self.supporting_evidence.cmp(&other.supporting_evidence))
            .then_with(|| compare(self.confidence_score, other.confidence_score))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row at `tick` microseconds with everything else null.
    pub(crate) fn row(tick: i64, sku: Option<&str>, onset: Option<i64>) -> Report {
        Report {
            sku: sku.map(Arc::from),
            first_detected_from: onset.map(|us| Timestamp::from_us(us).unwrap()),
            ..Report::at(Timestamp::from_us(tick).unwrap())
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
}
