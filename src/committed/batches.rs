//! The rows of a committed part in record batches: of some columns, and of some events.

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// The rows of some events of some stores.
pub(crate) struct Wanted {
    /// The stores, sorted.
    pub stores: Vec<String>,
    /// The column that names a row's event.
    pub column: &'static str,
    /// Whether the rows of an event are wanted.
    pub event: Box<dyn Fn(&str) -> bool + Send>,
}

/// The columns of these names of a part.
///
/// # Errors
/// What is wrong with the part.
pub(super) fn batches(
    bytes: Bytes,
    columns: &[&str],
    wanted: Option<Wanted>,
) -> Result<Vec<RecordBatch>, ParquetError> {
    // Without the embedded Arrow schema, each column has the plain Arrow type of its Parquet type.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let mut builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?
        .with_batch_size(BATCH_ROWS);
    let schema = builder.parquet_schema();
    let mask = ProjectionMask::columns(schema, columns.iter().copied());
    if let Some(wanted) = wanted {
        let groups = builder.metadata().row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| may_hold(group, &wanted.stores));
        let groups = groups.map(|(index, _)| index).collect();
        let of_event = ProjectionMask::columns(schema, [wanted.column]);
        let filter = ArrowPredicateFn::new(of_event, move |batch| {
            let ids = batch.column(0).as_string_opt::<i32>();
            let wants = |id: Option<&str>| Some(id.is_some_and(|id| (wanted.event)(id)));
            let kept = ids.map(|ids| ids.iter().map(wants).collect());
            Ok(kept.unwrap_or_else(|| BooleanArray::from(vec![true; batch.num_rows()])))
        });
        let filter = RowFilter::new(vec![Box::new(filter)]);
        builder = builder.with_row_groups(groups).with_row_filter(filter);
    }
    builder.with_projection(mask).build()?.map(|batch| Ok(batch?)).collect()
}

/// Whether a row group may hold rows of one of the stores, as its statistics say.
fn may_hold(group: &RowGroupMetaData, stores: &[String]) -> bool {
    let mut columns = group.columns().iter();
    let column = columns.find(|column| column.column_path().parts() == ["store_id"]);
    let Some(Statistics::ByteArray(statistics)) = column.and_then(|column| column.statistics())
    else {
        return true;
    };
    let (Some(least), Some(most)) = (statistics.min_bytes_opt(), statistics.max_bytes_opt()) else {
        return true;
    };
    let first = stores.partition_point(|store| store.as_bytes() < least);
    stores.get(first).is_some_and(|store| store.as_bytes() <= most)
}
