//! The run manifest: its wire form, its defaults and its validated form (SPEC 10).
//!
//! Pure: it reads texts, never a file or a clock. It checks JSON first, then the schema (known
//! keys, types), then values. The command line wins over the manifest, the manifest over
//! `demo_run_config`.

mod check;
mod fault;
mod resolved;
mod strict;
#[cfg(test)]
mod tests;
mod values;
mod wire;

use crate::objects::Uri;
use crate::text::without_mark;

pub use fault::Error;
pub(crate) use fault::Fault;
pub(crate) use resolved::Resolved;
pub(crate) use values::{CommitMode, Dataset, Places};
pub use values::{Manifest, Overrides};

impl Manifest {
    /// Reads the manifest at `uri`. Relative paths start at its folder. `demo` is the content of
    /// the object that [`demo_run_config_uri`] asks for, if it asks for one.
    ///
    /// # Errors
    /// [`Error`], for the first fault in the order JSON, schema, values.
    pub fn parse(
        text: &str,
        uri: &Uri,
        overrides: &Overrides,
        demo: Option<&str>,
    ) -> Result<Self, Error> {
        let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
        check::manifest(&wire, uri, overrides, demo)
    }

    /// The manifest that a lineage records, which is a valid manifest itself. `uri` is the
    /// lineage's.
    ///
    /// # Errors
    /// [`Error`], for a value that the command line puts over it.
    pub fn recorded(recorded: &Resolved, uri: &Uri, overrides: &Overrides) -> Result<Self, Error> {
        // Maps have text keys and no field can fail to serialize, so the error cannot arise.
        let text = serde_json::to_string(recorded).unwrap_or_default();
        Self::parse(&text, uri, overrides, None)
    }
}

impl Places {
    /// Those of a whole manifest.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            life: manifest.life,
            max_lookback: manifest.max_lookback,
            max_reject_ratio: manifest.max_reject_ratio,
            inputs: manifest.inputs.clone(),
            outputs: manifest.outputs.clone(),
            lineage: manifest.lineage.clone(),
            demo_run_config: manifest.demo_run_config.clone(),
        }
    }

    /// Reads a manifest's inputs and outputs. It need not name a run or an interval.
    ///
    /// # Errors
    /// [`Error`], for the first fault in the order JSON, schema, values.
    pub(crate) fn read(text: &str, uri: &Uri) -> Result<Self, Error> {
        let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
        check::places(&wire, uri)
    }
}

/// The `demo_run_config` that must be read before [`Manifest::parse`]: only if neither the command
/// line nor the manifest names the run.
///
/// # Errors
/// [`Error`] if the manifest is at fault.
pub(crate) fn demo_run_config_uri(
    text: &str,
    uri: &Uri,
    overrides: &Overrides,
) -> Result<Option<Uri>, Error> {
    let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
    if overrides.run_id.is_some() || wire.run_id.is_some() {
        return Ok(None);
    }
    check::demo_run_config(&wire, uri)
}

/// The bytes of a JSON document as text, without a byte order mark.
///
/// # Errors
/// [`Error`] if they are not UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], uri: &Uri) -> Result<&'a str, Error> {
    text(bytes).map_err(|fault| Error::at(uri, fault))
}

/// The bytes of a `demo_run_config` as text, without a byte order mark.
///
/// # Errors
/// [`Error`] if they are not UTF-8.
pub(crate) fn demo_utf8<'a>(bytes: &'a [u8], uri: &Uri) -> Result<&'a str, Error> {
    text(bytes).map_err(|fault| Error::DemoRunConfig { uri: uri.clone(), fault: Box::new(fault) })
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(without_mark(bytes)).map_err(|error| Fault::NotJson {
        reason: format!("a byte that is not UTF-8 at offset {}", error.valid_up_to()),
    })
}
