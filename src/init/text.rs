//! The proposed manifest as text, with comments that say what was found.

use arrow::datatypes::{DataType, TimeUnit};
use cohort_core::Timestamp;
use cohort_core::contract::{Inputs, Log, MRDL, Outputs};
use indicatif::HumanBytes;

use super::datasets::LogFound;
use super::names::needed;
use crate::escape;
use crate::objects::Uri;
use crate::screen::Look;
use crate::table::{Column, Holds, TableCell, table};

/// The widest line of a comment.
const WIDTH_MAX: usize = 98;

/// Where to look, and where the manifest and what it describes will be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The prefix that holds the logs.
    pub lake: Uri,
    /// Where the manifest will be written: places below its folder are relative to it.
    pub manifest: Uri,
    /// The prefix under which runs will write.
    pub outputs: Uri,
}

/// The whole manifest.
pub(super) fn manifest(request: &Request, found: &[LogFound]) -> String {
    let mut text = Text::default();
    text.comment(
        0,
        &format!(
            "A run manifest for {}, proposed by `cohort init`. It may have comments like this one; \
         `cohort schema run_manifest` has all of its keys.",
            request.lake
        ),
    );
    text.line(0, "{");
    text.line(2, "\"version\": 1,");
    head(&mut text, found);
    text.line(2, "\"inputs\": {");
    for (at, one) in found.iter().enumerate() {
        input(&mut text, one, request, at + 1 == found.len());
    }
    for (log, _) in Inputs::LOGS.each() {
        if found.iter().all(|one| one.log.name != log.name) {
            text.comment(4, &format!("Not found: {} (it needs {}).", log.name, needed(log)));
        }
    }
    text.line(2, "},");
    text.comment(2, "Every run writes to a folder of its own below these, and nowhere else.");
    text.line(2, "\"outputs\": {");
    let logs: Vec<_> = Outputs::LOGS.each().map(|(log, _)| log.name).chain(["lineage"]).collect();
    for (at, name) in logs.iter().enumerate() {
        let place = place(&request.outputs.join(&format!("{name}/")), &request.manifest);
        let comma = if at + 1 == logs.len() { "" } else { "," };
        text.line(4, &format!("{}: {}{comma}", json(name), json(&place)));
    }
    text.line(2, "}");
    text.line(0, "}");
    text.0
}

/// The table of what was found.
pub(super) fn table_of(found: &[LogFound], look: Look) -> String {
    const COLUMNS: [Column; 5] = [
        Column::new("Log", Holds::Text, 0),
        Column::new("Files", Holds::Number, 2),
        Column::new("Bytes", Holds::Number, 3),
        Column::new("Partitions", Holds::Text, 1),
        Column::new("Folder", Holds::Text, 0),
    ];
    let rows: Vec<Vec<TableCell>> = found
        .iter()
        .map(|one| {
            vec![
                one.log.name.into(),
                one.folder.files.len().to_string().into(),
                HumanBytes(one.folder.bytes()).to_string().into(),
                pattern(one).unwrap_or_else(|| "none".to_owned()).into(),
                one.folder.name().into(),
            ]
        })
        .collect();
    table(&COLUMNS, &rows, look)
}

fn head(text: &mut Text, found: &[LogFound]) {
    text.comment(
        2,
        "One manifest serves every run: --run-id, --interval-start and --interval-end override \
         what is written here.",
    );
    text.line(2, "\"run_id\": \"first-run\",");
    match found.iter().find(|one| one.log.name == MRDL.name).and_then(LogFound::last_day) {
        Some(day) => {
            text.comment(2, "The last day that has reports.");
            let (start, end) = (json(&day.start.to_string()), json(&day.end.to_string()));
            text.line(2, &format!("\"interval\": {{\"start\": {start}, \"end\": {end}}},"));
        }
        None => text.comment(
            2,
            "No day was found that has reports: give --interval-start and --interval-end.",
        ),
    }
    for (comment, line) in [
        ("The longest quiet time inside an event.", "\"gap\": \"PT30M\","),
        (
            "The period at whose boundaries events are cut that go on for longer.",
            "\"max_event_duration\": \"P7D\",",
        ),
        ("How old an onset may be at its detection.", "\"max_lookback\": \"P30D\","),
        (
            "The share of a log's rows that may be rejected before a run fails.",
            "\"max_reject_ratio\": 0.01,",
        ),
    ] {
        text.comment(2, comment);
        text.line(2, line);
    }
}

