//! Every crash point (SPEC 11): the process is killed before and after each of its writes lands.

use std::time::Duration;

use crate::fault_proxy::{Fault, Proxy};
use crate::s3_job::{
    Place, State, committed, current, history_holds, nothing_is_left_over, sample,
};
use crate::seaweed::server;

/// Longer than a run and its retries take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_first_run_killed_at_any_write_leaves_nothing_or_all_and_the_next_one_ends_it() {
    let place = Place::new("crash-first", &sample(1));
    let clean = place.run_clean();
    nothing_is_left_over(&clean);
    every_crash_point(&place, &State::new(), &clean);
}

#[test]
fn a_rerun_over_changed_input_killed_at_any_write_leaves_the_old_run_or_the_new() {
    let place = Place::new("crash-rerun", &sample(1));
    let old = place.run_clean();
    place.put(&sample(2));
    place.restore(&State::new());
    let clean = place.run_clean();
    assert_ne!(old, clean, "the second sample was to change the result");
    every_crash_point(&place, &old, &clean);
}

/// From the same state before, kills one run at each write, checks what it left, and lets another
/// run end it.
fn every_crash_point(place: &Place, before: &State, clean: &State) {
    place.restore(before);
    let counting = Proxy::start(server().port, |_| Fault::None);
    let ended = place.run(counting.port);
    assert_eq!(ended.exit, Some(0), "{}", ended.log);
    let undisturbed = place.outputs();
    assert!(current(&undisturbed) == *clean, "a run that was not killed left another state");
    history_holds(&undisturbed, before);
    let writes = counting.writes();
    assert!(writes >= 5, "expected parts, a probe and a lineage, found {:?}", counting.seen());
    let (earlier, later) = (committed(before), committed(clean));
    for point in 0..writes {
        for hold in [Fault::HoldBefore, Fault::HoldAfter] {
            place.restore(before);
            let name = format!("{hold:?} at write {point} of {writes}");
            kill_at(place, point, hold, &name);
            let found = committed(&place.outputs());
            assert!(found == earlier || found == later, "{name}: another run is committed");
            let next = place.run_clean();
            assert!(current(&next) == *clean, "{name}: the next run left another state");
            history_holds(&next, before);
        }
    }
}

fn kill_at(place: &Place, point: usize, hold: Fault, name: &str) {
    let proxy = Proxy::start(server().port, move |request| {
        if request.is_write() && request.write_number == point { hold.clone() } else { Fault::None }
    });
    let mut process = place.spawn(proxy.port);
    let held = proxy.held.recv_timeout(PATIENCE);
    // On Unix this is SIGKILL.
    process.kill().unwrap();
    let ended = process.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&ended.stderr);
    assert!(held.is_ok(), "{name}: the run ended before: {log}");
    assert_eq!(ended.status.code(), None, "{name}: the run was not killed: {log}");
    // The request that is held goes nowhere any more. Others that were under way may still land.
    drop(held);
    proxy.wait_until_idle();
}
