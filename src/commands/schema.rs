//! `cohort schema`: the published schemas.

use clap::Args;

use super::terminal::print;
use crate::error::Error;
use crate::nearest::nearest;
use crate::schemas;

/// `cohort schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The schema, such as run_manifest or run_manifest.v1; without it, the names are listed.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

pub(super) const EXAMPLES: &str = "  \
cohort schema

  cohort schema run_manifest

  cohort schema minority_event_log.v1 | jq -r '.columns[].name'";

/// Prints a schema, or the names of all.
pub(super) fn execute(args: &SchemaArgs) -> Result<(), Error> {
    let Some(name) = &args.name else {
        let names: Vec<&str> = schemas::ALL.iter().map(|schema| schema.name).collect();
        return print(&(names.join("\n") + "\n"));
    };
    match schemas::find(name) {
        Some(schema) => print(schema.text),
        None => {
            let names = schemas::ALL.iter().map(|schema| schema.name);
            let nearest = nearest(name, names).unwrap_or_default();
            Err(Error::Usage(format!(
                "expected the name of a schema, found {name:?}; did you mean {nearest:?}?"
            )))
        }
    }
}