fn input(text: &mut Text, one: &LogFound, request: &Request, is_last: bool) {
    let log = one.log;
    let (files, bytes) = (one.folder.files.len(), HumanBytes(one.folder.bytes()));
    let plural = if files == 1 { "" } else { "s" };
    let ticks = one.ticks.map_or_else(String::new, |(first, last)| {
        let (first, last) = (minute(first), minute(last));
        format!(" Ticks from {first} to {last} UTC in the files that were looked into.")
    });
    let about = log.meaning;
    text.comment(4, &format!("{files} file{plural}, {bytes}: {about}.{ticks}"));
    columns_found(text, one);
    one.remarks.iter().for_each(|remark| text.comment(4, &format!("Note: {remark}.")));
    text.line(4, &format!("{}: {{", json(log.name)));
    let uri = json(&place(&request.lake.join(&one.folder.path), &request.manifest));
    let mapped: Vec<_> = one.columns.iter().filter(|found| !found.same).collect();
    let pattern = pattern(one);
    let comma = |more: bool| if more { "," } else { "" };
    text.line(6, &format!("\"uri\": {uri}{}", comma(pattern.is_some() || !mapped.is_empty())));
    if let Some(pattern) = pattern {
        let folders = &one.folder.partitions;
        if let (Some(first), Some(last)) = (folders.first(), folders.last()) {
            text.comment(6, &format!("From {} folders, {first} to {last}.", folders.len()));
        }
        if let Some(or) = one.partitions.as_ref().and_then(|found| found.or.as_ref()) {
            text.comment(6, &format!(
                "Every number there has two digits. If others have no leading zeros, it is {or}."
            ));
        }
        let comma = comma(!mapped.is_empty());
        text.line(6, &format!("\"partitioning\": {}{comma}", json(&pattern)));
    }
    if !mapped.is_empty() {
        text.comment(6, "Taken for the contract's columns because the names are near. Check them.");
        let pairs: Vec<_> = mapped
            .iter()
            .map(|found| format!("{}: {}", json(found.column.name), json(&found.name)))
            .collect();
        text.line(6, &format!("\"columns\": {{{}}}", pairs.join(", ")));
    }
    text.line(4, if is_last { "}" } else { "}," });
}

/// The columns with their types, and those of the log that are not there.
fn columns_found(text: &mut Text, one: &LogFound) {
    let kind = |name: &str| {
        one.schema
            .field_with_name(name)
            .map_or_else(|_| String::new(), |field| kind(field.data_type()))
    };
    let used: Vec<_> =
        one.columns.iter().map(|found| format!("{} {}", found.name, kind(&found.name))).collect();
    text.comment(4, &format!("Columns: {}.", used.join(", ")));
    let absent: Vec<&str> = absent(one.log, one).collect();
    if !absent.is_empty() {
        text.comment(4, &format!("Not there, and null: {}.", absent.join(", ")));
    }
    let others = one.schema.fields().iter().map(|field| field.name());
    let others: Vec<_> = others
        .filter(|name| one.columns.iter().all(|found| found.name != **name))
        .map(|name| format!("{name} {}", kind(name)))
        .collect();
    if !others.is_empty() {
        text.comment(4, &format!("Not read: {}.", others.join(", ")));
    }
}

/// A type in the contract's words.
fn kind(found: &DataType) -> String {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Timestamp(unit, zone) => {
            let unit = match unit {
                TimeUnit::Second => "s",
                TimeUnit::Millisecond => "ms",
                TimeUnit::Microsecond => "us",
                TimeUnit::Nanosecond => "ns",
            };
            let zone = zone.as_ref().map_or_else(String::new, |zone| format!(", {zone}"));
            format!("timestamp({unit}{zone})")
        }
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) => format!("list of {}", kind(item.data_type())),
        DataType::Dictionary(_, values) => kind(values),
        other => other.to_string().to_lowercase(),
    }
}

fn absent<'a>(log: &'static Log, one: &'a LogFound) -> impl Iterator<Item = &'static str> + 'a {
    let found = |name: &str| one.columns.iter().any(|found| found.column.name == name);
    log.columns.iter().map(|column| column.name).filter(move |name| !found(name))
}

fn pattern(one: &LogFound) -> Option<String> {
    one.partitions.as_ref().map(|found| found.pattern.to_string())
}

fn minute(at: Timestamp) -> String {
    at.to_string()[..16].replace('T', " ")
}

/// The URI as the manifest has it: relative, if it is below the manifest's folder.
fn place(uri: &Uri, manifest: &Uri) -> String {
    let below = uri.below(&manifest.folder()).filter(|path| !path.is_empty());
    let relative = below.filter(|path| Uri::resolve(manifest, path).as_ref() == Ok(uri));
    relative.map_or_else(|| uri.to_string(), str::to_owned)
}

/// The text as a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lines of JSON and comments.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, line: &str) {
        self.0.push_str(&format!("{:indent$}{line}\n", ""));
    }

    /// A comment, wrapped. No text can leave it: control characters are escapes.
    fn comment(&mut self, indent: usize, comment: &str) {
        let mut line = String::new();
        for word in escape::line(comment).split(' ') {
            let long = indent + 3 + line.chars().count() + word.chars().count() > WIDTH_MAX;
            if long && !line.is_empty() {
                self.line(indent, &format!("//{line}"));
                line.clear();
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(indent, &format!("//{line}"));
    }
}
