//! A lake in a temporary folder: an input written as Parquet datasets in one of the many shapes
//! that SPEC 2 allows, a manifest beside it, the job run on it, and its outputs read back.

mod columns;
mod encode;
mod encodings;
mod read_back;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::model::{Input, Output, Params, clock_text};
pub(crate) use columns::tables;
pub(crate) use encodings::encodings;
pub(crate) use read_back::{committed as read, facts, rejected};

/// A small generator of pseudo-random numbers. The shape of a lake follows from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `of`: SplitMix64.
    pub(crate) fn below(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % of as u64) as usize
    }

    pub(crate) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// How datasets lie in storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partitioning {
    None,
    Daily,
    Hourly,
}

impl Partitioning {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Daily, Self::Hourly];

    /// The pattern that the manifest names.
    pub(crate) fn of_pattern(pattern: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|one| one.pattern() == pattern).unwrap()
    }

    fn pattern(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Daily => Some("date=%Y-%m-%d"),
            Self::Hourly => Some("dt=%Y%m%d/hour=%H"),
        }
    }

    /// `[from, to)` of the partition of the table's first tick.
    fn range(self, table: &columns::Table) -> (i64, i64) {
        let first = table.ticks().into_iter().flatten().min().unwrap_or(0);
        let length = match self {
            Self::None => return (i64::MIN, i64::MAX),
            Self::Daily => 86_400_000_000,
            Self::Hourly => 3_600_000_000,
        };
        let from = first.div_euclid(length) * length;
        (from, from + length)
    }

    /// The folder of a tick's partition, with a slash behind it.
    pub(crate) fn folder(self, tick: i64) -> String {
        let text = clock_text(tick);
        match self {
            Self::None => String::new(),
            Self::Daily => format!("date={}/", &text[..10]),
            Self::Hourly => format!("dt={}/hour={}/", text[..10].replace('-', ""), &text[11..13]),
        }
    }
}

/// The shape of a lake. All shapes of one input must lead to the same rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub partitioning: Partitioning,
    /// If `None`, there is one file per partition, with rows in the given order and the canonical
    /// types. Otherwise the seed of file splits, row order, row groups, encodings, column order and
    /// names.
    pub seed: Option<u64>,
    /// Dataset, column, and which of its encodings to take in place of the canonical one.
    pub recoded: Option<(&'static str, &'static str, usize)>,
}

impl Shape {
    pub(crate) const PLAIN: Self =
        Self { partitioning: Partitioning::None, seed: None, recoded: None };
}

/// A folder with datasets, ready to be run on.
pub(crate) struct Lake {
    folder: tempfile::TempDir,
    inputs: Map<String, Value>,
    absolute: bool,
    /// Per log, `[from, to)` of the partition that holds its rows without a tick.
    placeless: BTreeMap<&'static str, (i64, i64)>,
}

/// What a run of the binary left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

