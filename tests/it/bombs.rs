//! Bombs: files of a few bytes that claim or inflate to many. Memory grows with what the job keeps
//! of a file, and what it refuses is named.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array};
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::{Value, json};

use crate::attack::{Attacked, last_word, texts, ticks, write};
use crate::sample;

const MIB: u64 = 1 << 20;
const MRDL: &str = "minority_reports_detected_log";

/// A run that must succeed: its summary, and what its lineage says of the reports.
#[track_caller]
pub(crate) fn runs(lake: &Attacked) -> (Value, Value) {
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let (_, lineage) = lake.lineage();
    (serde_json::from_slice(&done.stdout).unwrap(), lineage["inputs"][MRDL].clone())
}

#[track_caller]
pub(crate) fn peaks_below(summary: &Value, mib: u64) {
    let peak = summary["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < mib * MIB, "{} MiB", peak / MIB);
}

/// A run that must call a file corrupt, in little memory.
#[track_caller]
fn is_corrupt(lake: &Attacked, says: &str) {
    let limit = "ulimit -v 400000 && exec \"$0\" \"$@\"";
    let done = lake.limited("bash", &["-c", limit]).output().unwrap();
    let line = last_word(&done);
    assert_eq!(done.status.code(), Some(65), "{line}");
    assert!(line.contains(says) && line.contains(MRDL), "{line}");
    assert_eq!(lake.result()["exit_code"], 65);
}

/// A file with this footer and nothing else.
fn with_footer(footer: &[u8]) -> Attacked {
    let lake = Attacked::new();
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    fs::write(lake.reports(), [b"PAR1", footer, &length, b"PAR1"].concat()).unwrap();
    lake
}

/// It once was a stack overflow, which ends the process by SIGABRT.
#[test]
fn a_schema_that_is_nested_100_000_deep_is_corrupt() {
    let depth = 100_000_u32;
    let count = depth + 1;
    // The version, and a list of structs, whose length is a number of 7 bits a byte.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    footer.extend([(count & 127) as u8 | 128, (count >> 7 & 127) as u8 | 128, (count >> 14) as u8]);
    // Groups named g with one child each, and a column named c.
    for _ in 0..depth {
        footer.extend([0x48, 1, b'g', 0x15, 0x02, 0]);
    }
    footer.extend([0x15, 0x02, 0x25, 0x00, 0x18, 1, b'c', 0]);
    // No rows, no row groups.
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0]);
    is_corrupt(&with_footer(&footer), "100 groups in one another");
}

#[test]
fn a_list_that_claims_more_than_its_bytes_hold_is_corrupt() {
    // Row groups, 2^31 - 1 of them.
    let claims = [0x15, 0x02, 0x19, 0x0c, 0x16, 0, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
    is_corrupt(&with_footer(&claims), "footer");
}

#[test]
fn a_page_of_more_than_128_mib_is_corrupt_whatever_its_codec() {
    let gzip = Compression::GZIP(GzipLevel::default());
    let brotli = Compression::BROTLI(Default::default());
    for codec in [Compression::ZSTD(ZstdLevel::default()), gzip, brotli, Compression::SNAPPY] {
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_dictionary_enabled(false)
            .build();
        let lake = Attacked::new();
        let long = "x".repeat(129 << 20);
        let columns = vec![("store_id", texts([long])), ("detected_at", ticks([0]))];
        write(&lake.reports(), columns, properties);
        is_corrupt(&lake, "a page of");
    }
}

/// Where texts have their lengths apart, a page says how many they are a second time.
#[test]
fn a_page_with_the_lengths_of_more_texts_than_it_has_is_corrupt() {
    let rows = 20_000;
    // A block of 128 lengths in 4 parts, so many of them, and as many as three bytes can say.
    let (count, claim) = ([0x80, 0x01, 4, 0xa0, 0x9c, 0x01], [0x80, 0x01, 4, 0xff, 0xff, 0x7f]);
    for (encoding, lists) in
        [(Encoding::DELTA_LENGTH_BYTE_ARRAY, 1), (Encoding::DELTA_BYTE_ARRAY, 2)]
    {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_dictionary_enabled(false)
                .set_column_encoding("store_id".into(), encoding)
                .build();
            let columns = vec![
                ("store_id", texts((0..rows).map(|store| format!("store {}", store % 7)))),
                ("detected_at", ticks((0..rows).map(|row| row % 1440))),
            ];
            let lake = Attacked::new();
            write(&lake.reports(), columns, properties);
            let sound = fs::read(lake.reports()).unwrap();
            let places = sound.windows(count.len()).enumerate();
            let places: Vec<_> = places.filter(|(_, bytes)| *bytes == count).collect();
            assert_eq!(places.len(), lists, "{encoding} {version:?}");
            for (place, _) in places {
                let mut bomb = sound.clone();
                bomb[place..place + claim.len()].copy_from_slice(&claim);
                fs::write(lake.reports(), bomb).unwrap();
                is_corrupt(&lake, "with the lengths of 2097151");
            }
        }
    }
}

