//! Rows of MELOG, held small: a registry may hold a million of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::event_row::EventRow;
use super::lines::Today;
use super::totals::amount;
use crate::identity::base_name;
use crate::{EventStatus, Id, Money, Overflow, Timestamp};

/// A text, by its place among the [`Symbols`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symbol(NonZeroU32);

/// Every distinct text once.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    index: HashMap<Arc<str>, Symbol>,
    texts: Vec<Arc<str>>,
}

/// A row of MELOG without what follows from its store and its opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub id: Id,
    pub store: Symbol,
    pub created_at: Timestamp,
    pub version: i32,
    pub run: Symbol,
    status: Option<bool>,
    /// `cohort_name` is the event's base name and then the label, which `name` holds.
    named_by_label: bool,
    name: Option<Symbol>,
    reason: Option<Symbol>,
    cause: Option<Symbol>,
    category: Option<Symbol>,
    continues: Option<Symbol>,
    end_reason: Option<Symbol>,
    counts: [u32; 2],
    /// `window_start`, `window_end`, `finalized_at`, `written_at`.
    instants: [Small; 4],
    /// `impact_estimate`, `attributed_sales_total`, `baseline_sales_total`.
    amounts: [Small; 3],
    /// The bits of `severity_score`, `confidence_score`, `cohort_confidence`.
    doubles: [u64; 3],
}

/// A number of 64 bits or null, in 64 bits: no instant and no amount is as small as the null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Small(i64);

/// The bits of a double that is null: that of a NaN, which no row holds.
const NULL_BITS: u64 = f64::NAN.to_bits();
const NULL_COUNT: u32 = u32::MAX;

impl Small {
    fn new(value: Option<i64>) -> Self {
        Self(value.unwrap_or(i64::MIN))
    }

    fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
    }

    fn instant(self) -> Option<Timestamp> {
        self.get().and_then(|us| Timestamp::from_us(us).ok())
    }

    fn amount(self) -> Option<Money> {
        self.get().and_then(|units| Money::from_units(units.into()).ok())
    }
}

fn double(bits: u64) -> Option<f64> {
    Some(f64::from_bits(bits)).filter(|value| !value.is_nan())
}

impl Symbol {
    /// Its place among the texts.
    pub(super) fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Symbols {
    /// The text's symbol.
    pub(super) fn of(&mut self, text: &str) -> Symbol {
        if let Some(&known) = self.index.get(text) {
            return known;
        }
        let shared: Arc<str> = text.into();
        self.texts.push(shared.clone());
        // More texts than fit the number do not fit in memory either.
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let symbol = Symbol(NonZeroU32::new(place).unwrap_or(NonZeroU32::MAX));
        self.index.insert(shared, symbol);
        symbol
    }

    fn maybe(&mut self, text: Option<&str>) -> Option<Symbol> {
        text.map(|text| self.of(text))
    }

    /// The symbol's text.
    pub(super) fn text(&self, symbol: Symbol) -> &str {
        self.texts.get(symbol.place()).map_or("", |text| text)
    }

    /// The rank of each symbol that is asked for in the byte order of their texts, by the symbol's
    /// place. Comparing ranks is faster than comparing texts.
    pub(super) fn ranks(&self, among: impl Iterator<Item = Symbol>) -> Vec<u32> {
        let mut ranks = vec![0; self.texts.len()];
        let mut wanted = vec![false; self.texts.len()];
        among.for_each(|symbol| wanted[symbol.place()] = true);
        let mut places: Vec<usize> = (0..wanted.len()).filter(|&place| wanted[place]).collect();
        places.sort_unstable_by(|&a, &b| self.texts[a].cmp(&self.texts[b]));
        for (rank, place) in (0..).zip(places) {
            ranks[place] = rank;
        }
        ranks
    }

    fn text_of(&self, symbol: Option<Symbol>) -> Option<&str> {
        symbol.map(|symbol| self.text(symbol))
    }
}

impl Packed {
    /// The row, with its texts among the symbols.
    pub(super) fn new(row: &EventRow<'_>, symbols: &mut Symbols) -> Self {
        let label = row.cohort_name.as_deref().and_then(|name| {
            let base = base_name(row.store_id, row.created_at);
            let rest = name.strip_prefix(base.as_str())?;
            if rest.is_empty() { Some(None) } else { rest.strip_prefix(", ").map(Some) }
        });
        let name = match label {
            Some(label) => label,
            None => row.cohort_name.as_deref(),
        };
        Self {
            id: row.event_id,
            store: symbols.of(row.store_id),
            created_at: row.created_at,
            version: row.version,
            run: symbols.of(row.run_id),
            status: row.event_status.map(EventStatus::is_ended),
            named_by_label: label.is_some(),
            name: symbols.maybe(name),
            reason: symbols.maybe(row.cohort_reason),
            cause: symbols.maybe(row.proposed_cause),
            category: symbols.maybe(row.proposed_cause_category),
            continues: symbols.maybe(row.continues_event_id),
            end_reason: symbols.maybe(row.end_reason),
            counts: [row.report_count, row.sku_count].map(|count| count.unwrap_or(NULL_COUNT)),
            instants: [row.window_start, row.window_end, row.finalized_at, row.written_at]
                .map(|at| Small::new(at.map(Timestamp::as_us))),
            amounts: [row.impact_estimate, row.attributed_sales_total, row.baseline_sales_total]
                .map(|amount| Small::new(amount.map(Money::units))),
            doubles: [row.severity_score, row.confidence_score, row.cohort_confidence]
                .map(|value| value.map_or(NULL_BITS, f64::to_bits)),
        }
    }

