//! What a file's columns are, and what they are read as.
//!
//! The Arrow schema that some writers put into the footer is not used: it may be stale, and
//! everything that matters follows from Parquet's own schema. Two units of time are the exception.
//! Parquet has no name for them, and there the hint is looked up by the column's name.
//!
//! Columns are read as what they are, with two exceptions. Text is read as bytes, because one text
//! that is not UTF-8 must not fail all the others, and as views, because a text that many rows
//! share must not take the room of many. 96-bit instants are read in microseconds,
//! because nanoseconds end in the year 2262.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type, TypePtr};

/// A file's columns.
#[derive(Clone, Debug)]
pub(super) struct FileColumns {
    /// What each root column is, for checks and messages.
    pub found: SchemaRef,
    /// What each root column is read as.
    pub read: SchemaRef,
    /// Parquet's schema under which they are read.
    pub parquet: SchemaDescPtr,
}

impl FileColumns {
    /// The columns of a schema.
    ///
    /// # Errors
    /// If the schema cannot be read even without its annotations.
    pub(super) fn of(schema: &SchemaDescriptor, hints: Option<&Vec<KeyValue>>) -> Result<Self> {
        let roots = schema.root_schema().get_fields();
        let roots: Vec<_> = roots.iter().filter_map(with_columns).collect();
        let hint = hints.map(|hints| arrow_hint(&roots, hints)).unwrap_or_default();
        let (mut found, mut read, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for root in roots {
            // A column of an unknown kind is read as what it is stored as. It can hurt nobody.
            let (root, is) = match field(&root) {
                Ok(is) => (root, is),
                Err(_) => {
                    let bare = bare(&root)?;
                    let is = field(&bare)?;
                    (bare, is)
                }
            };
            let is = with_hint(is, &root, hint.as_ref());
            let (stored, as_what) = if is_text(&root) {
                let stored = bare(&root)?;
                let binary = Field::new(is.name(), DataType::BinaryView, is.is_nullable());
                (stored, binary)
            } else {
                (root, is.clone())
            };
            let is = if is_text(&stored) { is.with_data_type(DataType::Utf8) } else { is };
            found.push(is);
            read.push(as_what);
            types.push(stored);
        }
        let name = schema.root_schema().name();
        let parquet = Type::group_type_builder(name).with_fields(types).build()?;
        Ok(Self {
            found: Arc::new(Schema::new(found)),
            read: Arc::new(Schema::new(read)),
            parquet: Arc::new(SchemaDescriptor::new(Arc::new(parquet))),
        })
    }
}

/// A root column without groups that hold no column; `None` if it is one. Such a group has no
/// values, and the crate has no type for it.
fn with_columns(column: &TypePtr) -> Option<TypePtr> {
    let Type::GroupType { fields, .. } = &**column else { return Some(column.clone()) };
    let kept: Vec<_> = fields.iter().filter_map(with_columns).collect();
    if kept.len() == fields.len() && kept.iter().zip(fields).all(|(a, b)| Arc::ptr_eq(a, b)) {
        return (!kept.is_empty()).then(|| column.clone());
    }
    let info = column.get_basic_info();
    let group = Type::group_type_builder(column.name()).with_repetition(info.repetition());
    // Of what is left, an annotation may say nothing that is true any more.
    (!kept.is_empty()).then(|| group.with_fields(kept).build().ok().map(Arc::new))?
}

/// The Arrow type of one root column.
fn field(root: &TypePtr) -> Result<Field> {
    let schema = Type::group_type_builder("schema").with_fields(vec![root.clone()]).build()?;
    let schema = parquet_to_arrow_schema(&SchemaDescriptor::new(Arc::new(schema)), None)?;
    let field = schema.fields().first().cloned();
    let field = field.unwrap_or_else(|| Arc::new(Field::new(root.name(), DataType::Null, true)));
    let plain = Field::new(root.name(), field.data_type().clone(), field.is_nullable());
    let is_int96 = root.is_primitive() && root.get_physical_type() == Physical::INT96;
    Ok(if is_int96 {
        plain.with_data_type(DataType::Timestamp(TimeUnit::Microsecond, None))
    } else {
        plain
    })
}

/// Whether a root column is text: a byte array that is annotated as such, or not at all.
fn is_text(root: &Type) -> bool {
    if !root.is_primitive()
        || root.get_physical_type() != Physical::BYTE_ARRAY
        || root.get_basic_info().repetition() == parquet::basic::Repetition::REPEATED
    {
        return false;
    }
    let info = root.get_basic_info();
    match info.logical_type_ref() {
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => true,
        Some(_) => false,
        None => matches!(
            info.converted_type(),
            ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON
        ),
    }
}

/// The same column without annotations.
fn bare(column: &Type) -> Result<TypePtr> {
    let info = column.get_basic_info();
    let bare = match column {
        Type::PrimitiveType { physical_type, type_length, .. } => {
            Type::primitive_type_builder(column.name(), *physical_type)
                .with_repetition(info.repetition())
                .with_length(*type_length)
                .build()?
        }
        Type::GroupType { fields, .. } => {
            let fields = fields.iter().map(|field| bare(field)).collect::<Result<_>>()?;
            Type::group_type_builder(column.name())
                .with_repetition(info.repetition())
                .with_fields(fields)
                .build()?
        }
    };
    Ok(Arc::new(bare))
}

/// The fields of the Arrow schema in the footer, if there is one that can be read.
fn arrow_hint(roots: &[TypePtr], hints: &Vec<KeyValue>) -> Option<Fields> {
    let schema = Type::group_type_builder("schema").with_fields(roots.to_vec()).build().ok()?;
    // The crate reads the hint only together with a schema that it fits. Any other is of no use.
    let schema =
        parquet_to_arrow_schema(&SchemaDescriptor::new(Arc::new(schema)), Some(hints)).ok()?;
    Some(schema.fields().clone())
}

/// The column with a unit of time that only the hint knows.
fn with_hint(is: Field, root: &Type, hint: Option<&Fields>) -> Field {
    let unannotated = root.is_primitive()
        && root.get_physical_type() == Physical::INT64
        && root.get_basic_info().logical_type_ref().is_none()
        && root.get_basic_info().converted_type() == ConvertedType::NONE;
    let hinted = hint.and_then(|fields| fields.iter().find(|field| field.name() == is.name()));
    match hinted.map(|field| value_type(field.data_type())) {
        Some(unit @ (DataType::Timestamp(..) | DataType::Date64)) if unannotated => {
            is.with_data_type(unit.clone())
        }
        _ => is,
    }
}

fn value_type(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use parquet::basic::Repetition;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn types(message: &str) -> Vec<(DataType, DataType)> {
        let schema = parse_message_type(message).unwrap();
        let columns = FileColumns::of(&SchemaDescriptor::new(Arc::new(schema)), None).unwrap();
        let pairs = columns.found.fields().iter().zip(columns.read.fields());
        pairs.map(|(is, read)| (is.data_type().clone(), read.data_type().clone())).collect()
    }

    #[test]
    fn text_of_any_annotation_is_read_as_bytes() {
        let message = "message m { optional binary a (STRING); required binary b (ENUM);
            optional binary c (JSON); optional binary d; optional binary e (UTF8); }";
        let text = (DataType::Utf8, DataType::BinaryView);
        assert_eq!(types(message), [0; 5].map(|_| text.clone()));
    }

