//! `cohort init`: looks at a lake, and proposes a manifest for it.
//!
//! It lists the files below a URI, looks into a few of each folder, and decides by their columns
//! which folder holds which log ([`datasets`]), under which names ([`names`]) and in which
//! partitions. [`text`] writes it down. Nothing in the lake is changed.

mod datasets;
mod folders;
mod names;
mod text;

use cohort_core::contract::{Inputs, MRDL};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use self::datasets::{LogFound, Opened, also_fit, assign};
use self::names::needed;
pub(crate) use self::text::Request;
use crate::escape::line;
use crate::kind::Kind;
use crate::manifest::{self, Manifest, Overrides};
use crate::objects::{self, Objects, Uri};
use crate::screen::Look;

/// Folders that are looked into at once.
const FOLDERS_AT_ONCE: usize = 4;
/// Folders that a message names.
const NAMED_MAX: usize = 8;

/// What was found.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// The manifest, with comments.
    pub manifest: String,
    found: Vec<LogFound>,
    remarks: Vec<String>,
}

/// Why no manifest can be proposed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// There is nothing to look at.
    #[error(
        "{lake}: expected folders of Parquet files, found no file; check the URI, or the job that \
         should have written them"
    )]
    Empty {
        /// Where.
        lake: Uri,
    },
    /// The one log that must be there was not found.
    #[error(
        "{lake}: expected a folder of Parquet files with the columns of {log} ({needed}) or near \
         names, found {found}; give the prefix that holds it as --lake, or write the manifest by \
         hand (cohort schema run_manifest)"
    )]
    NoReports {
        /// Where.
        lake: Uri,
        /// The log.
        log: &'static str,
        /// Its required columns.
        needed: String,
        /// The folders and their columns.
        found: String,
    },
    /// What was proposed is not a sound manifest: the outputs would lie inside an input.
    #[error("{0}; give another place as --outputs")]
    Unsound(manifest::Error),
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Empty { .. } | Self::NoReports { .. } => Kind::NoInput,
            Self::Unsound(_) => Kind::Usage,
        }
    }
}

/// Looks at the lake.
///
/// # Errors
/// [`Error`]. Nothing was written then.
pub(crate) async fn propose(objects: &dyn Objects, request: &Request) -> Result<Proposal, Error> {
    let lake = &request.lake;
    let folders = folders::folders(objects.list(lake).await?, lake);
    if folders.is_empty() {
        return Err(Error::Empty { lake: lake.clone() });
    }
    let opened: Vec<_> = stream::iter(folders)
        .map(|folder| Opened::open(objects, folder))
        .buffered(FOLDERS_AT_ONCE)
        .try_collect()
        .await?;
    let logs = assign(&opened);
    if logs.values().all(|log| log.name != MRDL.name) {
        return Err(Error::NoReports {
            lake: lake.clone(),
            log: MRDL.name,
            needed: needed(&MRDL),
            found: described(&opened),
        });
    }
    let fits = also_fit(&opened);
    let (mut found, mut remarks) = (Vec::new(), Vec::new());
    for (at, one) in opened.into_iter().enumerate() {
        let root = lake.join(&one.folder.path);
        if let Some(log) = logs.get(&at) {
            found.push(LogFound::of(log, one, &root));
        } else if one.is_output() {
            remarks.push(format!("{}: left out, since this job has written it", one.folder.name()));
        } else {
            let why = match (one.fault, fits.get(&at)) {
                (Some(fault), _) => fault,
                (None, Some(log)) => {
                    format!("another folder was taken for {log}, which it fits too")
                }
                (None, None) => "its columns are no log's".to_owned(),
            };
            remarks.push(format!("{}: left out; {why}", one.folder.name()));
        }
    }
    let order = |one: &LogFound| Inputs::LOGS.each().position(|(log, _)| log.name == one.log.name);
    found.sort_by_key(order);
    let manifest = text::manifest(request, &found);
    // It must run as it is, with an interval if it has none.
    let has_day = found.iter().any(|one| one.log.name == MRDL.name && one.last_day().is_some());
    let interval = if has_day {
        Overrides::default()
    } else {
        Overrides {
            start: Some("2025-01-01T00:00:00Z".to_owned()),
            end: Some("2025-01-02T00:00:00Z".to_owned()),
            ..Overrides::default()
        }
    };
    Manifest::parse(&manifest, &request.manifest, &interval, None).map_err(Error::Unsound)?;
    Ok(Proposal { manifest, found, remarks })
}

impl Proposal {
    /// What was found and what was not, for people.
    pub(crate) fn page(&self, look: Look) -> String {
        let mut page = text::table_of(&self.found, look);
        let mut say = |text: String| page.push_str(&format!(" - {}\n", line(&text)));
        for one in &self.found {
            let near = one.columns.iter().filter(|found| !found.same);
            let near: Vec<_> =
                near.map(|found| format!("{:?} for {}", found.name, found.column.name)).collect();
            if !near.is_empty() {
                say(format!("{}: took {}; check them", one.log.name, near.join(", ")));
            }
            if let Some(or) = one.partitions.as_ref().and_then(|found| found.or.as_ref()) {
                say(format!("{}: the pattern may also be {or}; check it", one.log.name));
            }
            one.remarks.iter().for_each(|remark| say(format!("{}: {remark}", one.log.name)));
        }
        for (log, _) in Inputs::LOGS.each() {
            if self.found.iter().all(|one| one.log.name != log.name) {
                say(format!("{}: not found (it needs {})", log.name, needed(log)));
            }
        }
        self.remarks.iter().cloned().for_each(say);
        page
    }
}

/// The folders and the columns of their files, in a message.
fn described(opened: &[Opened]) -> String {
    let mut texts: Vec<String> = opened
        .iter()
        .take(NAMED_MAX)
        .map(|one| {
            let columns = one.schema().map(|schema| {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                names.collect::<Vec<_>>().join(", ")
            });
            let columns = columns.unwrap_or_else(|| "no Parquet file".to_owned());
            format!("{} ({columns})", one.folder.name())
        })
        .collect();
    if opened.len() > NAMED_MAX {
        texts.push(format!("{} more", opened.len() - NAMED_MAX));
    }
    texts.join(", ")
}
