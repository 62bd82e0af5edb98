//! What a caller sets, checked.

use cohort_core::batch::Pass;
use cohort_core::{Duration, Interval, Life, Lookback, check_run_id};

use crate::error::Error;

/// What every call takes besides its frames.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The interval whose rows are written.
    pub interval: Interval,
    /// `gap` and `max_event_duration`.
    pub life: Life,
    /// How old an onset may be at its tick.
    pub max_lookback: Duration,
    /// Which share of a log's rows may be rejected; `None` if the caller judges.
    pub max_reject_ratio: Option<f64>,
    /// The text of the column `run_id`.
    pub run_id: String,
}

/// The same as the caller wrote it: instants in RFC 3339, durations in ISO 8601.
#[derive(Clone, Debug, pyo3::FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Written {
    start: String,
    end: String,
    gap: String,
    max_event_duration: String,
    max_lookback: String,
    max_reject_ratio: Option<f64>,
    run_id: String,
}

impl Settings {
    /// Checks what was written.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn of(written: Written) -> Result<Self, Error> {
        let interval = Interval { start: written.start.parse()?, end: written.end.parse()? };
        let life =
            Life { gap: written.gap.parse()?, duration_max: written.max_event_duration.parse()? };
        if interval.start >= interval.end {
            return Err(Error::Usage(format!(
                "expected start before end, found the interval {interval}"
            )));
        }
        if life.gap.is_zero() {
            return Err(Error::Usage("expected a positive gap, found PT0S".to_owned()));
        }
        if life.duration_max <= life.gap {
            return Err(Error::Usage(format!(
                "expected a max_event_duration greater than the gap, found {} and {}",
                life.duration_max, life.gap
            )));
        }
        if let Some(ratio) = written.max_reject_ratio
            && !(0.0..=1.0).contains(&ratio)
        {
            return Err(Error::Usage(format!(
                "expected a max_reject_ratio from 0 to 1, found {ratio}"
            )));
        }
        check_run_id(&written.run_id).map_err(|error| Error::Usage(error.to_string()))?;
        Ok(Self {
            interval,
            life,
            max_lookback: written.max_lookback.parse()?,
            max_reject_ratio: written.max_reject_ratio,
            run_id: written.run_id,
        })
    }

    /// How far back events reach.
    pub(crate) const fn lookback(&self) -> Lookback {
        Lookback { start: self.interval.start, life: self.life }
    }

    /// The reports that the interval's events may be made of.
    pub(crate) const fn pass(&self) -> Pass {
        Pass {
            from: self.lookback().bound(),
            to: self.interval.end,
            stores: None,
            rejects_in: Some(self.interval),
            max_lookback: self.max_lookback,
            numbered: false,
        }
    }
}
