//! Whether a file that the command line names lies apart from the logs of a manifest. Written among
//! them it would be read as one of them, or take the place of one.
//!
//! What counts is where a path leads: a link may stand in the place of a file, or of a folder above
//! it.

use std::path::Path;

use crate::led::led;
use crate::manifest::Places;
use crate::objects::{Scheme, Uri};

/// What of the manifest is at this place, or holds it.
pub(super) fn taken_by(out: &Uri, places: &Places) -> Option<&'static str> {
    if *out.scheme() == Scheme::File {
        return file_taken_by(Path::new(out.path()), places);
    }
    named(places).find(|(_, uri)| out == *uri || out.below(uri).is_some()).map(|(name, _)| name)
}

/// The same for a file on local disk.
pub(super) fn file_taken_by(file: &Path, places: &Places) -> Option<&'static str> {
    let file = led(file);
    let mut local = named(places).filter(|(_, uri)| *uri.scheme() == Scheme::File);
    local.find(|(_, uri)| file.starts_with(led(Path::new(uri.path())))).map(|(name, _)| name)
}

/// Whether both lead to one object.
pub(super) fn is_same(one: &Uri, other: &Uri) -> bool {
    let led = |uri: &Uri| led(Path::new(uri.path()));
    one == other
        || (*one.scheme() == Scheme::File && one.scheme() == other.scheme())
            && led(one) == led(other)
}

/// What a manifest names, besides itself.
fn named(places: &Places) -> impl Iterator<Item = (&'static str, &Uri)> {
    let inputs = places.inputs.each().map(|(log, dataset)| (log.name, &dataset.uri));
    let outputs = places.outputs.each().map(|(log, uri)| (log.name, uri));
    let demo = places.demo_run_config.as_ref().map(|uri| ("demo_run_config", uri));
    inputs.chain(outputs).chain([("the lineages", &places.lineage)]).chain(demo)
}
