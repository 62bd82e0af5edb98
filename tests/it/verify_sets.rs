//! `cohort verify` on sets of runs: gaps, overlaps, runs without a lineage, lineages that cannot be
//! read, and none at all.

use std::fs;

use serde_json::json;

use crate::lake::Lake;
use crate::model::Params;
use crate::verify::{SHAPE, cohort, day, days, input, lineage, part, reruns, texts, verify};

#[test]
fn gaps_and_overlaps_are_found_and_no_rerun_is_named_for_them() {
    let lake = days();
    fs::remove_dir_all(lineage(&lake, 2).parent().unwrap()).unwrap();
    for log in ["events", "mrch", "rejects"] {
        let _ = fs::remove_dir_all(lake.path().join(format!("out/{log}/run=day%2B2")));
    }
    let day_2 = json!({
        "start": "2025-01-02T00:00:00.000000Z", "end": "2025-01-03T00:00:00.000000Z"
    });
    let (_, report) = verify(lake.path(), &["--quick"]);
    assert_eq!((&report["gaps"], reruns(&report)), (&json!([day_2]), vec![]), "{report:#}");
    // At the ends, a gap is one only if they were asked for.
    let (_, report) = verify(lake.path(), &["--from", "2025-01-02", "--to", "2025-01-05"]);
    assert_eq!(report["gaps"][1]["end"], "2025-01-05T00:00:00.000000Z");
    let twice = Params { run_id: "twice".to_owned(), ..day(3) };
    assert_eq!(lake.run(&twice, &[]).exit, 0);
    let (_, report) = verify(lake.path(), &[]);
    assert_eq!(report["overlaps"][0]["run_ids"], json!(["day+3", "twice"]));
    assert!(report["runs"].as_array().unwrap().iter().all(|run| run["findings"] == json!([])));
}

#[test]
fn parts_of_a_run_that_was_never_committed_are_named() {
    let lake = days();
    fs::remove_file(lineage(&lake, 3)).unwrap();
    for arguments in [&[][..], &["--quick"]] {
        let (exit, report) = verify(lake.path(), arguments);
        let parts = texts(&report["uncommitted"]);
        assert_eq!((exit, parts.len()), (1, 2), "{report:#}");
        assert!(parts[0].contains("/run=day%2B3/part-00000-"), "{parts:?}");
    }
    // A run that is only not asked for is committed all the same.
    let lake = days();
    assert_eq!(verify(lake.path(), &["--from", "2025-01-02", "--to", "2025-01-03"]).0, 0);
    assert_eq!(verify(lake.path(), &["--run-id", "day+1"]).0, 0);
}

#[test]
fn a_lineage_that_cannot_be_read_is_a_finding_and_hides_no_other() {
    let texts: [fn(&Lake) -> Vec<u8>; 3] = [
        |_| b"{".to_vec(),
        |_| b"{\"version\": 2}".to_vec(),
        |lake| fs::read(lineage(lake, 3)).unwrap(),
    ];
    for text in texts {
        let lake = days();
        let content = text(&lake);
        fs::write(lineage(&lake, 2), content).unwrap();
        fs::remove_file(part(&lake, "events", 1)).unwrap();
        let (exit, report) = verify(lake.path(), &[]);
        assert_eq!((exit, report["unreadable"].as_array().unwrap().len()), (1, 1), "{report:#}");
        assert_eq!(reruns(&report), [("day+1".to_owned(), vec!["damaged".to_owned()])]);
        assert_eq!(report["uncommitted"], json!([]), "its parts may be its own");
    }
}

#[test]
fn where_nothing_is_committed_nothing_is_sound() {
    let lake = Lake::new(&input(), SHAPE);
    fs::write(lake.path().join("manifest.json"), lake.manifest(&day(1)).to_string()).unwrap();
    let manifest = lake.path().join("manifest.json");
    let verify_it = |arguments: &[&str]| {
        let fixed = ["verify", "--manifest", manifest.to_str().unwrap()];
        cohort(&[&fixed[..], arguments].concat())
    };
    for arguments in [&[][..], &["--run-id", "day+1"], &["--from", "2025-01-01"]] {
        let done = verify_it(arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(66), "{arguments:?}: {said}");
        assert!(done.stdout.is_empty() && said.lines().count() == 1, "{said}");
    }
    assert_eq!(verify_it(&["--from", "2025-01-02", "--to", "2025-01-01"]).status.code(), Some(2));
    let (_, report) = verify(lake.path(), &["--from", "2025-01-01", "--to", "2025-01-02"]);
    assert_eq!(report["gaps"].as_array().unwrap().len(), 1);
}
