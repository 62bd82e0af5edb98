//! A record batch of campaigns or context as candidate causes (SPEC 2 and 7).

use std::sync::Arc;

use super::Lookup;
use super::texts::Texts;
use super::values::{Doubles, Instants};
use crate::causes::CandidateSource;
use crate::contract::{CAMPAIGNS, CONTEXT, Log};
use crate::rejects::{Reason, Rejects};
use crate::{Candidate, Candidates};

/// What one of the two logs calls its columns, and which category a null one means.
#[derive(Clone, Copy, Debug)]
pub struct CandidateLog {
    /// The contract's description.
    pub log: &'static Log,
    source: CandidateSource,
    id: &'static str,
    label: &'static str,
    category: &'static str,
}

/// `all_campaign_data`.
pub const CAMPAIGN_LOG: CandidateLog = CandidateLog {
    log: &CAMPAIGNS,
    source: CandidateSource::Campaign,
    id: "campaign_id",
    label: "name",
    category: "Marketing",
};

/// `contextual_data`.
pub const CONTEXT_LOG: CandidateLog = CandidateLog {
    log: &CONTEXT,
    source: CandidateSource::Context,
    id: "context_id",
    label: "label",
    category: "Context",
};

impl CandidateLog {
    /// Adds the candidates of a batch, and to `rejects` the rows that lack a required value,
    /// counted from `first`.
    pub fn read(
        &self,
        column: Lookup<'_>,
        rows: usize,
        first: usize,
        candidates: &mut Candidates,
        rejects: &mut Rejects,
    ) {
        let [id, label, store_id, sku, category] =
            [self.id, self.label, "store_id", "sku", "category"]
                .map(|name| Texts::new(column(name)));
        let [starts_at, ends_at] = ["starts_at", "ends_at"].map(|name| Instants::new(column(name)));
        let confidence = Doubles::new(column("confidence"));
        for row in 0..rows {
            let (starts_at, ends_at) = (starts_at.get(row), ends_at.get(row));
            let candidate = (|| {
                let missing = Reason::MissingValue;
                let texts = [&id, &label, &store_id, &sku, &category];
                if let Some(fault) = texts.iter().filter_map(|texts| texts.fault(row)).min() {
                    return Err(fault.reason());
                }
                Ok(Candidate {
                    source: self.source,
                    id: id.get(row).ok_or(missing(self.id))?.into(),
                    label: label.get(row).ok_or(missing(self.label))?.into(),
                    starts_at: starts_at.ok_or(missing("starts_at"))?.nearest(),
                    ends_at: ends_at.ok_or(missing("ends_at"))?.nearest(),
                    category: category.get(row).unwrap_or(self.category).into(),
                    store_id: store_id.get(row).map(Arc::from),
                    sku: sku.get(row).map(Arc::from),
                    confidence: confidence.get(row).unwrap_or(1.0),
                })
            })();
            match candidate {
                Ok(candidate) => candidates.add(candidate),
                Err(reason) => rejects.add(first + row, reason),
            }
        }
    }
}
