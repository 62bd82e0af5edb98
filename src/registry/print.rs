//! The registry on its way to stdout, some rows at a time.

use arrow::array::RecordBatch;
use cohort_core::batch::{RegistryBatch, unapplied_edit};
use cohort_core::contract::REGISTRY;
use cohort_core::registry::{Label, Registry, RegistryRow};
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

/// Gives the rows that `shown` wants to `out`, piece by piece.
///
/// # Errors
/// What `out` says, and [`Error::Parquet`].
pub(crate) fn print<E: From<Error>>(
    registry: &Registry,
    form: Form,
    shown: impl Fn(&RegistryRow<'_>) -> bool,
    mut out: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    match form {
        Form::Table => out(table::page(registry, shown).as_bytes()),
        Form::Jsonl => {
            let mut text = String::new();
            in_batches(registry, shown, |batch| {
                text.clear();
                jsonl::write(&batch, &mut text);
                out(text.as_bytes())
            })
        }
        Form::Parquet => {
            let mut groups = Vec::new();
            let mut group = GroupWriter::new(&REGISTRY).map_err(Error::from)?;
            in_batches(registry, shown, |batch| {
                let written = group.write(&batch);
                written.map_err(|e| Error::from(ParquetError::encode(REGISTRY.name, &e)))?;
                if group.rows() >= GROUP_ROWS {
                    let next = GroupWriter::new(&REGISTRY).map_err(Error::from)?;
                    let full = std::mem::replace(&mut group, next);
                    groups.push(full.finish().map_err(Error::from)?);
                }
                Ok::<_, E>(())
            })?;
            if group.rows() > 0 || groups.is_empty() {
                groups.push(group.finish().map_err(Error::from)?);
            }
            out(&Part::of(&REGISTRY, &groups).map_err(Error::from)?.bytes)
        }
    }
}

fn in_batches<E: From<Error>>(
    registry: &Registry,
    shown: impl Fn(&RegistryRow<'_>) -> bool,
    mut with: impl FnMut(RecordBatch) -> Result<(), E>,
) -> Result<(), E> {
    let bug = |error: arrow::error::ArrowError| Error::Bug(error.to_string());
    let mut batch = RegistryBatch::default();
    for row in registry.rows().filter(|row| shown(row)) {
        batch.push(&row);
        if batch.rows() == BATCH_ROWS {
            with(batch.finish().map_err(bug)?)?;
        }
    }
    if batch.rows() > 0 {
        with(batch.finish().map_err(bug)?)?;
    }
    Ok(())
}

/// People's verdicts as lines of JSON.
pub(crate) fn labels(registry: &Registry) -> String {
    let labels = registry.labels();
    let line = |label: &Label<'_>| {
        let line = json!({
            "event_id": label.event_id.as_str(),
            "store_id": label.store_id,
            "skus": label.skus,
            "window_start": label.window_start.map(|at| at.to_string()),
            "window_end": label.window_end.map(|at| at.to_string()),
            "verdict": label.verdict,
        });
        escape::json(&line.to_string()) + "\n"
    };
    labels.iter().map(line).collect()
}

/// The edits that do not apply, as a table or as lines of JSON.
pub(crate) fn unapplied(registry: &Registry, form: Form) -> String {
    let edits = registry.unapplied();
    match form {
        Form::Table => table::unapplied(&edits),
        _ => edits.iter().map(|edit| escape::json(&unapplied_edit(edit)) + "\n").collect(),
    }
}