/// The same text in all rows, held in the file once.
fn one_long_text(rows: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; rows]);
    Arc::new(DictionaryArray::try_new(keys, texts(["x".repeat(1 << 20)])).unwrap())
}

/// 600 stores whose reports all name one cause of a mebibyte.
fn one_long_cause(dictionary: bool) -> Attacked {
    let lake = Attacked::new();
    let rows = 600;
    let cause = one_long_text(rows);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(dictionary)
        .set_write_batch_size(8)
        .build();
    let stores = (0..rows).map(|store| format!("store {store}"));
    let columns = vec![
        ("store_id", texts(stores)),
        ("detected_at", ticks((0..rows as i64).map(|row| row % 1440))),
        ("proposed_cause", cause),
    ];
    write(&lake.reports(), columns, properties);
    sample::change_manifest(&lake.root, |manifest| {
        let inputs = manifest["inputs"].as_object_mut().unwrap();
        inputs.retain(|log, _| log == MRDL);
    });
    lake
}

#[test]
fn a_text_of_a_mebibyte_that_600_rows_share_is_held_once() {
    for dictionary in [true, false] {
        let (summary, _) = runs(&one_long_cause(dictionary));
        assert_eq!(summary["counts"]["stores"], 600);
        peaks_below(&summary, 300);
    }
}

#[test]
fn two_million_duplicates_of_one_row_take_the_room_of_a_few() {
    let rows = 2_000_000;
    let lake = Attacked::with_reports(vec![
        ("store_id", texts(std::iter::repeat_n("1", rows))),
        ("detected_at", ticks(std::iter::repeat_n(0, rows))),
        ("anomaly_id", texts(std::iter::repeat_n("a", rows))),
    ]);
    let (summary, reports) = runs(&lake);
    assert_eq!(reports["rows_duplicate"], rows as u64 - 1);
    peaks_below(&summary, 128);
}

#[test]
fn candidates_that_repeat_take_the_room_of_a_few() {
    let many = 1_000_000;
    for (log, id, label) in
        [("all_campaign_data", "campaign_id", "name"), ("contextual_data", "context_id", "label")]
    {
        let of = |rows: usize, category: ArrayRef| {
            let lake = Attacked::new();
            let file = fs::read_dir(lake.root.join(log)).unwrap().next().unwrap().unwrap().path();
            let minutes = || ticks(std::iter::repeat_n(0, rows));
            let columns = vec![
                (id, texts(std::iter::repeat_n("a", rows))),
                (label, texts(std::iter::repeat_n("b", rows))),
                ("category", category),
                ("starts_at", minutes()),
                ("ends_at", minutes()),
            ];
            write(&file, columns, WriterProperties::default());
            runs(&lake).0
        };
        peaks_below(&of(many, texts(std::iter::repeat_n("c", many))), 200);
        peaks_below(&of(600, one_long_text(600)), 200);
    }
}

