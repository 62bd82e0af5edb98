//! Every crash point of a run on local disk: before and after each write lands, then the next run
//! (SPEC 11).
//!
//! A run is cut off by storage that fails for good at its n-th write, either before or after doing
//! it. What the lineage names must be whole at any time, and the next run must leave the bytes of a
//! run that was never cut off. Both are tried over empty folders, and over those of an earlier run
//! with other content.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use cohort::Lineage;
use cohort::Overrides;
use cohort::Sample;
use cohort::Workers;
use cohort::{
    Local, Object, Objects, ObjectsError as Error, Outcome, Put, Storage, Tag, Traffic, Uri,
};
use cohort::{Shell, load_manifest};

/// Local disk that stops at a write, before or after doing it. If something happens meanwhile, only
/// that one write fails.
struct Failing {
    disk: Local,
    writes: AtomicUsize,
    fails_at: usize,
    lands: bool,
    /// Creations that have ended.
    created: AtomicUsize,
    /// What happens just before the write that fails, once all writes before it have ended.
    meanwhile: Option<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failing").field("fails_at", &self.fails_at).finish_non_exhaustive()
    }
}

impl Failing {
    fn new(fails_at: usize, lands: bool) -> Self {
        Self {
            disk: Local::new(),
            writes: AtomicUsize::new(0),
            fails_at,
            lands,
            created: AtomicUsize::new(0),
            meanwhile: None,
        }
    }

    /// Whether this write is done, and whether it succeeds for the caller.
    fn next(&self) -> (bool, bool) {
        let n = self.writes.fetch_add(1, Ordering::SeqCst);
        if self.meanwhile.is_some() {
            return (n != self.fails_at, n != self.fails_at);
        }
        (n < self.fails_at || (n == self.fails_at && self.lands), n < self.fails_at)
    }

    fn gone(uri: &Uri) -> Error {
        Error::Unavailable {
            uri: uri.clone(),
            action: "write",
            outcome: Outcome::Unknown,
            reason: "cut off by the test".to_owned(),
        }
    }
}

#[async_trait]
impl Objects for Failing {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        self.disk.list(prefix).await
    }

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        self.disk.read(uri).await
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        self.disk.read_ranges(object, ranges).await
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        let (done, answered) = self.next();
        if let (false, Some(meanwhile)) = (answered, &self.meanwhile) {
            while self.created.load(Ordering::SeqCst) < self.fails_at {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            meanwhile();
        }
        let put = if done { self.disk.create(uri, content).await } else { Err(Self::gone(uri)) };
        self.created.fetch_add(1, Ordering::SeqCst);
        if answered { put } else { Err(Self::gone(uri)) }
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        let (done, answered) = self.next();
        let put =
            if done { self.disk.replace(uri, content, seen).await } else { Err(Self::gone(uri)) };
        if answered { put } else { Err(Self::gone(uri)) }
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        let (done, answered) = self.next();
        let deleted = if done { self.disk.delete(uri).await } else { Err(Self::gone(uri)) };
        if answered { deleted } else { Err(Self::gone(uri)) }
    }

    async fn sweep(&self, prefix: &Uri) -> Result<(), Error> {
        self.disk.sweep(prefix).await
    }

    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error> {
        self.disk.probe_conditions(prefix).await
    }

    fn traffic(&self) -> Traffic {
        self.disk.traffic()
    }
}

/// Runs the sample's manifest. Returns how many writes it began, and whether it was committed.
fn run(folder: &Path, gap: &str, failing: Failing) -> (usize, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let failing = Arc::new(failing);
        let objects = Arc::new(Storage::new().with_local(failing.clone()));
        let manifest = Uri::from_argument(folder, "run_manifest.json").unwrap();
        let overrides = Overrides { gap: Some(gap.parse().unwrap()), ..Overrides::default() };
        let manifest = load_manifest(&*objects, &manifest, &overrides).await.unwrap();
        let shell = Shell { objects, workers: Workers::start(2) };
        let outcome = shell.run(&manifest).await;
        (failing.writes.load(Ordering::SeqCst), outcome.is_ok())
    })
}

