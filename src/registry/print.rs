//! The registry on its way to stdout, some rows at a time.

use std::io;

use arrow::array::RecordBatch;
use cohort_core::batch::{RegistryBatch, unapplied_edit};
use cohort_core::contract::REGISTRY;
use cohort_core::registry::{Registry, RegistryRow};
use serde_json::json;

use super::error::Error;
use super::{jsonl, table};
use crate::escape;
use crate::parquet::Error as ParquetError;
use crate::parquet::write::part::{BATCH_ROWS, GROUP_ROWS, GroupWriter, Part};

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A table for people.
    Table,
    /// One JSON object a line.
    Jsonl,
    /// A Parquet file.
    Parquet,
}

/// Writes the rows that `shown` wants. Lines of JSON are written as they come, whatever their
/// length.
///
/// # Errors
/// [`Error::Print`], [`Error::Parquet`], and [`Error::List`] for a row that no Parquet file holds.
pub(crate) fn print(
    registry: &Registry,
    form: Form,
    shown: impl Fn(&RegistryRow<'_>) -> bool,
    out: &mut impl io::Write,
) -> Result<(), Error> {
    match form {
        Form::Table => out.write_all(table::page(registry, shown).as_bytes())?,
        Form::Jsonl => {
            for row in registry.rows().filter(|row| shown(row)) {
                jsonl::write(&row, out)?;
            }
        }
        Form::Parquet => {
            let mut groups = Vec::new();
            let mut group = GroupWriter::new(&REGISTRY)?;
            in_batches(registry, shown, |batch| {
                let written = group.write(&batch);
                written.map_err(|e| ParquetError::encode(REGISTRY.name, &e))?;
                if group.rows() >= GROUP_ROWS {
                    let full = std::mem::replace(&mut group, GroupWriter::new(&REGISTRY)?);
                    groups.push(full.finish()?);
                }
                Ok(())
            })?;
            if group.rows() > 0 || groups.is_empty() {
                groups.push(group.finish()?);
            }
            out.write_all(&Part::of(&REGISTRY, &groups)?.bytes)?;
        }
    }
    Ok(())
}

fn in_batches(
    registry: &Registry,
    shown: impl Fn(&RegistryRow<'_>) -> bool,
    mut with: impl FnMut(RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let bug = |error: arrow::error::ArrowError| Error::Bug(error.to_string());
    let mut batch = RegistryBatch::default();
    for row in registry.rows().filter(|row| shown(row)) {
        batch.push(&row)?;
        if batch.is_full(BATCH_ROWS) {
            with(batch.finish().map_err(bug)?)?;
        }
    }
    if batch.rows() > 0 {
        with(batch.finish().map_err(bug)?)?;
    }
    Ok(())
}

/// Writes people's verdicts as lines of JSON.
///
/// # Errors
/// [`Error::Print`].
pub(crate) fn labels(registry: &Registry, out: &mut impl io::Write) -> Result<(), Error> {
    for label in registry.labels() {
        let line = json!({
            "event_id": label.event_id.as_str(),
            "store_id": label.store_id,
            "skus": label.skus,
            "window_start": label.window_start.map(|at| at.to_string()),
            "window_end": label.window_end.map(|at| at.to_string()),
            "verdict": label.verdict,
        });
        escape::write_json(&line, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the edits that do not apply, as a table or as lines of JSON.
///
/// # Errors
/// [`Error::Print`].
pub(crate) fn unapplied(
    registry: &Registry,
    form: Form,
    out: &mut impl io::Write,
) -> Result<(), Error> {
    let edits = registry.unapplied();
    if form == Form::Table {
        out.write_all(table::unapplied(&edits).as_bytes())?;
        return Ok(());
    }
    for edit in edits {
        escape::write_json(&unapplied_edit(edit), out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
