//! `cohort verify` on random histories: no false alarm, and exactly the runs that a rerun would
//! change.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::history::{History, Instant, history, moment};
use crate::lake::{Lake, Partitioning, Shape};
use crate::model::Params;
use crate::properties::config;
use crate::verify::{rerun, reruns, verify};

/// A run for each stretch between the cuts. `None` if one of them refuses the history.
fn committed(lake: &Lake, history: &History, cuts: &[Instant]) -> Option<Vec<Params>> {
    let mut parts = history.parts(cuts);
    for (number, part) in parts.iter_mut().enumerate() {
        part.run_id = format!("part+{number}");
        if lake.run(part, &[]).exit != 0 {
            return None;
        }
    }
    Some(parts)
}

fn content(lake: &Lake, run_id: &str) -> Value {
    let folder = run_id.replace('+', "%2B");
    let path = lake.path().join(format!("out/lineage/run={folder}/lineage.json"));
    let lineage: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    lineage["content_sha256"].clone()
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn verify_gives_no_false_alarm_and_names_what_a_late_change_touches(
        history in history(),
        partitioning in select(&Partitioning::ALL[..]),
        seed in prop::option::of(any::<u64>()),
        cuts in prop::collection::vec(moment(), 0..3),
        late in any::<prop::sample::Index>(),
    ) {
        let shape = Shape { partitioning, seed, recoded: None };
        let lake = Lake::new(&history.input, shape);
        let Some(parts) = committed(&lake, &history, &cuts) else { return Ok(()) };
        for arguments in [&[][..], &["--quick"]] {
            let (exit, report) = verify(lake.path(), arguments);
            prop_assert_eq!(exit, 0, "{:?}: {:#}", arguments, report);
            prop_assert_eq!(report["runs"].as_array().unwrap().len(), parts.len());
        }
        if seed.is_some() || history.input.reports.is_empty() {
            return Ok(());
        }
        // Another row is known from now on, or one no more.
        let mut changed = history.input.clone();
        let at = late.index(changed.reports.len());
        if at % 2 == 0 {
            changed.reports.remove(at);
        } else {
            let mut row = changed.reports[at].clone();
            row.detected_at = row.detected_at.map(|tick| tick + history.scene.gap / 2);
            changed.reports.push(row);
        }
        lake.rewrite(&changed, shape);
        let named = |report: &Value| -> BTreeSet<String> {
            reruns(report).into_iter().map(|(run_id, _)| run_id).collect()
        };
        let (_, quick) = verify(lake.path(), &["--quick"]);
        let (_, report) = verify(lake.path(), &[]);
        let before: Vec<_> = parts.iter().map(|part| content(&lake, &part.run_id)).collect();
        let mut fails = false;
        for part in &parts {
            let failed = lake.run(part, &[]).exit != 0;
            let runs = report["runs"].as_array().unwrap();
            let run = runs.iter().find(|run| run["run_id"] == *part.run_id).unwrap();
            prop_assert_eq!(!run["unrepeatable"].is_null(), failed, "{:#}", run);
            fails |= failed;
        }
        let changed = parts.iter().zip(before).filter(|(part, before)| {
            content(&lake, &part.run_id) != *before
        });
        let changed: BTreeSet<String> = changed.map(|(part, _)| part.run_id.clone()).collect();
        prop_assert_eq!(&named(&report), &changed, "{:#}", report);
        prop_assert!(named(&quick).is_superset(&changed), "{:#}", quick);
        rerun(&report);
        prop_assert!(fails || verify(lake.path(), &[]).0 == 0);
        prop_assert!(fails || verify(lake.path(), &["--quick"]).0 == 0);
    }
}
