//! `cohort edit`: what a person decides about an event.

use std::sync::Arc;

use clap::Args;
use cohort_core::Id;
use cohort_core::registry::RegistryRow;

use super::files::SelectionArgs;
use super::terminal::{argument, places, print_registry, runtime_and_workers};
use crate::error::Error;
use crate::objects::Storage;
use crate::process::now;
use crate::registry::{self, Change, Form, Options};
use crate::run::Shell;

/// `cohort edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The run manifest, whose inputs name the edits log and whose outputs hold the runs.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The event.
    #[arg(long, value_name = "ID", required_unless_present = "export_labels")]
    pub event: Option<String>,
    /// The field to set, and its new value.
    #[arg(long, value_name = "FIELD=VALUE", group = "change")]
    pub set: Option<String>,
    /// The field to clear.
    #[arg(long, value_name = "FIELD", group = "change")]
    pub clear: Option<String>,
    /// The edit of this event to take back.
    #[arg(long, value_name = "EDIT_ID", group = "change")]
    pub revert: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", requires = "change")]
    pub reason: Option<String>,
    /// Who you are [default: the user of this session].
    #[arg(long, value_name = "NAME", env = "COHORT_EDITED_BY", hide_env_values = true)]
    pub edited_by: Option<String>,
    /// Print people's verdicts as training labels for detectors, one JSON object a line, instead.
    #[arg(long, conflicts_with_all = ["event", "change"])]
    pub export_labels: bool,
    /// The runs that hold the event.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

pub(super) const EXAMPLES: &str = "  \
cohort edit --manifest run_manifest.json \\
      --event a246cad76255a517e1f1fecdb371a00975d876adc75600ebc6cf056402feadf9 \\
      --set verdict=planned_activity

  cohort edit --manifest run_manifest.json --export-labels";

/// Makes the edit and prints the event's row, or prints the labels.
pub(super) fn execute(args: &EditArgs) -> Result<(), Error> {
    let selection = args.selection.parse()?;
    let manifest = argument(&args.manifest)?;
    let change = if args.export_labels { None } else { Some(change(args)?) };
    let (runtime, workers) = runtime_and_workers()?;
    let found = runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        let shell = Shell { objects: storage.clone(), workers };
        let places = places(&storage, &args.manifest).await?;
        Ok::<_, Error>(match &change {
            None => {
                let options = Options { labels: true, ..Options::default() };
                registry::registry(&shell, &places, &selection, options).await?
            }
            Some(change) => {
                registry::edit(&shell, (&manifest, &places), &selection, change).await?
            }
        })
    })?;
    let Some(change) = change else { return print_registry(|out| registry::labels(&found, out)) };
    let is_it = |row: &RegistryRow<'_>| row.machine.event_id == change.event_id;
    let printed = print_registry(|out| registry::print(&found, Form::Jsonl, is_it, out));
    printed.map_err(|error| match error {
        Error::Result { source, .. } => Error::EditNotPrinted(source),
        error => error,
    })
}

fn change(args: &EditArgs) -> Result<Change, Error> {
    let usage = |text: String| Error::Usage(text);
    let event = args.event.as_deref().unwrap_or_default();
    let event_id = Id::parse(event).ok_or_else(|| {
        usage(format!("--event: expected an event_id of 64 hexadecimal digits, found {event:?}"))
    })?;
    let (field, new_value) = match (&args.set, &args.clear, &args.revert) {
        (Some(set), ..) => match set.split_once('=') {
            Some((field, value)) => (field.to_owned(), Some(value.to_owned())),
            None => {
                let expected = "expected a field and a value, such as verdict=confirmed";
                return Err(usage(format!("--set: {expected}, found {set:?}")));
            }
        },
        (None, Some(field), _) => (field.clone(), None),
        (None, None, Some(edit_id)) => {
            (cohort_core::registry::REVERT.to_owned(), Some(edit_id.clone()))
        }
        (None, None, None) => {
            let expected = "expected one of --set, --clear and --revert, found none";
            return Err(usage(expected.to_owned()));
        }
    };
    let named = args.edited_by.clone().or_else(|| std::env::var("USER").ok());
    let edited_by = named.filter(|name| !name.is_empty()).ok_or_else(|| {
        usage(
            "--edited-by: expected your name, found none; give it, or set COHORT_EDITED_BY".into(),
        )
    })?;
    let reason = args.reason.clone();
    Ok(Change { event_id, field, new_value, edited_by, edited_at: now(), reason })
}