/// A lake with these notes on so many events of a run, and the id of the first of them.
fn edited(
    lake: Attacked,
    events: usize,
    [ids, value, reason]: [ArrayRef; 3],
) -> (Attacked, String) {
    runs(&lake);
    let shown = lake.cohort(&["registry", "--manifest", "run_manifest.json", "--as", "jsonl"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let rows = shown.lines().take(events).map(|row| serde_json::from_str::<Value>(row).unwrap());
    let events: Vec<_> = rows.map(|row| row["event_id"].as_str().unwrap().to_owned()).collect();
    let rows = ids.len();
    let same = |text: &str| texts(std::iter::repeat_n(text, rows));
    let columns = vec![
        ("edit_id", ids),
        ("event_id", texts(events.iter().cycle().take(rows))),
        ("field", same("note")),
        ("new_value", value),
        ("edited_by", same("a")),
        ("edited_at", ticks(std::iter::repeat_n(0, rows))),
        ("reason", reason),
    ];
    let edits = lake.root.join("edits");
    fs::create_dir_all(&edits).unwrap();
    write(&edits.join("bomb.parquet"), columns, WriterProperties::default());
    sample::change_manifest(&lake.root, |manifest| {
        manifest["inputs"]["user_minority_events_edits_log"] = json!({"uri": "edits/"});
    });
    (lake, events[0].clone())
}

/// A command on a lake in so much memory. What it prints goes nowhere.
fn in_memory(mib: u64, lake: &Attacked, arguments: &[&str]) -> Output {
    let mut limited = Command::new("bash");
    limited.args(["-c", &format!("ulimit -v {} && exec \"$0\" \"$@\"", mib << 10)]);
    limited.arg(crate::binary::binary()).args(arguments);
    limited.args(["--manifest", "run_manifest.json"]);
    limited.current_dir(&lake.root).stdout(Stdio::null()).output().unwrap()
}

#[track_caller]
fn takes_at_most(mib: u64, lake: &Attacked, arguments: &[&str]) {
    let done = in_memory(mib, lake, arguments);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {said}");
}

fn numbers(count: usize) -> ArrayRef {
    texts((0..count).map(|number| number.to_string()))
}

#[test]
fn edits_that_repeat_take_the_room_of_a_few() {
    let many = 3_000_000;
    let same = |text: &str| texts(std::iter::repeat_n(text, many));
    let short = [same("1"), same("quiet"), same("b")];
    takes_at_most(500, &edited(Attacked::new(), 1, short).0, &["registry"]);
    let long = [numbers(600), one_long_text(600), one_long_text(600)];
    takes_at_most(500, &edited(Attacked::new(), 1, long).0, &["registry"]);
}

/// It once was a panic where a batch of Arrow holds no more, and many times their room before.
#[test]
fn a_history_of_long_edits_takes_the_room_of_its_texts() {
    let rows = 200;
    let long = [numbers(rows), one_long_text(rows), one_long_text(rows)];
    let (lake, event) = edited(Attacked::new(), 1, long);
    for form in ["table", "jsonl"] {
        takes_at_most(500, &lake, &["registry", "--as", form]);
    }
    for form in ["text", "json"] {
        takes_at_most(500, &lake, &["explain", "--event", &event, "--as", form]);
    }
    let by = ["--edited-by", "a"];
    let edit = [&["edit", "--event", &event, "--set", "note=b"], &by[..]].concat();
    takes_at_most(500, &lake, &edit);
    let done = in_memory(500, &lake, &["registry", "--as", "parquet"]);
    let line = last_word(&done);
    assert_eq!(done.status.code(), Some(65), "{line}");
    assert!(line.contains(&event) && line.contains("in trail") && line.contains("--as jsonl"));
}

#[test]
fn long_edits_that_do_not_apply_take_the_room_of_their_texts() {
    let rows = 300;
    // They share an id, and differ in their reasons.
    let same = texts(std::iter::repeat_n("1", rows));
    let (lake, _) = edited(Attacked::new(), 1, [same, one_long_text(rows), numbers(rows)]);
    for form in ["table", "jsonl"] {
        takes_at_most(500, &lake, &["registry", "--unapplied", "--as", form]);
    }
    takes_at_most(500, &lake, &["registry", "--as", "jsonl"]);
}

/// All of them once were in one batch.
#[test]
fn a_text_that_many_events_share_is_printed_in_the_room_of_a_few_rows() {
    let rows = 250;
    let lake = Attacked::with_reports(vec![
        ("store_id", numbers(rows)),
        ("detected_at", ticks(std::iter::repeat_n(0, rows))),
    ]);
    let long = [numbers(rows), one_long_text(rows), one_long_text(rows)];
    let (lake, _) = edited(lake, rows, long);
    for form in ["table", "jsonl", "parquet"] {
        takes_at_most(500, &lake, &["registry", "--as", form]);
    }
}

#[test]
fn a_text_over_a_mebibyte_rejects_its_row_and_is_cut_among_the_rejects() {
    let long = "x".repeat((1 << 20) + 1);
    for column in ["store_id", "sku", "anomaly_id", "supporting_evidence"] {
        let mut columns: Vec<(&str, ArrayRef)> = vec![("detected_at", ticks([0, 5]))];
        for name in ["store_id", "sku", "anomaly_id", "supporting_evidence"] {
            let first = if name == column { long.as_str() } else { "1" };
            columns.push((name, texts([first, "1"])));
        }
        let lake = Attacked::with_reports(columns);
        sample::change_manifest(&lake.root, |manifest| {
            manifest["outputs"]["rejects"] = json!("out/rejects/");
        });
        let (summary, reports) = runs(&lake);
        assert_eq!(reports["rows_rejected"], json!({"value_too_long": 1}), "{column}");
        assert_eq!(summary["rows"]["rejects"], 1);
        let (_, lineage) = lake.lineage();
        assert!(lineage["outputs"]["rejects"]["files"][0]["bytes"].as_u64().unwrap() < 20_000);
    }
}

/// Values of JSON take many times the room of their text, so none are made of a lineage.
#[test]
fn a_lineage_of_many_small_values_takes_the_room_of_its_text() {
    let lake = Attacked::new();
    runs(&lake);
    let (path, _) = lake.lineage();
    let sound = fs::read_to_string(&path).unwrap();
    let bomb = "0,".repeat(20_000_000);
    // A key of a later release is ignored, whatever it holds.
    let ignored = sound.replacen('{', &format!("{{\"later\": [{bomb}0],"), 1);
    fs::write(&path, ignored).unwrap();
    for command in ["files", "registry", "verify"] {
        takes_at_most(300, &lake, &[command]);
    }
    let reasons: String = (0..3_000_000).map(|reason| format!("\"{reason}\":0,")).collect();
    let sums = format!("\"values_out_of_range\": {{{reasons}\"a\":0}}");
    let many = sound.replacen("\"values_out_of_range\": {}", &sums, 1);
    assert_ne!(many, sound);
    for (bomb, says) in [
        (many, "at most 1000 members"),
        (sound.replacen("\"files\": [", &format!("\"files\": [{bomb}"), 1), "invalid type"),
        (format!("[{bomb}0]"), "trailing characters"),
    ] {
        fs::write(&path, bomb).unwrap();
        for command in ["files", "registry"] {
            let done = in_memory(300, &lake, &[command]);
            let line = last_word(&done);
            assert_eq!(done.status.code(), Some(65), "{command}: {line}");
            assert!(line.contains(says) && line.contains("lineage.json"), "{command}: {line}");
        }
    }
}

#[test]
fn a_manifest_of_many_small_values_is_refused_before_they_are_made() {
    let lake = Attacked::new();
    let manifest = lake.root.join("run_manifest.json");
    fs::write(&manifest, format!("{{\"a\": [{}0]}}", "0,".repeat(20_000_000))).unwrap();
    let limit = "ulimit -v 400000 && exec \"$0\" \"$@\"";
    let done = lake.limited("bash", &["-c", limit]).output().unwrap();
    assert_eq!(done.status.code(), Some(78), "{done:?}");
    assert!(last_word(&done).contains("bytes, more than"), "{done:?}");
}

#[test]
fn a_manifest_without_an_end_is_refused() {
    let lake = Attacked::new();
    let mut endless = Command::new("bash");
    endless.args(["-c", "exec \"$0\" run --manifest /dev/stdin </dev/zero"]);
    let done = endless.arg(crate::binary::binary()).output().unwrap();
    let done_by_device = lake.cohort(&["run", "--manifest", "/dev/zero"]);
    assert_eq!(done_by_device.status.code(), Some(78), "{done_by_device:?}");
    assert_eq!(done.status.code(), Some(78), "{done:?}");
    assert!(last_word(&done).contains("at most 268435456 bytes"), "{done:?}");
}
