//! Tables written as Parquet, in the canonical types or in any others that SPEC 2 converts exactly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};

use super::columns::Table;
use super::encodings::encodings;
use super::{Dice, Partitioning, Shape};

/// Writes the table under `root`. Returns the manifest's `columns`: those with another name.
pub(super) fn write(
    table: &Table,
    root: &Path,
    shape: Shape,
    dice: &mut Dice,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    if shape.seed.is_some() {
        for (column, _) in &table.columns {
            if dice.one_in(12) {
                names.insert((*column).to_owned(), format!("their {column}"));
            }
        }
    }
    let mut partitions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut placeless = Vec::new();
    for (row, tick) in table.ticks().into_iter().enumerate() {
        match tick {
            Some(tick) => partitions.entry(shape.partitioning.folder(tick)).or_default().push(row),
            None => placeless.push(row),
        }
    }
    let fallback = match (table.tick, shape.partitioning) {
        (None, _) => String::new(),
        (Some(_), partitioning) => partitioning.folder(0),
    };
    if partitions.is_empty() {
        partitions.insert(fallback, Vec::new());
    }
    // A row without a tick may lie in any partition.
    if let Some(rows) = partitions.values_mut().next() {
        rows.extend(placeless);
    }
    for (partition, rows) in partitions {
        let folder = root.join(partition);
        fs::create_dir_all(&folder).unwrap();
        match shape.seed {
            None => {
                write_file(table, &names, &rows, &folder.join("part-0.parquet"), shape, None);
            }
            Some(_) => write_shuffled(table, &names, rows, &folder, shape, dice),
        }
    }
    names
}

fn write_shuffled(
    table: &Table,
    names: &BTreeMap<String, String>,
    mut rows: Vec<usize>,
    folder: &Path,
    shape: Shape,
    dice: &mut Dice,
) {
    dice.shuffle(&mut rows);
    let mut files: Vec<Vec<usize>> = vec![Vec::new(); 1 + dice.below(3)];
    for row in rows {
        let file = dice.below(files.len());
        files[file].push(row);
    }
    for rows in files {
        // The names have no order, and some files are in a folder of their own.
        let mut name = format!("{:08x}.parquet", dice.below(1 << 32));
        if shape.partitioning == Partitioning::None && dice.one_in(4) {
            fs::create_dir_all(folder.join("deeper")).unwrap();
            name = format!("deeper/{name}");
        }
        write_file(table, names, &rows, &folder.join(name), shape, Some(dice));
    }
    // Writers leave these behind, and readers skip them.
    if dice.one_in(3) {
        fs::write(folder.join("_SUCCESS"), b"").unwrap();
        fs::write(folder.join(".part-0.parquet.crc"), b"not Parquet").unwrap();
    }
}

fn write_file(
    table: &Table,
    names: &BTreeMap<String, String>,
    rows: &[usize],
    path: &Path,
    shape: Shape,
    mut dice: Option<&mut Dice>,
) {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (column, values) in &table.columns {
        let values = values.take(rows);
        let name = names.get(*column).cloned().unwrap_or_else(|| (*column).to_owned());
        let mut arrays = encodings(column, &values);
        let array = match (dice.as_deref_mut(), shape.recoded) {
            (None, Some((dataset, recoded, encoding)))
                if (dataset, recoded) == (table.name, *column) =>
            {
                arrays.swap_remove(encoding)
            }
            (None, _) => arrays.swap_remove(0),
            (Some(dice), _) => {
                // A manifest that maps a column says that it is there.
                let may_miss = !Table::is_required(column) && !names.contains_key(*column);
                if values.all_null() && may_miss && dice.one_in(2) {
                    continue;
                }
                arrays.swap_remove(dice.below(arrays.len()))
            }
        };
        columns.push((name, array));
    }
    let mut properties = WriterProperties::builder();
    if let Some(dice) = dice {
        columns.push((
            "a column of theirs".to_owned(),
            Arc::new(Int64Array::from(vec![7; rows.len()])),
        ));
        dice.shuffle(&mut columns);
        properties = some_properties(dice);
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The properties of a writer that nobody has told how to write.
fn some_properties(dice: &mut Dice) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_max_row_group_row_count(Some(1 + dice.below(8)))
        .set_data_page_row_count_limit(1 + dice.below(4))
        .set_write_batch_size(1 + dice.below(4))
        .set_dictionary_enabled(dice.one_in(2))
        .set_compression(match dice.below(3) {
            0 => Compression::UNCOMPRESSED,
            1 => Compression::SNAPPY,
            _ => Compression::ZSTD(ZstdLevel::default()),
        })
        .set_offset_index_disabled(dice.one_in(3))
        .set_writer_version([WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][dice.below(2)])
        .set_statistics_enabled(match dice.below(3) {
            0 => EnabledStatistics::None,
            1 => EnabledStatistics::Chunk,
            _ => EnabledStatistics::Page,
        })
}