    #[test]
    fn other_byte_arrays_are_no_text() {
        let message = "message m { optional binary a (DECIMAL(4,0)); optional binary b (BSON); }";
        let decimal = DataType::Decimal128(4, 0);
        let expected = [(decimal.clone(), decimal), (DataType::Binary, DataType::Binary)];
        assert_eq!(types(message), expected);
    }

    /// It once failed the whole file.
    #[test]
    fn a_group_without_columns_is_left_out() {
        let leaf = Type::primitive_type_builder("a", Physical::INT64).build().unwrap();
        let empty = Type::group_type_builder("empty").with_repetition(Repetition::OPTIONAL);
        let empty = empty.build().unwrap();
        let (leaf, empty) = (Arc::new(leaf), Arc::new(empty));
        let group = |name, fields: &[&TypePtr]| {
            let fields = fields.iter().map(|&field| field.clone()).collect();
            let group = Type::group_type_builder(name).with_fields(fields);
            Arc::new(group.with_repetition(Repetition::OPTIONAL).build().unwrap())
        };
        let (hollow, mixed) = (group("hollow", &[&empty]), group("mixed", &[&empty, &leaf]));
        let root = Type::group_type_builder("schema")
            .with_fields(vec![empty, hollow, mixed, leaf])
            .build()
            .unwrap();
        let columns = FileColumns::of(&SchemaDescriptor::new(Arc::new(root)), None).unwrap();
        let names = columns.found.fields().iter().map(|field| field.name().as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["mixed", "a"]);
        assert_eq!(columns.parquet.num_columns(), 2);
    }

    #[test]
    fn instants_of_96_bits_are_read_in_microseconds() {
        let us = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(types("message m { optional int96 a; }"), [(us.clone(), us)]);
    }
}
