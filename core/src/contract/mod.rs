//! The columns of every log, in the contract's order (SPEC 2, 6 and 8). Decoders, encoders, the
//! manifest's column mapping and the published schemas share this one table.

mod inputs;
mod log;
mod logs;
mod outputs;
mod registry;

pub use inputs::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, EDITS, MRDL};
pub use log::{Column, ColumnType, Direction, Log};
pub use logs::{Inputs, Outputs};
pub use outputs::{MELOG, MRCH, REJECTS};
pub use registry::{JSON_COLUMNS, REGISTRY};

/// Every log, inputs first; then the registry, which is a view of several.
pub static ALL: [&Log; 10] = [
    &MRDL,
    &CLASSIFIER,
    &BASELINE,
    &CAMPAIGNS,
    &CONTEXT,
    &EDITS,
    &MRCH,
    &MELOG,
    &REJECTS,
    &REGISTRY,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sort_columns_exist() {
        for log in ALL {
            let mut names: Vec<_> = log.columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), log.columns.len(), "{}", log.name);
            assert!(log.sorted_by.iter().all(|name| log.column(name).is_some()), "{}", log.name);
        }
    }

    #[test]
    fn outputs_have_all_their_columns() {
        assert!(MRCH.columns.iter().chain(MELOG.columns).all(|column| column.required));
        assert_eq!((MRCH.columns.len(), MELOG.columns.len()), (31, 25));
    }

    #[test]
    fn the_serialized_type_is_the_displayed_one() {
        for column in ALL.iter().flat_map(|log| log.columns) {
            assert_eq!(serde_json::json!(column.kind), column.kind.to_string());
        }
    }
}
