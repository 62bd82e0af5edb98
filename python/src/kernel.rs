//! `Kernel`: a stream that an engine feeds, on a thread that waits for it.
//!
//! The computation pushes its rows out, and the caller pulls them. Between the two is a channel
//! that holds one batch, so that a store's rows never are in memory all at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use arrow_array::RecordBatch;
use cohort_core::Candidates;
use cohort_core::batch::{CAMPAIGN_LOG, CONTEXT_LOG, schema};
use cohort_core::contract::{MELOG, MRCH};
use crossbeam_channel::{Receiver, Sender, bounded};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Error;
use crate::frames::read_candidates;
use crate::import::Opened;
use crate::input::Frame;
use crate::output::Written;
use crate::settings::{Settings, Written as WrittenSettings};
use crate::stream::{self, Stream};
use crate::summary::{Found, Summary, rejects_schema};
use crate::table::Table;
use crate::worker::{Stop, compute, guarded, receive, spawn};

/// What the caller asks for.
enum Ask {
    Batches(Opened),
    Finish,
}

/// What the computation says.
enum Say {
    Rows(Written, RecordBatch),
    /// It waits for the next batch.
    Hungry,
    Done(Box<Summary>),
    Failed(Error),
}

/// Where a kernel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    Computes,
    Finished,
    Failed,
}

/// Cohorts a stream of stores, for one thread at a time.
#[pyclass(frozen, module = "cohort_events._core")]
#[derive(Debug)]
pub(crate) struct KernelCore(Mutex<Kernel>);

#[derive(Debug)]
struct Kernel {
    /// Ends the computation once the kernel is let go.
    stop: Stop,
    asks: Sender<Ask>,
    says: Receiver<Say>,
    state: State,
    /// Rows that nobody has taken yet.
    ready: VecDeque<(Written, RecordBatch)>,
    references: Vec<(&'static str, Found)>,
    summary: Option<Summary>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ask")
    }
}

#[pymethods]
impl KernelCore {
    #[new]
    fn new(
        py: Python<'_>,
        settings: WrittenSettings,
        campaigns: Option<Bound<'_, PyAny>>,
        context: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let settings = Settings::of(settings).map_err(|error| error.raise(py))?;
        let mut frames = Vec::new();
        for (name, frame, log) in
            [("campaigns", campaigns, CAMPAIGN_LOG), ("context", context, CONTEXT_LOG)]
        {
            if let Some(frame) = frame {
                frames.push((name, Frame::of(name, &frame)?, log));
            }
        }
        let (candidates, references) = compute(py, move |stop| {
            let (mut candidates, mut references) = (Candidates::default(), Vec::new());
            for (name, frame, log) in frames {
                references.push((name, read_candidates(frame, log, &mut candidates, stop)?));
            }
            Ok((candidates, references))
        })?;
        let (asks, asked) = bounded(1);
        let (says, said) = bounded(1);
        let stop = spawn(move |stop| {
            let last = guarded(|| stream(&settings, candidates, (&asked, &says), stop));
            // The caller may have gone.
            let _ = stop.send(
                &says,
                match last {
                    Ok(summary) => Say::Done(Box::new(summary)),
                    Err(error) => Say::Failed(error),
                },
            );
        });
        let stop = stop.map_err(|error| error.raise(py))?;
        Ok(Self(Mutex::new(Kernel {
            stop,
            asks,
            says: said,
            state: State::Waits,
            ready: VecDeque::new(),
            references,
            summary: None,
        })))
    }

    fn push(&self, py: Python<'_>, batch: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut kernel = self.kernel(py)?;
        kernel.wait(py)?;
        kernel.ask(Ask::Batches(Opened::of("batch", batch)?));
        Ok(())
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let mut kernel = self.kernel(py)?;
        kernel.wait(py)?;
        kernel.ask(Ask::Finish);
        Ok(())
    }

