//! Many processes with one `run_id` at once.

use std::process::Child;
use std::time::Duration;

use crate::s3_job::{
    Ended, Place, State, committed, current, history_holds, nothing_is_left_over, sample,
};
use crate::seaweed::server;

const PROCESSES: usize = 16;

fn ended(processes: Vec<Child>) -> Vec<Ended> {
    processes.into_iter().map(|process| process.wait_with_output().unwrap().into()).collect()
}

#[test]
fn sixteen_runs_over_the_same_input_commit_it_once() {
    let place = Place::new("race-same", &sample(1));
    let clean = place.run_clean();
    for _ in 0..2 {
        place.restore(&State::new());
        let ended = ended((0..PROCESSES).map(|_| place.spawn(server().port)).collect());
        for run in &ended {
            assert_eq!(run.exit, Some(0), "{}", run.log);
        }
        // A run whose write had to be repeated finds its own content and cannot tell whose it is:
        // it may say `committed` beside the winner. Without a retry, only the winner does.
        let summaries = ended.iter().filter_map(|run| run.summary.as_ref());
        let committed: Vec<_> =
            summaries.filter(|summary| summary["status"] == "committed").collect();
        let at_once = committed.iter().filter(|one| one["execution"]["retries"] == 0).count();
        assert!(!committed.is_empty() && at_once <= 1, "{committed:?}");
        assert!(place.outputs() == clean, "the race left another state than one run alone");
    }
}

#[test]
fn sixteen_runs_whose_input_changes_half_way_leave_one_of_the_two_results() {
    let first = sample(1);
    // One object changes, so that there is no third state of the input between the two.
    let changes =
        |name: &String| name.starts_with("minority_reports_detected_log/date=2025-01-01/");
    let mut second = first.clone();
    second.extend(sample(2).into_iter().filter(|(name, _)| changes(name)));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    assert_eq!(first.keys().filter(|name| changes(name)).count(), 1);
    let place = Place::new("race-changed", &first);
    let old = place.run_clean();
    place.put(&second);
    place.restore(&State::new());
    let new = place.run_clean();
    let results = [committed(&old), committed(&new)];
    for delay_ms in [0, 100, 400] {
        place.put(&first);
        place.restore(&State::new());
        let mut processes: Vec<Child> =
            (0..PROCESSES / 2).map(|_| place.spawn(server().port)).collect();
        std::thread::sleep(Duration::from_millis(delay_ms));
        place.put(&second);
        processes.extend((0..PROCESSES / 2).map(|_| place.spawn(server().port)));
        let mut succeeded = 0;
        for run in ended(processes) {
            match run.exit {
                Some(0) => succeeded += 1,
                // Its input changed under it, or another run won.
                Some(75) => {}
                _ => panic!("{delay_ms} ms: exit {:?}: {}", run.exit, run.log),
            }
        }
        let left = place.outputs();
        if succeeded > 0 {
            nothing_is_left_over(&left);
            assert!(results.contains(&committed(&left)), "{delay_ms} ms: a mixture is committed");
        }
        let next = current(&place.run_clean());
        assert!(next == new, "{delay_ms} ms: the next run left another state");
    }
}

#[test]
fn sixteen_runs_that_replace_one_result_keep_it_once() {
    let place = Place::new("race-replace", &sample(1));
    let old = place.run_clean();
    place.put(&sample(2));
    place.restore(&State::new());
    let new = place.run_clean();
    place.restore(&old);
    let runs = ended((0..PROCESSES).map(|_| place.spawn(server().port)).collect());
    for run in runs {
        assert_eq!(run.exit, Some(0), "{}", run.log);
    }
    let left = place.outputs();
    assert!(current(&left) == new, "the race left another state than one run alone");
    history_holds(&left, &old);
}