/// Every file below a folder.
fn tree(folder: &Path) -> Files {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

type Files = BTreeMap<String, Vec<u8>>;

/// What is current, and history.
fn apart(files: Files) -> (Files, Files) {
    files.into_iter().partition(|(name, _)| !name.contains("/superseded/"))
}

/// Asserts that history holds a copy of all that was replaced, and nothing but copies of that and
/// of what is current.
fn history_holds(history: &Files, replaced: &Files, current: &Files, name: &str) {
    let known = |files: &Files, copy: &str, content: &[u8]| {
        let of = |path: &String| path.rsplit('/').next().unwrap().to_owned();
        files.iter().any(|(path, original)| of(path) == of(&copy.to_owned()) && original == content)
    };
    for (path, content) in replaced {
        assert!(known(history, path, content), "{name}: {path} was replaced, but not kept");
    }
    for (path, content) in history {
        let sound = known(replaced, path, content) || known(current, path, content);
        assert!(sound, "{name}: {path} is no copy of anything");
    }
}

/// Whether a committed lineage names only files that are there, whole.
fn committed_run_is_whole(files: &Files, folder: &Path) {
    let lineage = |name: &str| name.ends_with("lineage.json") && !name.contains("/superseded/");
    let Some((name, lineage)) = files.iter().find(|(name, _)| lineage(name)) else {
        return;
    };
    let uri = Uri::from_argument(folder, name).unwrap();
    let lineage = Lineage::parse(lineage, &uri).unwrap();
    for (_, output) in lineage.outputs.each() {
        for file in &output.files {
            let path = fs::canonicalize(folder).unwrap();
            let name = Path::new(file.uri.path()).strip_prefix(path).unwrap().display().to_string();
            assert_eq!(
                files.get(&name).map(|content| content.len() as u64),
                Some(file.bytes),
                "{name}"
            );
        }
    }
}

fn every_crash_point(before: Option<&str>) {
    let lake = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(lake.path()).unwrap().join("sample");
    Sample { stores: 4, skus: 6, days: 2, seed: 5 }.write(&folder).unwrap();
    let out = folder.join("out");
    let reset = || {
        let _ = fs::remove_dir_all(&out);
        if let Some(gap) = before {
            assert!(run(&folder, gap, Failing::new(usize::MAX, true)).1);
        }
    };
    reset();
    let replaced = tree(&out);
    let (writes, committed) = run(&folder, "PT1H", Failing::new(usize::MAX, true));
    assert!(committed && writes >= 4, "{writes}");
    let (clean, history) = apart(tree(&out));
    history_holds(&history, &replaced, &clean, "undisturbed");
    for (n, lands) in (0..writes).flat_map(|n| [(n, false), (n, true)]) {
        reset();
        let (_, committed) = run(&folder, "PT1H", Failing::new(n, lands));
        assert!(
            !committed,
            "write {n} of {writes} was refused, and yet the run says that it is committed"
        );
        committed_run_is_whole(&tree(&out), &out);
        assert!(run(&folder, "PT1H", Failing::new(usize::MAX, true)).1);
        let (next, history) = apart(tree(&out));
        let name = format!("after a run that was cut off at write {n}, landed: {lands}");
        assert_eq!(next, clean, "{name}");
        history_holds(&history, &replaced, &clean, &name);
    }
}

#[test]
fn a_first_run_cut_off_at_any_write_is_made_good_by_the_next() {
    every_crash_point(None);
}

#[test]
fn a_rerun_over_other_content_cut_off_at_any_write_leaves_the_old_run_or_the_new_one() {
    every_crash_point(Some("PT10M"));
}

#[test]
fn a_rerun_with_the_same_input_writes_nothing() {
    let lake = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(lake.path()).unwrap().join("sample");
    Sample { stores: 4, skus: 6, days: 2, seed: 5 }.write(&folder).unwrap();
    assert!(run(&folder, "PT1H", Failing::new(usize::MAX, true)).1);
    let clean = tree(&folder.join("out"));
    assert_eq!(run(&folder, "PT1H", Failing::new(0, false)), (0, true));
    assert_eq!(tree(&folder.join("out")), clean);
}

/// A run that failed at a part once took back the parts that it had created. But another run with
/// the same content had found them there, and had committed a lineage that lists them.
#[test]
fn a_failing_run_takes_back_nothing_that_a_committed_run_lists() {
    let lake = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(lake.path()).unwrap().join("sample");
    Sample { stores: 4, skus: 6, days: 2, seed: 5 }.write(&folder).unwrap();
    let other = folder.clone();
    let mut failing = Failing::new(1, false);
    failing.meanwhile = Some(Box::new(move || {
        let other = other.clone();
        // It has a thread of its own, since one runtime cannot wait inside another.
        let run = move || run(&other, "PT1H", Failing::new(usize::MAX, true));
        assert!(std::thread::spawn(run).join().unwrap().1);
    }));
    assert!(!run(&folder, "PT1H", failing).1);
    let out = folder.join("out");
    let files = tree(&out);
    assert!(files.keys().any(|name| name.ends_with("lineage.json")));
    committed_run_is_whole(&files, &out);
}