    /// The next rows that are ready; `None` if more is to be pushed first.
    fn next(&self, py: Python<'_>) -> PyResult<Option<(&'static str, Table)>> {
        let mut kernel = self.kernel(py)?;
        while kernel.ready.is_empty() && kernel.state == State::Computes {
            kernel.hear(py)?;
        }
        let rows = kernel.ready.pop_front();
        Ok(rows.map(|(log, batch)| (log.name(), table(log, vec![batch]))))
    }

    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.kernel(py)?.summary(py)?.counts(py)
    }

    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.kernel(py)?.summary(py)?.inputs(py)
    }

    #[getter]
    fn lookback_start(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.kernel(py)?.summary(py)?.lookback_start.to_string())
    }

    #[getter]
    fn rejects(&self, py: Python<'_>) -> PyResult<Table> {
        let rejects = self.kernel(py)?.summary(py)?.rejects();
        let rejects = rejects.map_err(|error| error.raise(py))?;
        Ok(Table::new(rejects_schema(), vec![rejects]))
    }
}

impl KernelCore {
    /// The kernel, if no other thread is using it.
    fn kernel(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Kernel>> {
        match self.0.try_lock() {
            Ok(kernel) => Ok(kernel),
            Err(TryLockError::Poisoned(kernel)) => Ok(PoisonError::into_inner(kernel)),
            Err(TryLockError::WouldBlock) => {
                let usage = "expected one thread at a time in a kernel, found another one in it; \
                             give each its own";
                Err(Error::Usage(usage.to_owned()).raise(py))
            }
        }
    }
}

impl Kernel {
    /// Waits until it takes rows.
    fn wait(&mut self, py: Python<'_>) -> PyResult<()> {
        self.stop.check_process().map_err(|error| error.raise(py))?;
        while self.state == State::Computes {
            self.hear(py)?;
        }
        if self.state != State::Waits {
            let found = if self.state == State::Failed { "failed" } else { "finished" };
            let usage = format!("expected a kernel that takes rows, found one that has {found}");
            return Err(Error::Usage(usage).raise(py));
        }
        Ok(())
    }

    fn ask(&mut self, ask: Ask) {
        self.state = State::Computes;
        // If the computation has gone, hearing from it tells why.
        let _ = self.asks.send(ask);
    }

    /// Waits for one message.
    fn hear(&mut self, py: Python<'_>) -> PyResult<()> {
        self.stop.check_process().map_err(|error| error.raise(py))?;
        match receive(py, &self.says)? {
            Say::Rows(log, batch) => self.ready.push_back((log, batch)),
            Say::Hungry => self.state = State::Waits,
            Say::Done(mut summary) => {
                summary.inputs.append(&mut self.references);
                self.summary = Some(*summary);
                self.state = State::Finished;
            }
            Say::Failed(error) => {
                self.state = State::Failed;
                return Err(error.raise(py));
            }
        }
        Ok(())
    }

    fn summary(&self, py: Python<'_>) -> PyResult<&Summary> {
        self.summary.as_ref().ok_or_else(|| {
            let usage = "expected a kernel that has finished, found one that takes rows; take all \
                         rows of finish() first";
            Error::Usage(usage.to_owned()).raise(py)
        })
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// Rows of a log as a table.
pub(crate) fn table(log: Written, batches: Vec<RecordBatch>) -> Table {
    Table::new(
        schema(match log {
            Written::Mrch => &MRCH,
            Written::Melog => &MELOG,
        }),
        batches,
    )
}

fn stream(
    settings: &Settings,
    candidates: Candidates,
    (asked, says): (&Receiver<Ask>, &Sender<Say>),
    stop: &Stop,
) -> Result<Summary, Error> {
    let pass = settings.pass();
    let mut stream = Stream::new(settings, &pass, candidates);
    // A caller that has gone is no fault of the computation.
    let mut emit = |log, batch| stop.send(says, Say::Rows(log, batch));
    while let Ask::Batches(opened) = stop.receive(asked)? {
        let batches = opened.batches(&stream::has_column);
        for batch in batches.map_err(|error| Error::frame("batch", &error))? {
            let batch = batch.map_err(|error| Error::frame("batch", &error))?;
            stream.push(&batch, &mut emit)?;
            stop.check()?;
        }
        stop.send(says, Say::Hungry)?;
    }
    stream.finish(&mut emit)
}
