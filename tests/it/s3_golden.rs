//! The golden cases on S3, byte for byte what they are on local disk.

use serde_json::Value;

use crate::golden::{Case, cases};
use crate::lake;
use crate::s3_job::{Place, State, files, nothing_is_left_over};

/// The outputs except the lineage and the rejects, whose rows name the URI of the file that they
/// come from.
fn logs(outputs: &State) -> State {
    let same = |name: &str| !name.ends_with("/lineage.json") && !name.contains("/rejects/");
    outputs.clone().into_iter().filter(|(name, _)| same(name)).collect()
}

/// The lineage without what names a place: URIs, the versions of inputs, digests over rejects.
fn lineage(outputs: &State) -> Value {
    let (_, text) = outputs.iter().find(|(name, _)| name.ends_with("/lineage.json")).unwrap();
    let mut lineage = serde_json::from_slice(text).unwrap();
    strip(&mut lineage);
    lineage
}

fn strip(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        for key in ["uri", "etag", "content_sha256", "manifest"] {
            object.remove(key);
        }
        if let Some(rejects) = object.get_mut("rejects").and_then(Value::as_object_mut) {
            rejects.remove("files");
        }
        object.values_mut().for_each(strip);
    } else if let Some(array) = value.as_array_mut() {
        array.iter_mut().for_each(strip);
    }
}

#[test]
fn golden_cases_on_s3_are_those_on_disk_byte_for_byte() {
    for path in cases() {
        let case = Case::read(&path);
        let mut input = files(case.folder.path());
        let run = lake::run_in(case.folder.path(), &case.manifest, &[]);
        assert_eq!(run.exit, 0, "{}: {run:?}", case.name);
        let on_disk: State = files(case.folder.path())
            .into_iter()
            .filter(|(name, _)| name.starts_with("out/"))
            .collect();
        let manifest = serde_json::to_vec_pretty(&case.manifest).unwrap();
        input.insert("run_manifest.json".to_owned(), manifest.into());
        let on_s3 = Place::new("golden", &input).run_clean();
        nothing_is_left_over(&on_s3);
        assert!(logs(&on_disk) == logs(&on_s3), "{}: the logs differ", case.name);
        assert_eq!(lineage(&on_disk), lineage(&on_s3), "{}", case.name);
    }
}
