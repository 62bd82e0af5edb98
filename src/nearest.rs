//! "Did you mean": the known name that a mistyped one is closest to.

/// The candidate that a mistyped name most likely meant; `None` only if there are no candidates.
///
/// A candidate that contains the name, or is contained in it, comes before all others. Then the
/// fewest edits decide.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = name.to_lowercase();
    let distance = |candidate: &str| {
        let part = typed.len() > 2 && (candidate.contains(&typed) || typed.contains(candidate));
        (!part, strsim::osa_distance(&typed, candidate))
    };
    candidates.into_iter().min_by_key(|candidate| (distance(candidate), *candidate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cohort_core::contract::MRDL;

    #[test]
    fn the_nearest_name_has_the_fewest_edits() {
        let names = || MRDL.columns.iter().map(|column| column.name);
        assert_eq!(nearest("storeid", names()), Some("store_id"));
        assert_eq!(nearest("Detected_At", names()), Some("detected_at"));
        assert_eq!(nearest("x", []), None);
    }
}
