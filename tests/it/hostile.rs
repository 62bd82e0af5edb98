//! Texts that attack: one set of them through every channel of the binary.

use std::fs;
use std::io::Write as _;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::attack::{Attacked, last_word, texts, ticks};

/// The texts.
fn hostile() -> Vec<String> {
    let texts: Vec<(String, usize)> =
        serde_json::from_str(include_str!("../hostile.json")).unwrap();
    texts.into_iter().map(|(text, times)| text.repeat(times)).collect()
}

/// Nothing that a terminal or an editor obeys or hides, but line feeds between lines.
#[track_caller]
fn is_plain(channel: &str, text: &str) {
    let unseen = |c: char| {
        c.is_control() && c != '\n'
            || matches!(
                c,
                '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2066}'..='\u{2069}'
                    | '\u{feff}'
                    | '\u{e0000}'..='\u{e007f}'
            )
    };
    let found: Vec<_> = text.chars().filter(|&c| unseen(c)).collect();
    assert!(found.is_empty(), "{channel}: {found:?}");
}

/// A value as Dagster packs it into a variable.
pub(crate) fn packed(value: &Value) -> String {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(value.to_string().as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(zlib.finish().unwrap())
}

/// Each text is a store, its SKU, its cluster and its cause.
fn lake() -> Attacked {
    let hostile = hostile();
    let column = || texts(hostile.iter());
    Attacked::with_reports(vec![
        ("store_id", column()),
        ("detected_at", ticks((0..hostile.len() as i64).map(|row| row * 5))),
        ("sku", column()),
        ("cluster_name", column()),
        ("proposed_cause", column()),
    ])
}

#[test]
fn texts_that_attack_reach_every_channel_of_a_run_as_text() {
    let lake = lake();
    let [messages, events] = ["messages", "events"].map(|name| lake.root.join(name));
    let context =
        json!({"data": {"asset_keys": ["minority_event_log"], "extras": {"top_events": 50}}});
    let done = lake
        .limited("env", &[])
        .args(["--log-format", "json", "-vv"])
        .env("DAGSTER_PIPES_CONTEXT", packed(&context))
        .env("DAGSTER_PIPES_MESSAGES", packed(&json!({"path": messages})))
        .env("OPENLINEAGE_FILE", &events)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    for (channel, text) in [
        ("stdout", String::from_utf8(done.stdout).unwrap()),
        ("stderr", String::from_utf8(done.stderr).unwrap()),
        ("result file", fs::read_to_string(lake.result_file()).unwrap()),
        ("pipes", fs::read_to_string(&messages).unwrap()),
        ("openlineage", fs::read_to_string(&events).unwrap()),
    ] {
        is_plain(channel, &text);
        text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
    }
    let messages = fs::read_to_string(&messages).unwrap();
    let messages: Vec<Value> =
        messages.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tables: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["params"]["metadata"]["top_events"]["raw_value"].as_str())
        .collect();
    assert_eq!(tables.len(), 1);
    is_plain("markdown", tables[0]);
    // A row for each store, of five cells each.
    assert_eq!(tables[0].lines().count(), 2 + hostile().len(), "{}", tables[0]);
    for line in tables[0].lines() {
        let bare = line.replace("\\\\", "").replace("\\|", "");
        assert_eq!(bare.matches('|').count(), 6, "{line}");
        assert!(!line.contains(['<', '>', '`']) || line.contains("\\`"), "{line}");
        assert!(
            !line.replace("\\]", "").contains("](")
                && !line.contains("://")
                && !line.contains("www."),
            "{line}"
        );
    }
}

#[test]
fn texts_that_attack_make_no_table_wider_and_move_no_cursor() {
    let lake = lake();
    assert_eq!(lake.run().status.code(), Some(0));
    let (lineage, _) = lake.lineage();
    let lineage = lineage.to_str().unwrap();
    let mut pages = vec![lake.cohort(&["show", "--lineage", lineage, "--top", "50"])];
    for store in hostile() {
        pages.push(lake.cohort(&["show", "--lineage", lineage, "--store", &store]));
    }
    for page in pages {
        assert_eq!(page.status.code(), Some(0), "{page:?}");
        let page = String::from_utf8(page.stdout).unwrap();
        is_plain("show", &page);
        let table = page.lines().take_while(|line| !line.starts_with(" Reports"));
        for line in table {
            assert!(line.chars().count() <= 200, "{line}");
        }
        assert!(page.contains("active") || page.contains("ended"), "{page}");
    }
}

