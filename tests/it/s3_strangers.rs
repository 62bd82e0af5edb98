//! What others leave in a run's folders on S3, and damage: as `strangers` has it on local disk.

use bytes::Bytes;

use crate::s3_job::{Ended, Place, State, committed, sample};
use crate::seaweed::{ADMIN, server};

fn ran(place: &Place, arguments: &[&str]) -> Ended {
    let ended: Ended = place.command(server().port, ADMIN).args(arguments).output().unwrap().into();
    assert_eq!(ended.exit, Some(0), "{}", ended.log);
    ended
}

/// The folder of the run below an output, and a part in it.
fn part_of(outputs: &State, log: &str) -> (String, String) {
    let prefix = format!("out/{log}/");
    let part = outputs.keys().find(|name| name.starts_with(&prefix)).unwrap();
    (part[..=part.rfind('/').unwrap()].to_owned(), part.clone())
}

#[test]
fn strangers_stay_and_are_named() {
    let place = Place::new("strangers", &sample(1));
    let (folder, _) = part_of(&place.run_clean(), "minority_event_log");
    let strangers: State =
        ["notes.txt", "part-1.parquet", "sub/part-00000-0123456789abcdef.parquet"]
            .into_iter()
            .map(|name| (format!("{folder}{name}"), Bytes::from("a stranger's")))
            .collect();
    place.put(&strangers);
    let left_over = format!("{folder}part-00009-0123456789abcdef.parquet");
    place.put(&State::from([(left_over.clone(), Bytes::from("left over"))]));
    let ended = ran(&place, &["--gap", "PT10M"]);
    let outputs = place.outputs();
    for name in strangers.keys() {
        assert!(outputs.contains_key(name), "{name} was deleted");
    }
    assert!(!outputs.contains_key(&left_over), "an earlier run's part was left");
    assert!(ended.log.contains("notes.txt"), "{}", ended.log);
}

#[test]
fn a_damaged_part_is_mended_by_a_rerun() {
    let place = Place::new("damaged", &sample(1));
    let clean = place.run_clean();
    let (_, part) = part_of(&clean, "minority_event_log");
    for length in [clean[&part].len(), 5, 0] {
        place.put(&State::from([(part.clone(), Bytes::from(vec![7; length]))]));
        let ended = ran(&place, &[]);
        assert!(ended.log.contains("mended"), "{}", ended.log);
        assert!(place.outputs() == clean, "the part was not mended");
        assert_eq!(ran(&place, &[]).summary.unwrap()["status"], "unchanged");
    }
    assert!(committed(&clean).is_some());
}
