//! Random faults on every kind of request: a run ends well or says that it may be tried again, and
//! one more run leaves the bytes of a run without faults. `COHORT_FAULT_SEEDS=from..to` chooses the
//! seeds.

use std::time::Duration;

use crate::fault_proxy::{Fault, Proxy};
use crate::s3_job::{Place, State, committed, current, history_holds, sample};
use crate::seaweed::server;

const SEEDS: std::ops::Range<u64> = 0..200;
/// Places that seeds are spread over, each with a thread.
const PLACES: u64 = 8;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("COHORT_FAULT_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("COHORT_FAULT_SEEDS: expected from..to");
    from.parse().unwrap()..to.parse().unwrap()
}

/// A well mixed number from a seed and a position.
fn mixed(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(position << 17 | 1);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What happens to a request under a seed. Each seed has a rate of its own, from rare faults to a
/// storage that hardly works.
fn fault(seed: u64, number: usize, write: bool) -> Fault {
    let rate = [3, 10, 25, 60][(seed % 4) as usize];
    let dice = mixed(seed, number as u64);
    if dice % 100 >= rate {
        return Fault::None;
    }
    let at = (dice >> 40) as usize % 5_000;
    match (dice >> 32) % 9 {
        0 => Fault::Status(503, "SlowDown"),
        1 => Fault::Status(500, "InternalError"),
        2 if write => Fault::Status(409, "ConditionalRequestConflict"),
        3 => Fault::ResetBefore,
        4 => Fault::ResetAfter,
        5 => Fault::StatusAfter(500, "InternalError"),
        6 => Fault::Truncate(at),
        7 => Fault::Stall(at),
        _ => Fault::DelayHeaders(Duration::from_millis(100)),
    }
}

#[test]
fn runs_under_random_faults_end_well_or_temporarily_and_converge() {
    let input = sample(1);
    std::thread::scope(|threads| {
        for part in 0..PLACES {
            let input = &input;
            threads.spawn(move || {
                let place = Place::new("faults", &sample(2));
                let other = place.run_clean();
                place.put(input);
                place.restore(&State::new());
                let clean = place.run_clean();
                for seed in seeds().filter(|seed| seed % PLACES == part) {
                    // Each seed runs over nothing, over the same result, or over another one.
                    let before = match mixed(seed, 9) % 3 {
                        0 => State::new(),
                        1 => clean.clone(),
                        _ => other.clone(),
                    };
                    under_faults(&place, seed, &before, &clean);
                }
            });
        }
    });
}

fn under_faults(place: &Place, seed: u64, before: &State, clean: &State) {
    place.restore(before);
    let proxy =
        Proxy::start(server().port, move |request| fault(seed, request.number, request.is_write()));
    let ended = place.run(proxy.port);
    assert!(matches!(ended.exit, Some(0 | 75)), "seed {seed}: {:?}: {}", ended.exit, ended.log);
    proxy.wait_until_idle();
    let (found, wanted) = (committed(&place.outputs()), committed(clean));
    assert!(found == committed(before) || found == wanted, "seed {seed}: another run is committed");
    assert!(ended.exit == Some(75) || found == wanted, "seed {seed}: success without a commit");
    let next = place.run_clean();
    assert!(current(&next) == *clean, "seed {seed}: one more run left another state");
    let replaced = if before == clean { State::new() } else { before.clone() };
    history_holds(&next, &replaced);
}
