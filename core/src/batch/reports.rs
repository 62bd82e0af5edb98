//! A record batch of MRDL as rows (SPEC 2).

use super::Lookup;
use super::texts::{Pieces, Texts};
use super::values::{AmountColumn, Doubles, Instant, Instants, Lists};
use crate::rejects::{Accepted, ReportKey, TextFault};
use crate::{Carried, Report, SharedTexts};

/// The columns of one batch of MRDL.
#[derive(Debug)]
pub struct ReportColumns {
    store_id: Texts,
    detected_at: Instants,
    sku: Texts,
    first_detected_from: Instants,
    anomaly_id: Pieces,
    severity: Doubles,
    sales_total: AmountColumn,
    ingested_at: Instants,
    carried: Option<CarriedColumns>,
}

#[derive(Debug)]
struct CarriedColumns {
    feature_vector: Lists,
    texts: [Texts; 5],
    doubles: [Doubles; 5],
}

impl ReportColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>) -> Self {
        let texts = [
            "cluster_id",
            "cluster_name",
            "proposed_cause",
            "proposed_cause_category",
            "supporting_evidence",
        ];
        let doubles = [
            "similarity_score",
            "cluster_match_confidence",
            "tsne_x",
            "tsne_y",
            "confidence_score",
        ];
        let mut carried = texts.iter().chain(&doubles).chain(&["feature_vector"]);
        let any = carried.any(|name| column(name).is_some());
        Self {
            store_id: Texts::new(column("store_id")),
            detected_at: Instants::new(column("detected_at")),
            sku: Texts::new(column("sku")),
            first_detected_from: Instants::new(column("first_detected_from")),
            anomaly_id: Pieces::new(column("anomaly_id")),
            severity: Doubles::new(column("severity")),
            sales_total: AmountColumn::new(column("sales_total")),
            ingested_at: Instants::new(column("ingested_at")),
            carried: any.then(|| CarriedColumns {
                feature_vector: Lists::new(column("feature_vector")),
                texts: texts.map(|name| Texts::new(column(name))),
                doubles: doubles.map(|name| Doubles::new(column(name))),
            }),
        }
    }

    /// What decides whether a row takes part.
    #[must_use]
    pub(crate) fn key(&self, row: usize) -> ReportKey<'_> {
        ReportKey {
            // A store whose text is faulty is not missing: the row is rejected for its text.
            store_id: self.store_id.get(row).or(self.store_id.fault(row).and(Some("\u{fffd}"))),
            detected_at: self.detected_at.get(row),
            onset: self.first_detected_from.get(row),
            text_fault: self.text_fault(row),
        }
    }

    /// The first fault of a row's texts.
    fn text_fault(&self, row: usize) -> Option<TextFault> {
        let carried = self.carried.iter().flat_map(|columns| &columns.texts);
        let texts = [&self.store_id, &self.sku].into_iter().chain(carried);
        let faults = texts.filter_map(|texts| texts.fault(row)).chain(self.anomaly_id.fault(row));
        faults.min()
    }

    /// A row that takes part, and whether its `sales_total` is out of range and so null.
    pub(crate) fn report(
        &self,
        row: usize,
        accepted: &Accepted<'_>,
        texts: &mut SharedTexts,
    ) -> (Report, bool) {
        let sales_total = self.sales_total.get(row);
        let report = Report {
            detected_at: accepted.tick,
            sku: self.sku.get(row).map(|sku| texts.share(sku)),
            first_detected_from: accepted.onset,
            ingested_at: self.ingested_at.get(row).map(Instant::nearest),
            anomaly_id: self.anomaly_id.get(row),
            severity: self.severity.get(row),
            sales_total: sales_total.unwrap_or_default(),
            carried: self.carried.as_ref().and_then(|columns| columns.carried(row, texts)),
        };
        (report, sales_total.is_err())
    }
}

impl CarriedColumns {
    fn carried(&self, row: usize, shared: &mut SharedTexts) -> Option<Box<Carried>> {
        let [cluster_id, cluster_name, cause, category, evidence] =
            [0, 1, 2, 3, 4].map(|i| self.texts[i].get(row).map(|text| shared.share(text)));
        let [similarity, match_confidence, tsne_x, tsne_y, confidence] =
            [0, 1, 2, 3, 4].map(|i| self.doubles[i].get(row));
        let carried = Carried {
            feature_vector: self.feature_vector.get(row),
            cluster_id,
            cluster_name,
            similarity_score: similarity,
            cluster_match_confidence: match_confidence,
            tsne_x,
            tsne_y,
            proposed_cause: cause,
            proposed_cause_category: category,
            supporting_evidence: evidence,
            confidence_score: confidence,
        };
        (!carried.is_null()).then(|| Box::new(carried))
    }
}
