//! The edits log, decoded whole, and the file of one more edit (SPEC 8).

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use cohort_core::SharedTexts;
use cohort_core::batch::{BatchBuilder, EditColumns};
use cohort_core::contract::EDITS;
use cohort_core::registry::Edit;
use parquet::errors::ParquetError;

use super::Error;
use super::dataset::{self, Source};
use super::write::part::{GroupWriter, Part};
use crate::manifest::Dataset;
use crate::objects::Objects;

/// The distinct rows of the edits log. Its rows have no tick, so all of its files are read. A log
/// that is not there yet has no rows.
///
/// # Errors
/// What is wrong with a file; [`Error::Objects`].
pub(crate) async fn read(objects: &dyn Objects, dataset: &Dataset) -> Result<Vec<Edit>, Error> {
    let sources = match dataset::open_all(objects, &EDITS, dataset).await {
        Err(Error::MissingDataset { .. }) => return Ok(Vec::new()),
        sources => sources?,
    };
    let mut edits = BTreeSet::new();
    let mut texts = SharedTexts::default();
    for source in &sources {
        for group in source.file.groups_with_rows() {
            read_group(objects, source, group, &mut edits, &mut texts).await?;
        }
    }
    Ok(edits.into_iter().collect())
}

/// The file of one edit, under the names that the manifest gives the columns.
///
/// # Errors
/// [`Error::Encode`].
pub(crate) fn encode(edit: &Edit, dataset: &Dataset) -> Result<Part, Error> {
    let mut batch = BatchBuilder::new(&EDITS);
    batch
        .row()
        .text("edit_id", edit.edit_id.as_deref())
        .text("event_id", edit.event_id.as_deref())
        .text("field", edit.field.as_deref())
        .text("new_value", edit.new_value.as_deref())
        .text("edited_by", edit.edited_by.as_deref())
        .instant("edited_at", edit.edited_at)
        .text("reason", edit.reason.as_deref());
    let written = batch.finish().map_err(ParquetError::from).and_then(|batch| {
        let fields = batch.schema();
        let fields = fields.fields().iter().map(|field| {
            Field::new(dataset.column(field.name()), field.data_type().clone(), field.is_nullable())
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(RecordBatch::try_new(schema, batch.columns().to_vec())?)
    });
    let failed = |error: ParquetError| Error::encode(EDITS.name, &error);
    let batch = written.map_err(failed)?;
    let mut group = GroupWriter::with_schema(&EDITS, batch.schema())?;
    group.write(&batch).map_err(failed)?;
    Part::of(&EDITS, &[group.finish()?])
}

async fn read_group(
    objects: &dyn Objects,
    source: &Source,
    group: usize,
    edits: &mut BTreeSet<Edit>,
    texts: &mut SharedTexts,
) -> Result<(), Error> {
    let names: Vec<&str> = EDITS.columns.iter().map(|column| column.name).collect();
    let roots = source.columns.places(&names);
    let fetched = source.file.fetch_rows(objects, group, &roots, None).await?;
    for batch in source.file.batches(fetched, group, &roots, None)? {
        let batch = batch.map_err(|error| Error::corrupt(&source.file.object.uri, group, error))?;
        let columns = EditColumns::new(&|name| batch.column_by_name(source.columns.name(name)));
        edits.extend((0..batch.num_rows()).map(|row| columns.row(row, texts)));
    }
    Ok(())
}
