//! Input rows turned into named columns.

use crate::model::{Amount, Candidate, Input, in_range};

/// A column's values, in the type that SPEC 2 gives them.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Text(Vec<Option<String>>),
    Time(Vec<Option<i64>>),
    Double(Vec<Option<f64>>),
    Money(Vec<Option<Amount>>),
    Doubles(Vec<Option<Vec<Option<f64>>>>),
}

impl Values {
    /// The values at some rows, in that order.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        fn at<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row].clone()).collect()
        }
        match self {
            Self::Text(values) => Self::Text(at(values, rows)),
            Self::Time(values) => Self::Time(at(values, rows)),
            Self::Double(values) => Self::Double(at(values, rows)),
            Self::Money(values) => Self::Money(at(values, rows)),
            Self::Doubles(values) => Self::Doubles(at(values, rows)),
        }
    }

    pub(crate) fn all_null(&self) -> bool {
        match self {
            Self::Text(values) => values.iter().all(Option::is_none),
            Self::Time(values) => values.iter().all(Option::is_none),
            Self::Double(values) => values.iter().all(Option::is_none),
            Self::Money(values) => values.iter().all(Option::is_none),
            Self::Doubles(values) => values.iter().all(Option::is_none),
        }
    }
}

/// A dataset before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub name: &'static str,
    pub rows: usize,
    /// The column that partitions go by.
    pub tick: Option<&'static str>,
    pub columns: Vec<(&'static str, Values)>,
}

impl Table {
    /// The ticks of the rows that place them in a partition: null if a row's tick is null or out of
    /// range, or if the dataset has no ticks.
    pub(crate) fn ticks(&self) -> Vec<Option<i64>> {
        let column = self.columns.iter().find(|(name, _)| Some(*name) == self.tick);
        match column {
            Some((_, Values::Time(ticks))) => {
                ticks.iter().map(|tick| tick.filter(|tick| in_range(*tick))).collect()
            }
            _ => vec![None; self.rows],
        }
    }

    /// The required columns of a dataset.
    pub(crate) fn is_required(column: &str) -> bool {
        let required = [
            "store_id",
            "detected_at",
            "tick_at",
            "anomaly_score",
            "baseline_sales",
            "campaign_id",
            "context_id",
            "name",
            "label",
            "starts_at",
            "ends_at",
        ];
        required.contains(&column)
    }
}

macro_rules! table {
    ($name:literal, $tick:expr, $rows:expr, $($column:ident: $kind:ident)*) => {
        Table {
            name: $name,
            rows: $rows.len(),
            tick: $tick,
            columns: vec![$((
                stringify!($column),
                Values::$kind($rows.iter().map(|row| row.$column.clone()).collect()),
            )),*],
        }
    };
}

/// The five datasets of an input.
pub(crate) fn tables(input: &Input) -> [Table; 5] {
    [
        table!("minority_reports_detected_log", Some("detected_at"), input.reports,
            store_id: Text detected_at: Time sku: Text first_detected_from: Time
            anomaly_id: Text severity: Double sales_total: Money ingested_at: Time
            feature_vector: Doubles cluster_id: Text cluster_name: Text similarity_score: Double
            cluster_match_confidence: Double tsne_x: Double tsne_y: Double proposed_cause: Text
            proposed_cause_category: Text supporting_evidence: Text confidence_score: Double),
        table!("anomaly_classifier_model_prediction_log", Some("tick_at"), input.scores,
            store_id: Text tick_at: Time anomaly_score: Double sku: Text ingested_at: Time),
        table!("baseline_sales_model_prediction_log", Some("tick_at"), input.sales,
            store_id: Text tick_at: Time baseline_sales: Money actual_sales: Money sku: Text
            ingested_at: Time),
        candidates("all_campaign_data", "campaign_id", "name", &input.campaigns),
        candidates("contextual_data", "context_id", "label", &input.context),
    ]
}

fn candidates(
    dataset: &'static str,
    id: &'static str,
    name: &'static str,
    rows: &[Candidate],
) -> Table {
    let text = |of: fn(&Candidate) -> Option<String>| Values::Text(rows.iter().map(of).collect());
    let time = |of: fn(&Candidate) -> Option<i64>| Values::Time(rows.iter().map(of).collect());
    Table {
        name: dataset,
        rows: rows.len(),
        tick: None,
        columns: vec![
            (id, text(|row| Some(row.id.clone()))),
            (name, text(|row| Some(row.name.clone()))),
            ("starts_at", time(|row| Some(row.starts_at))),
            ("ends_at", time(|row| Some(row.ends_at))),
            ("store_id", text(|row| row.store_id.clone())),
            ("sku", text(|row| row.sku.clone())),
            ("category", text(|row| row.category.clone())),
            ("confidence", Values::Double(rows.iter().map(|row| row.confidence).collect())),
        ],
    }
}
