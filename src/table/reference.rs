//! Campaigns and context, decoded whole (SPEC 2).

use arrow::array::RecordBatch;

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use super::rejects::{Reason, Reject};
use super::values::{Doubles, Instants, Texts};
use crate::cohort::{Candidate, causes};
use crate::contract::{CAMPAIGNS, CONTEXT, Log};

/// How one of the two tables names its columns, and what stands in for a null category.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The contract's description.
    pub log: &'static Log,
    source: causes::Source,
    id: &'static str,
    label: &'static str,
    category: &'static str,
}

/// `all_campaign_data`.
pub const CAMPAIGN_TABLE: Table = Table {
    log: &CAMPAIGNS,
    source: causes::Source::Campaign,
    id: "campaign_id",
    label: "name",
    category: "Marketing",
};

/// `contextual_data`.
pub const CONTEXT_TABLE: Table = Table {
    log: &CONTEXT,
    source: causes::Source::Context,
    id: "context_id",
    label: "label",
    category: "Context",
};

/// What a row group gave.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Candidate causes.
    pub candidates: Vec<Candidate>,
    /// Rows without a required value.
    pub rejects: Vec<Reject>,
}

impl Table {
    /// The root columns to fetch.
    pub fn roots(&self, source: &Source) -> Vec<usize> {
        self.log.columns.iter().filter_map(|column| source.columns.root(column.name)).collect()
    }

    /// Decodes a row group.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Instant`].
    pub fn decode(
        &self,
        source: &Source,
        row_group: usize,
        fetched: Fetched,
    ) -> Result<Decoded, Error> {
        let mut decoded = Decoded::default();
        let mut first = 0;
        for batch in source.file.batches(fetched, row_group, &self.roots(source), None)? {
            let batch =
                batch.map_err(|error| Error::corrupt(&source.file.object.uri, row_group, error))?;
            self.batch(source, row_group, first, &batch, &mut decoded)?;
            first += batch.num_rows();
        }
        Ok(decoded)
    }

    fn batch(
        &self,
        source: &Source,
        row_group: usize,
        first: usize,
        batch: &RecordBatch,
        decoded: &mut Decoded,
    ) -> Result<(), Error> {
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        let [id, label, store_id, sku, category] =
            [self.id, self.label, "store_id", "sku", "category"]
                .map(|name| Texts::new(column(name)));
        let [starts_at, ends_at] = ["starts_at", "ends_at"].map(|name| Instants::new(column(name)));
        let confidence = Doubles::new(column("confidence"));
        for row in 0..batch.num_rows() {
            let instant = |column: &Instants, name| {
                column.get(row).map_err(|_| Error::Instant {
                    uri: source.file.object.uri.clone(),
                    log: self.log.name,
                    column: name,
                    row: source.file.first_row(row_group) + (first + row) as u64,
                })
            };
            let starts_at = instant(&starts_at, "starts_at")?;
            let ends_at = instant(&ends_at, "ends_at")?;
            let candidate = (|| {
                let missing = Reason::MissingValue;
                Ok(Candidate {
                    source: self.source,
                    id: id.get(row).ok_or(missing(self.id))?.into(),
                    label: label.get(row).ok_or(missing(self.label))?.into(),
                    starts_at: starts_at.ok_or(missing("starts_at"))?,
                    ends_at: ends_at.ok_or(missing("ends_at"))?,
                    category: category.get(row).unwrap_or(self.category).into(),
                    store_id: store_id.get(row).map(Box::from),
                    sku: sku.get(row).map(Box::from),
                    confidence: confidence.get(row).unwrap_or(1.0),
                })
            })();
            match candidate {
                Ok(candidate) => decoded.candidates.push(candidate),
                Err(reason) => decoded.rejects.push(Reject { row: first + row, reason }),
            }
        }
        Ok(())
    }
}