#[test]
fn texts_that_attack_stay_in_the_one_line_of_a_failure() {
    for name in hostile() {
        let lake = Attacked::with_reports(vec![
            (name.as_str(), texts(["1"])),
            ("detected_at", ticks([0])),
        ]);
        let done = lake.run();
        assert_eq!(done.status.code(), Some(65), "{done:?}");
        let line = last_word(&done);
        is_plain("stderr", &line);
        assert!(line.chars().count() < 2_100 && line.contains("store_id"), "{line}");
        let result = fs::read_to_string(lake.result_file()).unwrap();
        is_plain("result file", &result);
        assert_eq!(lake.result()["exit_code"], 65);
    }
}

#[test]
fn the_committed_logs_hold_every_text_as_it_is() {
    let lake = lake();
    assert_eq!(lake.run().status.code(), Some(0));
    let (_, lineage) = lake.lineage();
    let part = lineage["outputs"]["minority_event_log"]["files"][0]["uri"].as_str().unwrap();
    let file = fs::File::open(part.strip_prefix("file://").unwrap()).unwrap();
    let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 1024).unwrap();
    let mut stores = std::collections::BTreeSet::new();
    for batch in rows {
        let batch = batch.unwrap();
        let column = batch.column_by_name("store_id").unwrap();
        let column = arrow::array::AsArray::as_string::<i32>(column);
        stores.extend(column.iter().flatten().map(str::to_owned));
    }
    assert_eq!(stores, hostile().into_iter().collect());
}

/// A control character in the name of a file that was read once ended every command on the lake.
#[test]
fn files_whose_names_attack_are_read_and_shown_as_text() {
    let lake = Attacked::new();
    let reports = lake.reports();
    for (at, text) in hostile().iter().enumerate() {
        let name: String = text.chars().filter(|c| !['/', '\0'].contains(c)).take(50).collect();
        let folder = reports.with_file_name(format!("{at}{name}"));
        fs::create_dir(&folder).unwrap();
        fs::copy(&reports, folder.join(format!("{at}{name}\t.parquet"))).unwrap();
    }
    let summary = serde_json::from_slice(&lake.run().stdout).unwrap();
    crate::schemas::check("summary", &summary).unwrap();
    crate::schemas::check("lineage", &lake.lineage().1).unwrap();
    let on = ["--manifest", "run_manifest.json"];
    let rows = lake.cohort(&[&["registry"], &on[..], &["--as", "jsonl"]].concat());
    let rows = String::from_utf8(rows.stdout).unwrap();
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let event = row["event_id"].as_str().unwrap();
    for (command, more) in [
        ("run", &[][..]),
        ("run", &["--dry-run"]),
        ("run", &["--dry-run", "--as", "json"]),
        ("rerun", &["--run-id", "demo__2025-01-01"]),
        ("registry", &[]),
        ("files", &[]),
        ("page", &["--out", "page.html"]),
        ("verify", &[]),
        ("verify", &["--as", "json"]),
        ("explain", &["--event", event]),
        ("explain", &["--event", event, "--as", "json"]),
        ("history", &["--run-id", "demo__2025-01-01"]),
        ("history", &["--run-id", "demo__2025-01-01", "--as", "json"]),
    ] {
        let done = lake.cohort(&[&[command], &on[..], more].concat());
        assert_eq!(done.status.code(), Some(0), "{command} {more:?}: {done:?}");
        if more.contains(&"json") {
            let schema = if command == "run" { "dry_run" } else { command };
            let said = serde_json::from_slice(&done.stdout).unwrap();
            crate::schemas::check(schema, &said).unwrap();
        }
        for said in [done.stdout, done.stderr] {
            is_plain(command, &String::from_utf8(said).unwrap());
        }
    }
}
