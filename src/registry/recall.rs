//! Asks the inputs for what the logs leave open (SPEC 8, *What the logs leave open*).

use std::collections::BTreeMap;
use std::sync::Arc;

use cohort_core::Life;
use cohort_core::registry::{Recalled, Recollection, Registry};

use super::error::Error;
use crate::committed::Committed;
use crate::manifest::Places;
use crate::run::{Asked, Shell};

/// Why a total is not known if the manifest does not lead to what was sold.
const NO_SALES: &str = "windows of one SKU meet, and the manifest names no \
                        baseline_sales_model_prediction_log that says what each instant sold";

/// Fills in what the inputs of the manifest show. Only windows that meet are read, by the settings
/// of the runs that wrote them.
pub(super) async fn recall(
    shell: &Shell,
    places: &Places,
    runs: &[Committed],
    registry: &mut Registry,
) -> Result<(), Error> {
    let by_name: BTreeMap<&str, &Committed> =
        runs.iter().map(|run| (run.lineage.run_id.as_str(), run)).collect();
    let mut asked = Vec::new();
    let mut blind = Vec::new();
    for needed in registry.needed() {
        let Some(run) = by_name.get(needed.run_id) else { continue };
        let recorded = &run.lineage.manifest;
        let sold = recorded.inputs.sales.is_some() && !needed.skus.is_empty();
        if sold && places.inputs.sales.is_none() {
            blind.push(needed.event_id);
            continue;
        }
        asked.push(Asked {
            event_id: needed.event_id,
            store_id: Arc::from(needed.store_id),
            from: needed.from,
            to: needed.to,
            continues: needed.continues,
            skus: needed.skus.clone(),
            life: Life { gap: recorded.gap, duration_max: recorded.max_event_duration },
            max_lookback: recorded.max_lookback,
        });
    }
    if asked.is_empty() && blind.is_empty() {
        return Ok(());
    }
    let found = shell.recall(&places.inputs, &asked).await?;
    let stores = asked.iter().map(|asked| &*asked.store_id);
    let of_stores: BTreeMap<&str, _> =
        stores.map(|store| (store, found.predictions.of_store(store))).collect();
    let mut inputs: Recollection<'_> =
        blind.into_iter().map(|event| (event, Err(NO_SALES))).collect();
    for asked in &asked {
        let lines = found.lines.get(&asked.event_id).map_or(&[][..], |lines| lines);
        let predictions = &of_stores[&*asked.store_id];
        inputs.insert(asked.event_id, Ok(Recalled { lines, predictions }));
    }
    Ok(registry.recall(&inputs)?)
}
