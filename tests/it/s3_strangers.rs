//! What others leave in a run's folders on S3, and damage. `strangers` has the same on local disk.

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

/// Keys that no run writes, beside the folders of runs and in them. `housekeeping` has the same on
/// local disk.
#[test]
fn keys_beside_the_runs_are_named_once_and_left_out() {
    let place = Place::new("beside", &sample(1));
    let clean = place.run_clean();
    let (melog, _) = part_of(&clean, "minority_event_log");
    let run = melog.trim_end_matches('/').rsplit('/').next().unwrap();
    let odd = [
        "notes.txt",
        "run=../x",
        "run=/x",
        "run=a b/lineage.json",
        "run=file",
        "lost/x/y",
        "odd\u{1}\u{8}key",
        "a+b %41 c",
    ];
    let mut strangers: Vec<String> = Vec::new();
    for output in ["lineage", "minority_event_log"] {
        strangers.extend(odd.iter().map(|name| format!("out/{output}/{name}")));
        // Markers of folders, and what is in a run's folder.
        let inside = ["run=marker/", &format!("{run}/"), &format!("{run}/sub/part-0"), "//x"];
        strangers.extend(inside.iter().map(|name| format!("out/{output}/{name}")));
    }
    place.put(&strangers.into_iter().map(|key| (key, Bytes::from("a stranger's"))).collect());
    let manifest = place.prefix.join("run_manifest.json").to_string();
    for (command, more, roots) in
        [("files", &[][..], 1), ("registry", &[], 1), ("verify", &["--quick"], 2)]
    {
        let mut job = std::process::Command::new(crate::binary::binary());
        job.args([command, "--manifest", &manifest]).args(more).env_remove("RUST_LOG");
        crate::s3_job::environment(&mut job, server().port, ADMIN);
        let done: Ended = job.output().unwrap().into();
        assert_eq!(done.exit, Some(0), "{command}: {}", done.log);
        let warned: Vec<_> = done.log.lines().filter(|line| line.contains("no run")).collect();
        assert_eq!(warned.len(), roots, "{command}: {}", done.log);
        for line in warned {
            for name in ["notes.txt", "run=\"", "run=a b", "run=file", "lost"] {
                let name = name.replace('"', "\\\"");
                assert!(line.contains(&name), "{command}: {name} is not in {line}");
            }
        }
    }
}
