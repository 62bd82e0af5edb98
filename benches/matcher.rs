//! How fast the scan's matcher finds the wanted rows, by the order in which a log is written.
//!
//! `cargo bench --features bench --bench matcher`

use cohort::scan_bench::{Order, Scanned, Shape};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// 100 stores, 50 SKUs of each, 100 ticks: half a million rows, in one row group.
const SHAPE: Shape = Shape { stores: 100, skus: 50, ticks: 100 };

#[divan::bench(args = [Order::Ticks, Order::Stores, Order::Cells])]
fn wanted(bencher: Bencher<'_, '_>, order: Order) {
    let rows = SHAPE.stores * SHAPE.skus * SHAPE.ticks;
    match Scanned::new(SHAPE, order) {
        Ok(scanned) => bencher
            .counter(ItemsCount::new(rows))
            .bench(|| black_box(&scanned).wanted().unwrap_or_default()),
        Err(error) => panic!("{error}"),
    }
}
