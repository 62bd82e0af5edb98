//! `cohort explain`: why reports are one event.

use std::sync::Arc;

use clap::Args;
use cohort_core::registry::Registry;

use super::files::SelectionArgs;
use super::terminal::{argument, places, print, print_json, runtime};
use super::verify::{Form, shell};
use crate::error::Error;
use crate::explain::{edits, explain, page};
use crate::objects::Storage;
use crate::registry::{Options, registry};

/// `cohort explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The run manifest, whose outputs hold the runs.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The event: its event_id, 64 hexadecimal digits.
    #[arg(long, value_name = "ID")]
    pub event: String,
    /// In which runs to look for it.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to print it.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: Form,
}

pub(super) const EXAMPLES: &str = "  \
cohort explain --manifest run_manifest.json \\
      --event 8f14e45fceea167a5a36dedd4bea2543e6f0b8f14e45fceea167a5a36dedd4be

  cohort explain --manifest s3://lake/conf/cohorting.json --from 2025-01-01 --as json \\
      --event 8f14e45fceea167a5a36dedd4bea2543e6f0b8f14e45fceea167a5a36dedd4be";

/// Prints why the reports of an event are one event.
pub(super) fn execute(args: &ExplainArgs) -> Result<(), Error> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if args.event.len() != 64 || !args.event.chars().all(hex) {
        let expected = "--event: expected an event_id of 64 lower-case hexadecimal digits";
        return Err(Error::Usage(format!("{expected}, found {:?}", args.event)));
    }
    let selection = args.selection.parse()?;
    argument(&args.manifest)?;
    let (registry, mut explanation) = runtime()?.block_on(async {
        let storage = Arc::new(Storage::new());
        let places = places(&storage, &args.manifest).await?;
        let shell = shell(storage, None);
        let explanation = explain(&shell, &places.lineage, &selection, &args.event).await?;
        let registry = match &places.inputs.edits {
            Some(_) => registry(&shell, &places, &selection, Options::default()).await?,
            None => Registry::default(),
        };
        Ok::<_, Error>((registry, explanation))
    })?;
    explanation.edits = edits(&registry, &args.event);
    match args.form {
        Form::Text => print(&page(&explanation)),
        Form::Json => print_json(&explanation),
    }
}
