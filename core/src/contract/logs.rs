//! One slot for each log, so that whatever holds something per log names every log once.

use serde::{Deserialize, Serialize};

use super::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, EDITS, Log, MELOG, MRCH, MRDL, REJECTS};

/// Something for each input log, in the contract's order. Only MRDL must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<T> {
    /// For MRDL.
    #[serde(rename = "minority_reports_detected_log")]
    pub reports: T,
    /// For the classifier's log.
    #[serde(
        rename = "anomaly_classifier_model_prediction_log",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub scores: Option<T>,
    /// For the baseline log.
    #[serde(
        rename = "baseline_sales_model_prediction_log",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub sales: Option<T>,
    /// For the campaigns.
    #[serde(
        rename = "all_campaign_data",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub campaigns: Option<T>,
    /// For the context.
    #[serde(rename = "contextual_data", default = "none", skip_serializing_if = "Option::is_none")]
    pub context: Option<T>,
    /// For the edits, which only the registry reads.
    #[serde(
        rename = "user_minority_events_edits_log",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub edits: Option<T>,
}

/// Something for each output log, in the contract's order. `rejects` is written only on request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs<T> {
    /// For MRCH.
    #[serde(rename = "minority_reports_cohorted_log")]
    pub mrch: T,
    /// For MELOG.
    #[serde(rename = "minority_event_log")]
    pub melog: T,
    /// For the rejected rows.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub rejects: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

impl Inputs<&'static Log> {
    /// Every input log.
    pub const LOGS: Self = Self {
        reports: &MRDL,
        scores: Some(&CLASSIFIER),
        sales: Some(&BASELINE),
        campaigns: Some(&CAMPAIGNS),
        context: Some(&CONTEXT),
        edits: Some(&EDITS),
    };
}

impl Outputs<&'static Log> {
    /// Every output log.
    pub const LOGS: Self = Self { mrch: &MRCH, melog: &MELOG, rejects: Some(&REJECTS) };
}

impl<T> Inputs<T> {
    /// The logs that are there, each with what is held for it, in order.
    pub fn each(&self) -> impl Iterator<Item = (&'static Log, &T)> {
        let Self { reports, scores, sales, campaigns, context, edits } = self;
        [
            (&MRDL, Some(reports)),
            (&CLASSIFIER, scores.as_ref()),
            (&BASELINE, sales.as_ref()),
            (&CAMPAIGNS, campaigns.as_ref()),
            (&CONTEXT, context.as_ref()),
            (&EDITS, edits.as_ref()),
        ]
        .into_iter()
        .filter_map(|(log, held)| held.map(|held| (log, held)))
    }

    /// What is held for a log, if it is there.
    pub fn get(&self, log: &Log) -> Option<&T> {
        self.each().find_map(|(known, held)| (known == log).then_some(held))
    }

    /// The same logs, each with what `with` makes of it.
    pub fn map<U>(self, mut with: impl FnMut(&'static Log, T) -> U) -> Inputs<U> {
        Inputs {
            reports: with(&MRDL, self.reports),
            scores: self.scores.map(|held| with(&CLASSIFIER, held)),
            sales: self.sales.map(|held| with(&BASELINE, held)),
            campaigns: self.campaigns.map(|held| with(&CAMPAIGNS, held)),
            context: self.context.map(|held| with(&CONTEXT, held)),
            edits: self.edits.map(|held| with(&EDITS, held)),
        }
    }

    /// The logs that are in both, each with what both hold for it.
    pub fn zip<U>(self, other: Inputs<U>) -> Inputs<(T, U)> {
        Inputs {
            reports: (self.reports, other.reports),
            scores: self.scores.zip(other.scores),
            sales: self.sales.zip(other.sales),
            campaigns: self.campaigns.zip(other.campaigns),
            context: self.context.zip(other.context),
            edits: self.edits.zip(other.edits),
        }
    }

    /// The same logs by reference.
    pub const fn as_ref(&self) -> Inputs<&T> {
        Inputs {
            reports: &self.reports,
            scores: self.scores.as_ref(),
            sales: self.sales.as_ref(),
            campaigns: self.campaigns.as_ref(),
            context: self.context.as_ref(),
            edits: self.edits.as_ref(),
        }
    }
}

impl<T> Outputs<T> {
    /// The logs that are there, each with what is held for it, in order.
    pub fn each(&self) -> impl Iterator<Item = (&'static Log, &T)> {
        let Self { mrch, melog, rejects } = self;
        [(&MRCH, Some(mrch)), (&MELOG, Some(melog)), (&REJECTS, rejects.as_ref())]
            .into_iter()
            .filter_map(|(log, held)| held.map(|held| (log, held)))
    }

    /// What is held for a log, if it is there.
    pub fn get(&self, log: &Log) -> Option<&T> {
        self.each().find_map(|(known, held)| (known == log).then_some(held))
    }

    /// The same logs, each with what `with` makes of it.
    pub fn map<U>(self, mut with: impl FnMut(&'static Log, T) -> U) -> Outputs<U> {
        Outputs {
            mrch: with(&MRCH, self.mrch),
            melog: with(&MELOG, self.melog),
            rejects: self.rejects.map(|held| with(&REJECTS, held)),
        }
    }

    /// The logs that are in both, each with what both hold for it.
    pub fn zip<U>(self, other: Outputs<U>) -> Outputs<(T, U)> {
        Outputs {
            mrch: (self.mrch, other.mrch),
            melog: (self.melog, other.melog),
            rejects: self.rejects.zip(other.rejects),
        }
    }

    /// The same logs by reference.
    pub const fn as_ref(&self) -> Outputs<&T> {
        Outputs { mrch: &self.mrch, melog: &self.melog, rejects: self.rejects.as_ref() }
    }
}
