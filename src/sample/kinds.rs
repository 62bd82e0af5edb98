//! What goes wrong, or unusually right, in a shop: the kinds of incident, as detection, clustering
//! and attribution see them.

use super::chain::Product;

/// A kind of incident.
#[derive(Debug)]
pub(super) struct AnomalyKind {
    /// How often it happens, relative to the others.
    pub(super) weight: usize,
    /// Its cluster's id and name, if clustering has one for it.
    pub(super) cluster: Option<(&'static str, &'static str)>,
    /// What sales are multiplied by.
    pub(super) factor: f64,
    /// Its length in ticks, least and most.
    pub(super) ticks: (usize, usize),
    /// Which part of the shop it hits.
    pub(super) spread: Spread,
    /// Who knows why it happened.
    pub(super) explanation: Explanation,
}

/// The part of a shop that an incident hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// One product.
    One,
    /// So many products of a kind.
    Some(usize, Pick),
    /// The whole shop: reported without a SKU.
    Shop,
}

/// The products that an incident of several products picks from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Any,
    Chilled,
    Fresh,
}

impl Pick {
    pub(super) const fn takes(self, product: &Product) -> bool {
        match self {
            Self::Any => true,
            Self::Chilled => product.category.chilled,
            Self::Fresh => product.category.fresh,
        }
    }
}

/// Where the explanation of an incident can be found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Explanation {
    /// Attribution writes it on the reports, some ticks after the onset: cause, category, evidence.
    Attributed(&'static str, &'static str, &'static str),
    /// `all_campaign_data` has a campaign of this name.
    Campaign(&'static str),
    /// `contextual_data` has an entry with this label and category.
    Context(&'static str, &'static str),
    /// Nobody.
    Unknown,
}

/// The kind of the store that is never quiet.
pub(super) const PRICE_STEP: usize = 2;
/// The worked example's kind.
pub(super) const DEMAND_SPIKE: usize = 3;
/// The kind of what a stuck detector reports.
pub(super) const UNKNOWN: usize = 8;

pub(super) const KINDS: [AnomalyKind; 9] = [
    AnomalyKind {
        weight: 28,
        cluster: Some(("c01", "shelf gap")),
        factor: 0.05,
        ticks: (4, 14),
        spread: Spread::One,
        explanation: Explanation::Attributed(
            "Shelf stock-out",
            "Supply",
            r#"{"source":"shelf_camera","facing":"empty"}"#,
        ),
    },
    AnomalyKind {
        weight: 7,
        cluster: Some(("c02", "chilled range collapse")),
        factor: 0.12,
        ticks: (8, 26),
        spread: Spread::Some(6, Pick::Chilled),
        explanation: Explanation::Attributed(
            "Refrigeration failure",
            "Equipment",
            r#"{"source":"telemetry","sensor":"cabinet_temperature","celsius":11.5}"#,
        ),
    },
    AnomalyKind {
        weight: 12,
        cluster: Some(("c03", "price step")),
        factor: 2.2,
        ticks: (6, 20),
        spread: Spread::One,
        explanation: Explanation::Attributed(
            "Price label error",
            "Pricing",
            r#"{"source":"price_audit","label":"outdated"}"#,
        ),
    },
    AnomalyKind {
        weight: 16,
        cluster: Some(("c04", "demand spike")),
        factor: 2.8,
        ticks: (8, 20),
        spread: Spread::Some(3, Pick::Any),
        explanation: Explanation::Campaign("Flash sale"),
    },
    AnomalyKind {
        weight: 6,
        cluster: Some(("c05", "store-wide drop")),
        factor: 0.25,
        ticks: (3, 9),
        spread: Spread::Shop,
        explanation: Explanation::Attributed(
            "Checkout outage",
            "Operations",
            r#"{"source":"till_log","tills_down":4}"#,
        ),
    },
    AnomalyKind {
        weight: 5,
        cluster: Some(("c05", "store-wide drop")),
        factor: 0.55,
        ticks: (10, 30),
        spread: Spread::Shop,
        explanation: Explanation::Context("Heavy snowfall", "Weather"),
    },
    AnomalyKind {
        weight: 8,
        cluster: Some(("c06", "morning gap")),
        factor: 0.10,
        ticks: (6, 18),
        spread: Spread::Some(5, Pick::Fresh),
        explanation: Explanation::Attributed(
            "Late delivery",
            "Logistics",
            r#"{"source":"dock_log","delay_minutes":75}"#,
        ),
    },
    AnomalyKind {
        weight: 6,
        cluster: Some(("c04", "demand spike")),
        factor: 2.1,
        ticks: (6, 16),
        spread: Spread::Some(4, Pick::Any),
        explanation: Explanation::Context("Local derby", "Event"),
    },
    AnomalyKind {
        weight: 10,
        cluster: None,
        factor: 0.4,
        ticks: (2, 6),
        spread: Spread::One,
        explanation: Explanation::Unknown,
    },
];