/// One committed run as a reader who follows the lineage sees it.
#[derive(Debug)]
pub(crate) struct Committed {
    pub output: Output,
    pub lineage: Value,
    /// The bytes of every file of the run, by path relative to the lake.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Lake {
    /// Writes the input.
    pub(crate) fn new(input: &Input, shape: Shape) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice::new(shape.seed.unwrap_or(0));
        let mut inputs = Map::new();
        let mut placeless = BTreeMap::new();
        for table in tables(input) {
            let required = table.name == "minority_reports_detected_log";
            if table.rows == 0 && !required && (shape.seed.is_none() || dice.one_in(2)) {
                continue;
            }
            let root = folder.path().join(table.name);
            let names = encode::write(&table, &root, shape, &mut dice);
            placeless.insert(table.name, shape.partitioning.range(&table));
            let absolute = shape.seed.is_some() && dice.one_in(2);
            let uri = if absolute {
                format!("file://{}/", root.display())
            } else {
                format!("{}/", table.name)
            };
            let mut dataset = json!({"uri": uri});
            // Campaigns and context have no tick to be partitioned by.
            if let Some(pattern) = shape.partitioning.pattern().filter(|_| table.tick.is_some()) {
                dataset["partitioning"] = json!(pattern);
            }
            if !names.is_empty() {
                dataset["columns"] = json!(names);
            }
            inputs.insert(table.name.to_owned(), dataset);
        }
        Self { folder, inputs, absolute: shape.seed.is_some() && dice.one_in(2), placeless }
    }

    /// Writes other rows in place of the input's, in the datasets that are there. The shape has no
    /// seed, as that of the first rows.
    pub(crate) fn rewrite(&self, input: &Input, shape: Shape) {
        assert_eq!(shape.seed, None);
        for table in tables(input) {
            if self.inputs.contains_key(table.name) {
                let root = self.path().join(table.name);
                fs::remove_dir_all(&root).unwrap();
                encode::write(&table, &root, shape, &mut Dice::new(0));
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The manifest of a run.
    pub(crate) fn manifest(&self, params: &Params) -> Value {
        let output = |name: &str| {
            if self.absolute {
                json!(format!("file://{}/out/{name}/", self.path().display()))
            } else {
                json!(format!("out/{name}/"))
            }
        };
        json!({
            "version": 1,
            "run_id": params.run_id,
            "interval": {"start": clock_text(params.start), "end": clock_text(params.end)},
            "gap": duration_text(params.gap),
            "max_event_duration": duration_text(params.max_event_duration),
            "max_lookback": duration_text(params.max_lookback),
            "max_reject_ratio": 1.0,
            "inputs": self.inputs,
            "outputs": {
                "minority_reports_cohorted_log": output("mrch"),
                "minority_event_log": output("events"),
                "lineage": output("lineage"),
                "rejects": output("rejects"),
            }
        })
    }

    /// Writes the manifest and runs the binary on it.
    pub(crate) fn run(&self, params: &Params, arguments: &[&str]) -> Run {
        self.run_manifest(&self.manifest(params), arguments)
    }

    pub(crate) fn run_manifest(&self, manifest: &Value, arguments: &[&str]) -> Run {
        run_in(self.path(), manifest, arguments)
    }

    /// Runs, expects success, and reads back what was committed.
    pub(crate) fn committed(&self, params: &Params, arguments: &[&str]) -> Committed {
        let run = self.run(params, arguments);
        assert_eq!(run.exit, 0, "{run:?}\nmanifest: {:#}", self.manifest(params));
        self.read(params)
    }

    /// The rejected rows that the lineage must count. Rows without a tick, or with one out of
    /// range, lie in no interval. The job counts them in runs for their partition, and in every run
    /// if there are no partitions.
    pub(crate) fn expected_rejects(
        &self,
        output: &Output,
        params: &Params,
    ) -> BTreeMap<(&'static str, &'static str), u64> {
        let mut rejects = output.rejects.clone();
        for ((dataset, reason), rows) in &output.rejects_without_tick {
            let (from, to) = self.placeless[read_back::log(dataset)];
            if from < params.end && params.start < to {
                *rejects.entry((*dataset, *reason)).or_default() += rows;
            }
        }
        rejects
    }

    /// The paths of all files under the outputs.
    pub(crate) fn outputs(&self) -> Vec<String> {
        files_under(&self.path().join("out")).into_keys().collect()
    }

    /// Reads back what the run committed.
    pub(crate) fn read(&self, params: &Params) -> Committed {
        read(self.path(), &params.run_id)
    }
}

/// Writes the manifest into the folder and runs the binary on it.
pub(crate) fn run_in(folder: &Path, manifest: &Value, arguments: &[&str]) -> Run {
    fs::write(folder.join("manifest.json"), serde_json::to_vec_pretty(manifest).unwrap()).unwrap();
    run_as_it_is(folder, arguments)
}

/// Runs the `manifest.json` that lies in a folder.
pub(crate) fn run_as_it_is(folder: &Path, arguments: &[&str]) -> Run {
    let path = folder.join("manifest.json");
    let output = Command::new(crate::binary::binary())
        .arg("run")
        .arg("--manifest")
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap();
    Run {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// ISO 8601, in seconds.
pub(crate) fn duration_text(us: i64) -> String {
    match us % 1_000_000 {
        0 => format!("PT{}S", us / 1_000_000),
        rest => format!("PT{}.{rest:06}S", us / 1_000_000),
    }
}

/// All files under a folder, by relative path.
pub(crate) fn files_under(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(relative, fs::read(&path).unwrap());
            }
        }
    }
    files
}
