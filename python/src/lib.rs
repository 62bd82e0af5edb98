//! The kernel of `cohort` for Python: frames in, frames out.
//!
//! `cohort_events/__init__.py` is what users see; it documents this module's functions, and gives
//! them defaults. Frames come and go through the Arrow PyCapsule interface, in [`import`] and
//! [`table`]; [`frames`] computes whole frames, [`stream`] and [`kernel`] a stream of stores,
//! [`registry`] the registry. [`worker`] keeps the interpreter free meanwhile. Every rule is in
//! `cohort-core`.

mod error;
mod frames;
mod import;
mod input;
mod kernel;
mod output;
mod registry;
mod settings;
mod stream;
mod summary;
mod table;
mod worker;

use pyo3::prelude::*;

/// What `cohort_events` is made of.
#[pymodule]
mod _core {
    use pyo3::prelude::*;
    use pyo3::types::{PyCFunction, PyDict};

    use cohort_core::Timestamp;
    use cohort_core::contract::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, MRDL};

    use crate::error::Error;
    use crate::frames::{self, Frames};
    use crate::input::Frame;
    #[pymodule_export]
    use crate::kernel::KernelCore;
    use crate::kernel::table;
    use crate::output::Written;
    use crate::registry::{self as registries, Logs, Set, WrittenRuns};
    use crate::settings::{Settings, Written as WrittenSettings};
    use crate::summary::{Summary, rejects_schema};
    #[pymodule_export]
    use crate::table::Table;
    use crate::worker::{compute, end_all};

    /// What `cohort` gives.
    #[pyclass(frozen, module = "cohort_events")]
    #[derive(Debug)]
    struct Cohorted {
        #[pyo3(get)]
        mrch: Py<Table>,
        #[pyo3(get)]
        melog: Py<Table>,
        #[pyo3(get)]
        rejects: Py<Table>,
        summary: Summary,
    }

    #[pymethods]
    impl Cohorted {
        #[getter]
        fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            self.summary.counts(py)
        }

        #[getter]
        fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            self.summary.inputs(py)
        }

        #[getter]
        fn lookback_start(&self) -> String {
            self.summary.lookback_start.to_string()
        }

        fn __repr__(&self) -> String {
            let counts = &self.summary.counts;
            format!(
                "<cohort_events.Cohorted: {} events opened, {} closed, {} open at the end, in {} \
                 stores>",
                counts.events_opened, counts.events_closed, counts.events_active, counts.stores
            )
        }
    }

    /// What `registry` gives.
    #[pyclass(frozen, module = "cohort_events")]
    #[derive(Debug)]
    struct Registered {
        #[pyo3(get)]
        events: Py<Table>,
        #[pyo3(get)]
        unapplied: Py<Table>,
    }

    #[pymethods]
    impl Registered {
        fn __repr__(&self) -> String {
            let [events, unapplied] = [&self.events, &self.unapplied].map(|rows| rows.get().len());
            format!(
                "<cohort_events.Registered: {events} events, {unapplied} edits that do not apply>"
            )
        }
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // A panic becomes an exception that carries its message.
        std::panic::set_hook(Box::new(|_| {}));
        let process = std::process::id();
        let end = PyCFunction::new_closure(module.py(), None, None, move |arguments, _| {
            end_all(arguments.py(), process)
        })?;
        module.py().import("atexit")?.call_method1("register", (end,))?;
        Ok(())
    }

    #[pyfunction]
    fn cohort(
        py: Python<'_>,
        reports: &Bound<'_, PyAny>,
        scores: Option<&Bound<'_, PyAny>>,
        sales: Option<&Bound<'_, PyAny>>,
        campaigns: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        settings: WrittenSettings,
    ) -> PyResult<Cohorted> {
        let settings = Settings::of(settings).map_err(|error| error.raise(py))?;
        let optional = |name, frame: Option<&Bound<'_, PyAny>>| {
            frame.map(|frame| Frame::of(name, frame)).transpose()
        };
        let frames = Frames {
            reports: Frame::of("reports", reports)?,
            scores: optional("scores", scores)?,
            sales: optional("sales", sales)?,
            campaigns: optional("campaigns", campaigns)?,
            context: optional("context", context)?,
        };
        let rows = compute(py, move |stop| frames::cohort(frames, &settings, stop))?;
        let rejects = rows.summary.rejects().map_err(|error| error.raise(py))?;
        Ok(Cohorted {
            mrch: Py::new(py, table(Written::Mrch, rows.mrch))?,
            melog: Py::new(py, table(Written::Melog, rows.melog))?,
            rejects: Py::new(py, Table::new(rejects_schema(), vec![rejects]))?,
            summary: rows.summary,
        })
    }

    #[pyfunction]
    fn windows(
        py: Python<'_>,
        reports: &Bound<'_, PyAny>,
        settings: WrittenSettings,
    ) -> PyResult<Table> {
        let settings = Settings::of(settings).map_err(|error| error.raise(py))?;
        let reports = Frame::of("reports", reports)?;
        let batches = compute(py, move |stop| frames::windows(reports, &settings, stop))?;
        Ok(Table::new(frames::windows_schema(), batches))
    }

    #[pyfunction]
    fn registry(
        py: Python<'_>,
        melog: &Bound<'_, PyAny>,
        edits: Option<&Bound<'_, PyAny>>,
        mrch: Option<&Bound<'_, PyAny>>,
        runs: Option<WrittenRuns>,
        as_of: Option<String>,
    ) -> PyResult<Registered> {
        let set = Set::of(runs, as_of.as_deref()).map_err(|error| error.raise(py))?;
        let optional = |name, frame: Option<&Bound<'_, PyAny>>| {
            frame.map(|frame| Frame::of(name, frame)).transpose()
        };
        let logs = Logs {
            melog: Frame::of("melog", melog)?,
            mrch: optional("mrch", mrch)?,
            edits: optional("edits", edits)?,
        };
        let rows = compute(py, move |stop| registries::registry(logs, &set, stop))?;
        Ok(Registered {
            events: Py::new(py, Table::new(registries::events_schema(), rows.events))?,
            unapplied: Py::new(py, Table::new(registries::unapplied_schema(), rows.unapplied))?,
        })
    }

    /// Which instants an engine must hand over, in microseconds after 1970.
    #[pyfunction]
    fn bounds<'py>(py: Python<'py>, settings: WrittenSettings) -> PyResult<Bound<'py, PyDict>> {
        let settings = Settings::of(settings).map_err(|error| error.raise(py))?;
        let reports_from = settings.lookback().bound();
        let dict = PyDict::new(py);
        dict.set_item("start", settings.interval.start.as_us())?;
        dict.set_item("end", settings.interval.end.as_us())?;
        dict.set_item("reports_from", reports_from.as_us())?;
        // A line's window begins at its onset, which is no older than this.
        let predictions_from = reports_from.saturating_sub(settings.max_lookback);
        dict.set_item("predictions_from", predictions_from.as_us())?;
        Ok(dict)
    }

    /// The first and the last instant of the calendar, in microseconds after 1970.
    #[pyfunction]
    const fn calendar() -> (i64, i64) {
        (Timestamp::MIN.as_us(), Timestamp::MAX.as_us())
    }

    /// An instant as the contract writes it.
    #[pyfunction]
    fn clock(py: Python<'_>, us: i64) -> PyResult<String> {
        let at = Timestamp::from_us(us).map_err(|error| Error::from(error).raise(py))?;
        Ok(at.to_string())
    }

    /// The columns of the log that goes under an argument's name, and those that are required.
    #[pyfunction]
    fn columns(py: Python<'_>, name: &str) -> PyResult<(Vec<&'static str>, Vec<&'static str>)> {
        let log = match name {
            "reports" => &MRDL,
            "scores" => &CLASSIFIER,
            "sales" => &BASELINE,
            "campaigns" => &CAMPAIGNS,
            "context" => &CONTEXT,
            _ => return Err(Error::Usage(format!("expected a log, found {name:?}")).raise(py)),
        };
        let required = log.columns.iter().filter(|column| column.required);
        Ok((
            log.columns.iter().map(|column| column.name).collect(),
            required.map(|column| column.name).collect(),
        ))
    }
}
