//! What a rerun changes of what was committed before: the sections of the two lineages that differ.

use serde_json::Value;

use crate::lineage::{Input, Lineage, Output};
use crate::objects::Uri;

/// What differs between a committed lineage and the one that is to replace it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// One phrase for each section that differs.
    pub(super) what: Vec<String>,
    /// Parts of the old lineage outside the folders of the new one: nobody lists them any more.
    pub(super) orphans: Vec<Uri>,
}

impl Difference {
    /// Between two lineages in JSON; `folders` are those that the new run may write to.
    pub(super) fn between(old: &Lineage, new: &[u8], folders: &[Uri]) -> Self {
        let what = serde_json::from_slice(new).map(|new| sections(old, &new)).unwrap_or_default();
        let parts = old.outputs.each().flat_map(|(_, output)| &output.files);
        let outside = parts
            .map(|part| &part.uri)
            .filter(|uri| folders.iter().all(|folder| uri.below(folder).is_none()));
        let orphans = outside.cloned().collect();
        Self { what, orphans }
    }

    /// What differs, in one line.
    pub(super) fn text(&self) -> String {
        self.what.join("; ")
    }
}

fn sections(old: &Lineage, new: &Lineage) -> Vec<String> {
    let others = others(old, new);
    let [old, new] = [old, new].map(without_files);
    let mut what = Vec::new();
    for key in ["interval", "gap"] {
        if old[key] != new[key] {
            what.push(format!("{key}: {} before, {} now", plain(&old[key]), plain(&new[key])));
        }
    }
    for key in ["max_event_duration", "max_lookback", "max_reject_ratio"] {
        let (before, now) = (&old["manifest"][key], &new["manifest"][key]);
        if before != now {
            what.push(format!("{key}: {} before, {} now", plain(before), plain(now)));
        }
    }
    for section in ["inputs", "outputs"] {
        for log in names(&old[section], &new[section]) {
            let (before, now) = (&old[section][&log], &new[section][&log]);
            let (from, to) = (&before["uri"], &now["uri"]);
            if from != to {
                what.push(format!(
                    "{section}: {log} at {} before, at {} now",
                    plain(from),
                    plain(to)
                ));
            } else if others.contains(&(section, log.as_str())) {
                what.push(format!("{section}: {log} has other files"));
            }
        }
    }
    if what.is_empty() {
        what.push("another release, or other settings, over the same inputs".to_owned());
    }
    what
}

/// The logs whose files differ, each after its section.
fn others(old: &Lineage, new: &Lineage) -> Vec<(&'static str, &'static str)> {
    let inputs = old.inputs.as_ref().zip(new.inputs.as_ref());
    let inputs = inputs.each().filter(|(_, (old, new))| old.files != new.files);
    let inputs = inputs.map(|(log, _)| ("inputs", log.name)).collect::<Vec<_>>();
    let outputs = old.outputs.as_ref().zip(new.outputs.as_ref());
    let outputs = outputs.each().filter(|(_, (old, new))| old.files != new.files);
    inputs.into_iter().chain(outputs.map(|(log, _)| ("outputs", log.name))).collect()
}

/// A lineage as a value of JSON. Values of its files would take many times their room.
fn without_files(lineage: &Lineage) -> Value {
    let mut lineage = lineage.clone();
    lineage.inputs = lineage.inputs.map(|_, input| Input { files: Vec::new(), ..input });
    lineage.outputs = lineage.outputs.map(|_, output| Output { files: Vec::new(), ..output });
    serde_json::to_value(lineage).unwrap_or_default()
}

/// The logs of either side, in order.
fn names(old: &Value, new: &Value) -> std::collections::BTreeSet<String> {
    let keys = |value: &Value| {
        value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    keys(old).into_iter().chain(keys(new)).collect()
}

/// A value as a message has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}
