//! What a computation counts, as the lineage shows it (SPEC 12).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use cohort_core::batch::Counted;
use cohort_core::rejects::{Rejects, are_too_many, by_reason};
use cohort_core::{Counts, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Error;

/// What was found in one log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows in the interval, rejected ones included; 0 in campaigns and context, which have none.
    pub in_interval: u64,
    /// Rejected rows that count.
    pub rejects: Rejects,
    /// Rows that gave way to a greater duplicate.
    pub duplicates: u64,
    /// Amounts in the interval that are out of range, by column.
    pub out_of_range: BTreeMap<&'static str, u64>,
    /// Rows in the interval whose onset is ignored; only MRDL has onsets.
    pub onsets_ignored: Option<u64>,
}

/// Everything that is counted.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// `counts` of the lineage.
    pub counts: Counts,
    /// What was found in each log, under its argument's name.
    pub inputs: Vec<(&'static str, Found)>,
    /// The earliest instant that had to be looked at.
    pub lookback_start: Timestamp,
}

impl Found {
    /// What was found in MRDL.
    pub(crate) fn reports(rows: u64, counted: Counted, duplicates: u64) -> Self {
        let out_of_range = counted.sales_out_of_range;
        Self {
            rows,
            in_interval: counted.in_interval,
            rejects: counted.rejects,
            duplicates,
            out_of_range: [("sales_total", out_of_range)].into(),
            onsets_ignored: Some(counted.onsets_ignored),
        }
    }

    /// Fails if too many rows were rejected.
    ///
    /// # Errors
    /// [`Error::Data`].
    pub(crate) fn check(&self, name: &str, ratio_max: f64) -> Result<(), Error> {
        let (rejected, rows) = (self.rejects.len(), self.in_interval);
        if !are_too_many(rejected, rows, ratio_max) {
            return Ok(());
        }
        let reasons = by_reason([&self.rejects]);
        let reasons: Vec<_> = reasons.iter().map(|(reason, n)| format!("{reason}: {n}")).collect();
        Err(Error::Data(format!(
            "{name}: expected at most {ratio_max} of the interval's rows to be rejected, found \
             {rejected} of {rows} ({}); correct the rows, or raise max_reject_ratio",
            reasons.join(", ")
        )))
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("rows_read", self.rows)?;
        dict.set_item("rows_in_interval", self.in_interval)?;
        dict.set_item("rows_rejected", by_reason([&self.rejects]))?;
        dict.set_item("rows_duplicate", self.duplicates)?;
        let out_of_range = PyDict::new(py);
        for (column, &count) in self.out_of_range.iter().filter(|&(_, &count)| count > 0) {
            out_of_range.set_item(column, count)?;
        }
        dict.set_item("values_out_of_range", out_of_range)?;
        if let Some(ignored) = self.onsets_ignored {
            dict.set_item("onsets_ignored", ignored)?;
        }
        Ok(dict)
    }
}

impl Summary {
    /// The counts by name.
    pub(crate) fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Counts {
            stores,
            events_opened,
            events_closed,
            events_active,
            reports,
            lines,
            ticks_without_baseline,
            ticks_without_score,
        } = self.counts;
        let dict = PyDict::new(py);
        for (name, count) in [
            ("stores", stores),
            ("events_opened", events_opened),
            ("events_closed", events_closed),
            ("events_active", events_active),
            ("reports", reports),
            ("lines", lines),
            ("ticks_without_baseline", ticks_without_baseline),
            ("ticks_without_score", ticks_without_score),
        ] {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }

    /// What was found in each log.
    pub(crate) fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, found) in &self.inputs {
            dict.set_item(name, found.to_dict(py)?)?;
        }
        Ok(dict)
    }

    /// The rejected rows in the order of logs and rows.
    pub(crate) fn rejects(&self) -> Result<RecordBatch, Error> {
        let (mut logs, mut rows, mut reasons) =
            (StringBuilder::new(), Int64Builder::new(), StringBuilder::new());
        for (name, found) in &self.inputs {
            for reject in found.rejects.iter() {
                logs.append_value(name);
                rows.append_value(i64::try_from(reject.row).unwrap_or(i64::MAX));
                reasons.append_value(reject.reason.text());
            }
        }
        let columns: Vec<ArrayRef> =
            vec![Arc::new(logs.finish()), Arc::new(rows.finish()), Arc::new(reasons.finish())];
        Ok(RecordBatch::try_new(rejects_schema(), columns)?)
    }
}

/// The columns of the rejected rows. The frame itself holds the rest.
pub(crate) fn rejects_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("log", DataType::Utf8, false),
        Field::new("row", DataType::Int64, false),
        Field::new("reason", DataType::Utf8, false),
    ]))
}
