//! The registry: one row per event of a set of runs, with people's edits applied (SPEC 8).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use cohort_core::batch::{EditColumns, EventColumns, LineColumns, RegistryBatch, RowFault, schema};
use cohort_core::contract::{EDITS, MELOG, MRCH, REGISTRY};
use cohort_core::registry::{Edit, Events, Registry, Unapplied};
use cohort_core::{Interval, SharedTexts, Timestamp};

use crate::error::Error;
use crate::input::Frame;
use crate::worker::Stop;

/// Rows of one output batch. The columns of JSON may be long.
const BATCH_ROWS: usize = 1 << 13;

/// Edits of one output batch. Each of their texts has at most a mebibyte.
const UNAPPLIED_ROWS: usize = 1 << 10;

/// The frames of a call.
#[derive(Debug)]
pub(crate) struct Logs {
    pub melog: Frame,
    pub mrch: Option<Frame>,
    pub edits: Option<Frame>,
}

/// Runs as the caller wrote them: id, start and end of each.
pub(crate) type WrittenRuns = Vec<(String, String, String)>;

/// Whose rows count, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    /// The runs; `None` if the caller does not know them.
    runs: Option<Vec<(Arc<str>, Interval)>>,
    as_of: Option<Timestamp>,
}

/// What a call gives.
#[derive(Debug)]
pub(crate) struct RegistryRows {
    pub events: Vec<RecordBatch>,
    pub unapplied: Vec<RecordBatch>,
}

/// The ids of the runs whose rows count; `None` if all do.
#[derive(Debug)]
struct Known<'s>(Option<HashSet<&'s str>>);

impl Set {
    /// Checks what was written.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn of(runs: Option<WrittenRuns>, as_of: Option<&str>) -> Result<Self, Error> {
        let run = |(id, start, end): (String, String, String)| {
            let interval = Interval { start: start.parse()?, end: end.parse()? };
            if interval.start >= interval.end {
                return Err(Error::Usage(format!(
                    "runs: expected start before end, found the interval {interval} of {id:?}"
                )));
            }
            Ok((Arc::from(id), interval))
        };
        let runs = runs.map(|runs| runs.into_iter().map(run).collect::<Result<_, _>>());
        Ok(Self { runs: runs.transpose()?, as_of: as_of.map(str::parse).transpose()? })
    }

    fn known(&self) -> Known<'_> {
        Known(self.runs.as_ref().map(|runs| runs.iter().map(|(id, _)| &**id).collect()))
    }
}

impl Known<'_> {
    fn has(&self, run_id: &str) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(run_id))
    }
}

/// One row per event, and the edits that did not apply.
///
/// # Errors
/// [`Error::Data`] for a frame at fault or a sum that is too large, [`Error::Stopped`].
pub(crate) fn registry(logs: Logs, set: &Set, stop: &Stop) -> Result<RegistryRows, Error> {
    let known = set.known();
    let mut events = Events::new(set.runs.as_deref().unwrap_or_default(), set.as_of);
    logs.melog.each(&MELOG, stop, |slice| {
        let columns = EventColumns::new(&|name| slice.column(name));
        for row in 0..slice.rows {
            let event =
                columns.row(row).map_err(|fault| wrong("melog", slice.first + row, &fault))?;
            if known.has(event.run_id) {
                events.add(&event);
            }
        }
        Ok(())
    })?;
    let edits = logs.edits.map_or_else(|| Ok(Vec::new()), |edits| read_edits(edits, stop))?;
    let mut registry = Registry::new(events, edits);
    if let Some(mrch) = logs.mrch {
        mrch.each(&MRCH, stop, |slice| {
            let columns = LineColumns::new(&|name| slice.column(name));
            for row in 0..slice.rows {
                let wrong = |fault: RowFault| wrong("mrch", slice.first + row, &fault);
                if !registry.wants(&columns.event_id(row).map_err(wrong)?) {
                    continue;
                }
                let line = columns.row(row).map_err(wrong)?;
                if known.has(line.run_id) {
                    registry.add(&line);
                }
            }
            Ok(())
        })?;
    }
    registry.complete()?;
    let mut batch = RegistryBatch::default();
    let mut events = Vec::new();
    for row in registry.rows() {
        batch.push(&row)?;
        if batch.is_full(BATCH_ROWS) {
            stop.check()?;
            events.push(batch.finish()?);
        }
    }
    if batch.rows() > 0 {
        events.push(batch.finish()?);
    }
    let edits = registry.unapplied();
    let unapplied = edits.chunks(UNAPPLIED_ROWS).map(unapplied).collect::<Result<_, _>>()?;
    Ok(RegistryRows { events, unapplied })
}

/// The columns of the registry.
pub(crate) fn events_schema() -> SchemaRef {
    schema(&REGISTRY)
}

/// The columns of the edits log, all of which may be null in an edit that does not apply, and why
/// it does not.
pub(crate) fn unapplied_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        text("edit_id"),
        text("event_id"),
        text("field"),
        text("new_value"),
        text("edited_by"),
        Field::new("edited_at", instant, true),
        text("reason"),
        Field::new("because", DataType::Utf8, false),
    ]))
}

fn read_edits(frame: Frame, stop: &Stop) -> Result<Vec<Edit>, Error> {
    let mut edits = BTreeSet::new();
    let mut texts = SharedTexts::default();
    frame.each(&EDITS, stop, |slice| {
        let columns = EditColumns::new(&|name| slice.column(name));
        edits.extend((0..slice.rows).map(|row| columns.row(row, &mut texts)));
        Ok(())
    })?;
    Ok(edits.into_iter().collect())
}

fn unapplied(edits: &[&Unapplied]) -> Result<RecordBatch, Error> {
    let texts = |of: fn(&Edit) -> Option<&str>| -> ArrayRef {
        let mut texts = StringBuilder::new();
        edits.iter().for_each(|unapplied| texts.append_option(of(&unapplied.edit)));
        Arc::new(texts.finish())
    };
    let mut edited_at = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut because = StringBuilder::new();
    for unapplied in edits {
        edited_at.append_option(unapplied.edit.edited_at.map(Timestamp::as_us));
        because.append_value(&unapplied.because);
    }
    let columns: Vec<ArrayRef> = vec![
        texts(|edit| edit.edit_id.as_deref()),
        texts(|edit| edit.event_id.as_deref()),
        texts(|edit| edit.field.as_deref()),
        texts(|edit| edit.new_value.as_deref()),
        texts(|edit| edit.edited_by.as_deref()),
        Arc::new(edited_at.finish()),
        texts(|edit| edit.reason.as_deref()),
        Arc::new(because.finish()),
    ];
    Ok(RecordBatch::try_new(unapplied_schema(), columns)?)
}

fn wrong(frame: &str, row: usize, fault: &str) -> Error {
    Error::Data(format!(
        "{frame}: expected rows as the job writes them, found {fault} in row {row}; pass the log \
         unchanged"
    ))
}
