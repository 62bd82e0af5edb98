//! A row of the registry as a line of JSON.

use std::fmt::Display;
use std::io;

use cohort_core::batch::{RegistryColumns, registry_row};
use cohort_core::registry::RegistryRow;
use cohort_core::{Money, Timestamp};
use serde::Serialize;

use crate::escape;

/// Writes a row as one JSON object: instants as in SPEC 3, amounts as numbers with four decimals.
///
/// # Errors
/// What `to` says.
pub(super) fn write(row: &RegistryRow<'_>, to: &mut impl io::Write) -> io::Result<()> {
    registry_row(row, &mut Line { to, between: "{" })?;
    to.write_all(b"}\n")
}

/// The line so far.
struct Line<'o, W> {
    to: &'o mut W,
    /// What comes before the next member.
    between: &'static str,
}

impl<W: io::Write> Line<'_, W> {
    /// Begins a member. The names of columns need no escapes.
    fn name(&mut self, name: &str) -> io::Result<&mut W> {
        for piece in [self.between, "\"", name, "\":"] {
            self.to.write_all(piece.as_bytes())?;
        }
        self.between = ",";
        Ok(self.to)
    }

    fn member(&mut self, name: &str, value: Option<impl Display>) -> io::Result<()> {
        let to = self.name(name)?;
        match value {
            Some(value) => write!(to, "{value}"),
            None => to.write_all(b"null"),
        }
    }
}

impl<W: io::Write> RegistryColumns for Line<'_, W> {
    type Error = io::Error;

    fn text(&mut self, name: &'static str, value: Option<&str>) -> io::Result<()> {
        escape::write_json(&value, self.name(name)?)
    }

    fn instant(&mut self, name: &'static str, value: Option<Timestamp>) -> io::Result<()> {
        self.member(name, value.map(|at| format!("\"{at}\"")))
    }

    fn double(&mut self, name: &'static str, value: Option<f64>) -> io::Result<()> {
        match value.filter(|number| !number.is_finite()) {
            // JSON has no infinity.
            Some(number) => self.member(name, Some(format!("\"{number}\""))),
            None => escape::write_json(&value, self.name(name)?),
        }
    }

    fn amount(&mut self, name: &'static str, value: Option<Money>) -> io::Result<()> {
        self.member(name, value)
    }

    fn count(&mut self, name: &'static str, value: Option<u32>) -> io::Result<()> {
        self.member(name, value)
    }

    fn list(&mut self, name: &'static str, value: &impl Serialize) -> io::Result<()> {
        escape::write_json(value, self.name(name)?)
    }
}
