//! How long the rows of one event take: `cargo bench -p cohort-core`.

use cohort_core::batch::{MelogBatch, MrchBatch};
use cohort_core::{
    Candidates, Duration, Event, EventRows, Evidence, Interval, Life, Names, Predictions, Report,
    Sale, Score, Series, Timestamp, event_rows, events,
};

/// Microseconds from one tick to the next.
const TICK_US: i64 = 300_000_000;

fn main() {
    divan::main();
}

/// The same predictions for every SKU.
struct Same {
    sales: Vec<Sale>,
    scores: Vec<Score>,
}

impl Predictions for Same {
    fn series(&self, _sku: Option<&str>) -> Series<'_> {
        Series { sales: &self.sales, scores: &self.scores }
    }
}

fn at(tick: usize) -> Timestamp {
    Timestamp::from_us(tick as i64 * TICK_US).unwrap_or(Timestamp::MAX)
}

/// An event of so many lines, each with a row at every one of so many ticks.
fn event(lines: usize, ticks: usize) -> Event {
    let rows = (0..lines).flat_map(|line| {
        (0..ticks).map(move |tick| Report {
            sku: Some(format!("sku-{line}").into()),
            first_detected_from: Some(at(0)),
            ..Report::at(at(tick))
        })
    });
    let day = Duration::from_us(86_400_000_000);
    let life = Life { gap: Duration::from_us(6 * TICK_US), duration_max: day };
    events(rows.collect(), life, None).0.remove(0)
}

fn predictions(ticks: usize) -> Same {
    Same {
        sales: (0..ticks).map(|tick| Sale { at: at(tick), baseline: None, actual: None }).collect(),
        scores: (0..ticks).map(|tick| Score { at: at(tick), score: Some(0.5) }).collect(),
    }
}

const SHAPES: [(usize, usize); 3] = [(1, 6), (20, 6), (20, 200)];

/// Events to lines: grouping and duplicates.
#[divan::bench(args = SHAPES)]
fn grouped(bencher: divan::Bencher<'_, '_>, (lines, ticks): (usize, usize)) {
    bencher.bench(|| event(lines, ticks));
}

/// Lines to rows, and rows to a batch of each log.
#[divan::bench(args = SHAPES)]
fn written(bencher: divan::Bencher<'_, '_>, (lines, ticks): (usize, usize)) {
    let (event, predictions, candidates) =
        (event(lines, ticks), predictions(ticks), Candidates::default());
    let interval = Interval { start: Timestamp::MIN, end: Timestamp::MAX };
    let names = Names::new("327", event.opened_at);
    bencher.bench(|| {
        let evidence =
            Evidence { store_id: "327", predictions: &predictions, candidates: &candidates };
        let mut rows = EventRows::default();
        event_rows(&event, evidence, interval, &mut rows).unwrap_or_default();
        let (mut mrch, mut melog) = (MrchBatch::new("bench"), MelogBatch::new("bench"));
        melog.push(&names, &event, &rows);
        mrch.push(&names, &event, &rows, usize::MAX, |_| Ok::<_, arrow::error::ArrowError>(()))
            .and_then(|()| Ok((mrch.finish()?, melog.finish()?)))
    });
}
