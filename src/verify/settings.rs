//! In which settings a run differs from the manifest.

use std::collections::{BTreeMap, BTreeSet};

use cohort_core::contract::EDITS;

use super::report::SettingChange;
use crate::manifest::Places;
use crate::objects::Uri;

/// The settings that rows and their place depend on, and that differ.
pub(crate) fn differences(run: &Places, manifest: &Places) -> Vec<SettingChange> {
    let (of_run, of_manifest) = (texts(run), texts(manifest));
    let names: BTreeSet<&String> = of_run.keys().chain(of_manifest.keys()).collect();
    let both = names.into_iter().map(|name| SettingChange {
        setting: name.clone(),
        of_run: of_run.get(name).cloned(),
        of_manifest: of_manifest.get(name).cloned(),
    });
    both.filter(|setting| setting.of_run != setting.of_manifest).collect()
}

/// Every setting by its name in the manifest.
fn texts(places: &Places) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::from([
        ("gap".to_owned(), places.life.gap.to_string()),
        ("max_event_duration".to_owned(), places.life.duration_max.to_string()),
        ("max_lookback".to_owned(), places.max_lookback.to_string()),
        ("max_reject_ratio".to_owned(), places.max_reject_ratio.to_string()),
    ]);
    // No run reads the edits.
    for (log, dataset) in places.inputs.each().filter(|(log, _)| log.name != EDITS.name) {
        let at = |key: &str| format!("inputs.{}.{key}", log.name);
        texts.insert(at("uri"), dataset.uri.to_string());
        if let Some(partitioning) = &dataset.partitioning {
            texts.insert(at("partitioning"), partitioning.to_string());
        }
        for (column, name) in &dataset.columns {
            texts.insert(at(&format!("columns.{column}")), name.clone());
        }
    }
    let logs = places.outputs.each().map(|(log, uri)| (log.name, uri));
    let outputs: Vec<(&str, &Uri)> = logs.chain([("lineage", &places.lineage)]).collect();
    texts.extend(outputs.into_iter().map(|(log, uri)| (format!("outputs.{log}"), uri.to_string())));
    texts
}