    /// The row again.
    pub(super) fn row<'r>(&self, symbols: &'r Symbols) -> EventRow<'r> {
        let store_id = symbols.text(self.store);
        let label = symbols.text_of(self.name);
        let cohort_name = if self.named_by_label {
            let base = base_name(store_id, self.created_at);
            let more = label.map(|label| format!(", {label}")).unwrap_or_default();
            Some(Cow::Owned(base + &more))
        } else {
            label.map(Cow::Borrowed)
        };
        let [window_start, window_end, finalized_at, written_at] =
            self.instants.map(Small::instant);
        let [impact_estimate, attributed_sales_total, baseline_sales_total] =
            self.amounts.map(Small::amount);
        let [severity_score, confidence_score, cohort_confidence] = self.doubles.map(double);
        let [report_count, sku_count] =
            self.counts.map(|count| Some(count).filter(|&count| count != NULL_COUNT));
        let status = |ended| if ended { EventStatus::Ended } else { EventStatus::Active };
        EventRow {
            event_id: self.id,
            store_id,
            window_start,
            window_end,
            event_status: self.status.map(status),
            created_at: self.created_at,
            finalized_at,
            version: self.version,
            report_count,
            sku_count,
            severity_score,
            impact_estimate,
            attributed_sales_total,
            baseline_sales_total,
            proposed_cause: symbols.text_of(self.cause),
            proposed_cause_category: symbols.text_of(self.category),
            confidence_score,
            cohort_confidence,
            cohort_name,
            cohort_reason: symbols.text_of(self.reason),
            continues_event_id: symbols.text_of(self.continues),
            end_reason: symbols.text_of(self.end_reason),
            run_id: symbols.text(self.run),
            written_at,
        }
    }

    /// The row of an open event with the figures of its last tick.
    ///
    /// # Errors
    /// [`Overflow`] if the impact does not fit.
    pub(super) fn with(&self, today: &Today, symbols: &mut Symbols) -> Result<Self, Overflow> {
        let shared = &today.shared;
        let label = match (&shared.cause, &today.cluster_name) {
            (Some(cause), _) => Some(Some(cause.as_ref())),
            (None, Ok(cluster)) => Some(cluster.as_deref()),
            (None, Err(_)) => None,
        };
        let [_, window_end, finalized_at, _] = self.instants;
        let instant = |at: Timestamp| Small::new(Some(at.as_us()));
        let totals = &today.totals;
        let amounts =
            [amount(totals.impact())?, amount(totals.attributed)?, amount(totals.baseline)?];
        Ok(Self {
            run: symbols.of(&today.run),
            named_by_label: label.is_some(),
            name: symbols.maybe(label.flatten()),
            reason: Some(symbols.of(&shared.reason)),
            cause: symbols.maybe(shared.cause.as_deref()),
            category: symbols.maybe(shared.category.as_deref()),
            counts: [shared.size, today.skus],
            instants: [
                instant(today.window_start),
                window_end,
                finalized_at,
                instant(shared.written_at),
            ],
            amounts: amounts.map(|amount| Small::new(amount.map(Money::units))),
            doubles: [today.severity, shared.confidence, shared.cohort_confidence]
                .map(|value| value.map_or(NULL_BITS, f64::to_bits)),
            ..self.clone()
        })
    }

    /// `written_at`.
    pub(super) fn written_at(&self) -> Option<Timestamp> {
        self.instants[3].instant()
    }

    /// Whether the event continues another.
    pub(super) fn continues(&self) -> bool {
        self.continues.is_some()
    }

    /// Whether the row says that the event has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.status == Some(true)
    }

    /// Whether both rows say the same, whichever run wrote them.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        Self { run: self.run, ..other.clone() } == *self
    }
}
