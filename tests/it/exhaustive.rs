//! Every small history: a program that makes choices, run once for each sequence of choices.

use crate::model::{Amount, Input, Report, Sale, Score};

/// Hands out choices: in each round the next sequence of them, until all have been made.
#[derive(Default)]
pub(crate) struct Choices {
    /// What was chosen, and out of how many, from the first choice on.
    made: Vec<(usize, usize)>,
    position: usize,
    started: bool,
}

impl Choices {
    /// Moves on to the next sequence; `false` once there is none.
    pub(crate) fn next_round(&mut self) -> bool {
        self.position = 0;
        if !self.started {
            self.started = true;
            return true;
        }
        while let Some((choice, of)) = self.made.pop() {
            if choice + 1 < of {
                self.made.push((choice + 1, of));
                return true;
            }
        }
        false
    }

    /// A number below `of`.
    pub(crate) fn below(&mut self, of: usize) -> usize {
        if self.position == self.made.len() {
            self.made.push((0, of));
        }
        let (choice, _) = self.made[self.position];
        self.position += 1;
        choice
    }

    /// One of some values.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// The gap of every small history: three microseconds, so that instants can be counted on fingers.
pub(crate) const GAP: i64 = 3;

/// Longest events for small histories, whose rows are at 97 and later: boundaries on the first
/// tick, before it and after it, less than two gaps apart and more, and one too long to matter.
pub(crate) const MAX_EVENT_DURATIONS: [i64; 5] = [4, 5, 6, 7, 1000];

/// How old onsets may be: little more than the distance of two neighbours.
pub(crate) const MAX_LOOKBACK: i64 = 6;

/// All histories of one store with up to `ticks` ticks: neighbours less than, exactly, or just over
/// the gap apart; one SKU, another or both at each tick; onsets given, absent or equal to a derived
/// one; and a payload that tells the rows apart. Each history has a store of its own, so one run
/// sees them all.
pub(crate) fn small_histories(ticks: usize) -> Vec<Input> {
    all(|choices, store_id| small_history(choices, ticks, store_id))
}

/// All chains of one store and SKU with up to `ticks` ticks, and such as are broken once or more:
/// neighbours one to four microseconds apart, the first tick anywhere around a boundary, onsets
/// derived, or stuck at the first tick, or before it until they are too old. There is a sale at
/// every microsecond.
pub(crate) fn chain_histories(ticks: usize) -> Vec<Input> {
    all(|choices, store_id| chain_history(choices, ticks, store_id))
}

/// One history for each sequence of choices, each with its own store.
fn all(mut history: impl FnMut(&mut Choices, &str) -> Input) -> Vec<Input> {
    let mut choices = Choices::default();
    let mut histories = Vec::new();
    while choices.next_round() {
        let store_id = format!("{:05}", histories.len());
        histories.push(history(&mut choices, &store_id));
    }
    histories
}

fn chain_history(choices: &mut Choices, ticks: usize, store_id: &str) -> Input {
    let first = choices.pick(&[97, 98, 99, 100, 101, 102, 103]);
    let onset = choices.pick(&[None, Some(first), Some(first - 2)]);
    let mut input = Input::default();
    let mut tick = first;
    for index in 0..=choices.below(ticks) {
        if index > 0 {
            tick += choices.pick(&[1, GAP - 1, GAP, GAP + 1]);
        }
        input.reports.push(Report {
            store_id: Some(store_id.to_owned()),
            sku: Some("x".to_owned()),
            detected_at: Some(tick),
            first_detected_from: onset,
            severity: Some(0.1 * (index as f64)),
            ..Report::default()
        });
    }
    input.sales.extend((first - 2..=tick).map(|at| Sale {
        store_id: Some(store_id.to_owned()),
        tick_at: Some(at),
        sku: Some("x".to_owned()),
        baseline_sales: Some(1),
        actual_sales: Some(at as Amount),
        ..Sale::default()
    }));
    input
}

fn small_history(choices: &mut Choices, ticks: usize, store_id: &str) -> Input {
    let mut input = Input::default();
    let mut tick = 100;
    let mut first_tick = tick;
    for index in 0..=choices.below(ticks) {
        if index > 0 {
            tick += choices.pick(&[1, GAP, GAP + 1]);
        } else {
            first_tick = tick;
        }
        // One row of the first SKU, one of the second, or one of each.
        let skus: &[Option<&str>] =
            [&[Some("x")][..], &[None][..], &[Some("x"), None][..]][choices.below(3)];
        for sku in skus {
            // The last of these equals what the absent onset of an earlier row was derived as.
            let onset = choices.pick(&[None, Some(tick - 1), Some(first_tick)]);
            let number = input.reports.len() as i128;
            input.reports.push(Report {
                store_id: Some(store_id.to_owned()),
                sku: sku.map(str::to_owned),
                detected_at: Some(tick),
                first_detected_from: onset,
                severity: Some(0.1 * (index as f64)),
                sales_total: Some(10_000 << number),
                cluster_name: Some(format!("c{number}")),
                proposed_cause: (number % 2 == 1).then(|| format!("p{tick}")),
                confidence_score: Some(0.25),
                ..Report::default()
            });
        }
        // Sparse predictions: on the tick, and between ticks.
        if index == 1 {
            input.sales.push(Sale {
                store_id: Some(store_id.to_owned()),
                tick_at: Some(tick - 1),
                sku: Some("x".to_owned()),
                baseline_sales: Some(7),
                actual_sales: Some(11),
                ..Sale::default()
            });
            input.scores.push(Score {
                store_id: Some(store_id.to_owned()),
                tick_at: Some(tick),
                anomaly_score: Some(0.9),
                ..Score::default()
            });
        }
    }
    input
}
