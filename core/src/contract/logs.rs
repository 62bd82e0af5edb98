//! One slot for each log, so that whatever holds something per log names every log once.

use serde::{Deserialize, Serialize};

use super::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, EDITS, Log, MELOG, MRCH, MRDL, REJECTS};

/// Declares a type with one field per log: `field: LOG as "its key in JSON"`. A new log is one more
/// line.
macro_rules! slots {
    (
        $(#[$about:meta])*
        $name:ident
        must be there {
            $(
                $(#[$required_about:meta])*
                $required:ident: $required_log:ident as $required_key:literal,
            )+
        }
        may be there {
            $(
                $(#[$optional_about:meta])*
                $optional:ident: $optional_log:ident as $optional_key:literal,
            )+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name<T> {
            $(
                $(#[$required_about])*
                #[serde(rename = $required_key)]
                pub $required: T,
            )+
            $(
                $(#[$optional_about])*
                #[serde(
                    rename = $optional_key,
                    default = "none",
                    skip_serializing_if = "Option::is_none"
                )]
                pub $optional: Option<T>,
            )+
        }

        impl $name<&'static Log> {
            /// Every log, in order.
            pub const LOGS: Self = Self {
                $($required: &$required_log,)+
                $($optional: Some(&$optional_log),)+
            };

            /// The logs that must be there, in order. They come before all others.
            pub const REQUIRED: &'static [&'static Log] = &[$(&$required_log),+];
        }

        impl<T> $name<Option<T>> {
            /// The same logs without those for which nothing is held.
            ///
            /// # Errors
            /// The first log that must be there and is not.
            pub fn complete(self) -> Result<$name<T>, &'static Log> {
                Ok($name {
                    $($required: self.$required.ok_or(&$required_log)?,)+
                    $($optional: self.$optional.flatten(),)+
                })
            }
        }

        impl<T> $name<T> {
            /// The logs that are there, each with what is held for it, in order.
            pub fn each(&self) -> impl Iterator<Item = (&'static Log, &T)> {
                [
                    $((&$required_log, Some(&self.$required)),)+
                    $((&$optional_log, self.$optional.as_ref()),)+
                ]
                .into_iter()
                .filter_map(|(log, held)| held.map(|held| (log, held)))
            }

            /// What is held for a log, if it is there.
            pub fn get(&self, log: &Log) -> Option<&T> {
                self.each().find_map(|(known, held)| (known == log).then_some(held))
            }

            /// What is held for a log, if it is there, to be changed.
            pub fn get_mut(&mut self, log: &Log) -> Option<&mut T> {
                $(
                    if *log == $required_log {
                        return Some(&mut self.$required);
                    }
                )+
                $(
                    if *log == $optional_log {
                        return self.$optional.as_mut();
                    }
                )+
                None
            }

            /// The same logs, each with what `with` makes of it.
            pub fn map<U>(self, mut with: impl FnMut(&'static Log, T) -> U) -> $name<U> {
                $name {
                    $($required: with(&$required_log, self.$required),)+
                    $($optional: self.$optional.map(|held| with(&$optional_log, held)),)+
                }
            }

            /// The same logs, each with what `with` makes of it.
            ///
            /// # Errors
            /// The first error of `with`, in the order of the logs.
            pub fn try_map<U, E>(
                self,
                mut with: impl FnMut(&'static Log, T) -> Result<U, E>,
            ) -> Result<$name<U>, E> {
                Ok($name {
                    $($required: with(&$required_log, self.$required)?,)+
                    $(
                        $optional: match self.$optional {
                            Some(held) => Some(with(&$optional_log, held)?),
                            None => None,
                        },
                    )+
                })
            }

            /// The logs that are in both, each with what both hold for it.
            pub fn zip<U>(self, other: $name<U>) -> $name<(T, U)> {
                $name {
                    $($required: (self.$required, other.$required),)+
                    $($optional: self.$optional.zip(other.$optional),)+
                }
            }

            /// The same logs by reference.
            pub const fn as_ref(&self) -> $name<&T> {
                $name {
                    $($required: &self.$required,)+
                    $($optional: self.$optional.as_ref(),)+
                }
            }
        }
    };
}

slots! {
    /// A `T` for each input log, in the contract's order: its place, what was read of it, its rows.
    ///
    /// ```
    /// use cohort_core::contract::{BASELINE, CONTEXT, Inputs};
    ///
    /// let rows_read = Inputs { reports: 7, sales: Some(288), ..Inputs::default() };
    /// assert_eq!((rows_read.get(&BASELINE), rows_read.get(&CONTEXT)), (Some(&288), None));
    /// assert_eq!(rows_read.each().map(|(_, rows)| rows).sum::<u64>(), 295);
    /// ```
    Inputs
    must be there {
        /// The `T` of the detected reports.
        reports: MRDL as "minority_reports_detected_log",
    }
    may be there {
        /// The `T` of the classifier's scores.
        scores: CLASSIFIER as "anomaly_classifier_model_prediction_log",
        /// The `T` of expected and actual sales.
        sales: BASELINE as "baseline_sales_model_prediction_log",
        /// The `T` of the campaigns.
        campaigns: CAMPAIGNS as "all_campaign_data",
        /// The `T` of the circumstances.
        context: CONTEXT as "contextual_data",
        /// The `T` of the edits, which only the registry reads.
        edits: EDITS as "user_minority_events_edits_log",
    }
}

slots! {
    /// A `T` for each output log, in the contract's order: its place, what was written of it.
    ///
    /// ```
    /// use cohort_core::contract::Outputs;
    ///
    /// let mut places = Outputs::LOGS.map(|log, _| format!("s3://lake/{}/", log.name));
    /// places.rejects = None;
    /// assert_eq!(places.mrch, "s3://lake/minority_reports_cohorted_log/");
    /// let written: Vec<_> = places.each().map(|(log, _)| log.name).collect();
    /// assert_eq!(written, ["minority_reports_cohorted_log", "minority_event_log"]);
    /// ```
    Outputs
    must be there {
        /// The `T` of the rows of MRCH.
        mrch: MRCH as "minority_reports_cohorted_log",
        /// The `T` of the rows of MELOG.
        melog: MELOG as "minority_event_log",
    }
    may be there {
        /// The `T` of the rejected rows, which are written only on request.
        rejects: REJECTS as "rejects",
    }
}

fn none<T>() -> Option<T> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_its_logs_name_as_its_key() {
        let inputs = serde_json::to_value(Inputs::LOGS.map(|log, _| log.name)).unwrap();
        let outputs = serde_json::to_value(Outputs::LOGS.map(|log, _| log.name)).unwrap();
        for slots in [inputs, outputs] {
            for (key, name) in slots.as_object().unwrap() {
                assert_eq!(name, key);
            }
        }
    }

    #[test]
    fn only_a_log_that_must_be_there_is_missed() {
        let mut names = Outputs::LOGS.map(|log, _| Some(log.name));
        names.rejects = Some(None);
        assert_eq!(
            names.complete(),
            Ok(Outputs { mrch: MRCH.name, melog: MELOG.name, rejects: None })
        );
        names.melog = None;
        assert_eq!(names.complete(), Err(&MELOG));
    }
}
