//! The job as a process on S3: a small chain as input, runs with or without a proxy between, and
//! what they leave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use cohort::{Objects, Put, S3, Uri};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::seaweed::{ADMIN, Identity, config, fresh_prefix, s3, server, uri};

/// Everything under a prefix, by its path below it.
pub(crate) type State = BTreeMap<String, Bytes>;

/// A place on the server with a manifest, inputs and outputs of its own.
#[derive(Debug)]
pub(crate) struct Place {
    /// Everything is below it, outputs below its `out/`.
    pub prefix: Uri,
    direct: Arc<S3>,
    runtime: tokio::runtime::Runtime,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none after a signal.
    pub exit: Option<i32>,
    /// What it logged.
    pub log: String,
    /// Its summary, if it printed one.
    pub summary: Option<Value>,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
            summary: serde_json::from_slice(&output.stdout).ok(),
        }
    }
}

/// The files of a small sample, by path.
pub(crate) fn sample(seed: u32) -> State {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("chain");
    let mut make = Command::new(crate::binary::binary());
    make.arg("sample").arg(&target).args(["--stores", "4", "--skus", "3", "--days", "2"]);
    let made = make.args(["--seed", &seed.to_string()]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    files(&target)
}

/// The files below a folder.
pub(crate) fn files(folder: &Path) -> State {
    let mut found = State::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap().into());
            }
        }
    }
    found
}

impl Place {
    /// A new place with these files.
    pub(crate) fn new(name: &str, files: &State) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let direct = Arc::new(s3(server().port, ADMIN));
        let place = Self { prefix: fresh_prefix(name), direct, runtime };
        place.put(files);
        place
    }

    /// Writes the files over whatever is there.
    pub(crate) fn put(&self, files: &State) {
        let mut writes = JoinSet::new();
        for (name, content) in files {
            let (s3, uri, content) = (self.direct.clone(), self.prefix.join(name), content.clone());
            let write = async move {
                if s3.create(&uri, content.clone()).await.unwrap() == Put::Conflict {
                    let (stands, tag) = s3.read(&uri).await.unwrap();
                    if stands != content {
                        s3.replace(&uri, content, &tag).await.unwrap();
                    }
                }
            };
            writes.spawn_on(write, self.runtime.handle());
        }
        self.runtime.block_on(writes.join_all());
    }

    /// Makes `out/` hold these files and no others.
    pub(crate) fn restore(&self, outputs: &State) {
        self.runtime.block_on(async {
            for object in self.direct.list(&self.prefix.join("out/")).await.unwrap() {
                self.direct.delete(&object.uri).await.unwrap();
            }
            self.direct.sweep(&self.prefix.join("out/")).await.unwrap();
        });
        self.put(outputs);
    }

    /// Begins the upload of an object beside the lineage that is there, and leaves it at that.
    pub(crate) fn begin_upload_beside_the_lineage(&self) {
        let outputs = self.outputs();
        let lineage = outputs.keys().find(|name| name.ends_with("/lineage.json")).unwrap();
        let key = self.prefix.join(&lineage.replace("lineage.json", "superseded/x"));
        let client = aws_sdk_s3::Client::from_conf(config(server().port, ADMIN).build());
        let begun = client.create_multipart_upload().bucket("lake").key(key.path()).send();
        self.runtime.block_on(begun).unwrap();
    }

    /// Everything below `out/`.
    pub(crate) fn outputs(&self) -> State {
        self.below("out/")
    }

    /// Everything in the place.
    pub(crate) fn everything(&self) -> State {
        self.below("")
    }

    fn below(&self, folder: &str) -> State {
        self.runtime.block_on(async {
            let mut found = State::new();
            for object in self.direct.list(&self.prefix.join(folder)).await.unwrap() {
                let name = object.uri.below(&self.prefix).unwrap().to_owned();
                found.insert(name, self.direct.read(&object.uri).await.unwrap().0);
            }
            found
        })
    }

    /// The job's command against the server on the port.
    pub(crate) fn command(&self, port: u16, identity: Identity) -> Command {
        let mut command = Command::new(crate::binary::binary());
        environment(&mut command, port, identity);
        command.args(["run", "--manifest", &self.prefix.join("run_manifest.json").to_string()]);
        command
    }

    /// Begins a run.
    pub(crate) fn spawn(&self, port: u16) -> Child {
        let mut command = self.command(port, ADMIN);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Carries out a run.
    pub(crate) fn run(&self, port: u16) -> Ended {
        self.command(port, ADMIN).output().unwrap().into()
    }

    /// Carries out a run on the server itself, which must succeed. Returns what is below `out/`
    /// then.
    pub(crate) fn run_clean(&self) -> State {
        let ended = self.run(server().port);
        assert_eq!(ended.exit, Some(0), "{}", ended.log);
        self.outputs()
    }
}

/// What a process needs to find the server, and few and short attempts.
pub(crate) fn environment(command: &mut Command, port: u16, identity: Identity) {
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.starts_with("COHORT_S3_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", identity.key)
        .env("AWS_SECRET_ACCESS_KEY", identity.secret)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("COHORT_S3_ATTEMPTS_MAX", "6")
        .env("COHORT_S3_BACKOFF_MS", "5")
        .env("COHORT_S3_BACKOFF_MAX_MS", "200")
        .env("COHORT_S3_ATTEMPT_MS", "3000")
        .env("COHORT_S3_STALL_MS", "300");
}

/// How the paths of history differ from those of what is current.
const SUPERSEDED: &str = "/superseded/";

/// The outputs without history.
pub(crate) fn current(outputs: &State) -> State {
    let current = outputs.iter().filter(|(name, _)| !name.contains(SUPERSEDED));
    current.map(|(name, content)| (name.clone(), content.clone())).collect()
}

/// Asserts that history holds all that `replaced` held, and nothing but copies of that and of what
/// is current.
pub(crate) fn history_holds(outputs: &State, replaced: &State) {
    let name_of = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let named = |state: &State| -> BTreeSet<(String, Bytes)> {
        let current = current(state).into_iter();
        current.map(|(path, content)| (name_of(&path), content)).collect()
    };
    let kept = outputs.iter().filter(|(path, _)| path.contains(SUPERSEDED));
    let kept: BTreeSet<(String, Bytes)> =
        kept.map(|(path, content)| (name_of(path), content.clone())).collect();
    let (replaced, now) = (named(replaced), named(outputs));
    let lost: Vec<_> = replaced.difference(&kept).map(|(name, _)| name).collect();
    assert!(lost.is_empty(), "replaced, but not kept: {lost:?}");
    for (name, _) in &kept {
        let sound = replaced.iter().chain(&now).any(|(known, _)| known == name);
        assert!(sound, "{name} in history is no copy of anything");
    }
    assert!(kept.iter().all(|one| replaced.contains(one) || now.contains(one)), "a damaged copy");
}

/// The lineage among the outputs, if any, after checking that each file it names is there and
/// whole.
pub(crate) fn committed(outputs: &State) -> Option<Value> {
    let outputs = &current(outputs);
    let (_, lineage) = outputs.iter().find(|(name, _)| name.ends_with("/lineage.json"))?;
    let lineage: Value = serde_json::from_slice(lineage).unwrap();
    for (dataset, name, file) in named(&lineage) {
        let content = outputs.get(&name).unwrap_or_else(|| panic!("{dataset}: {name} is missing"));
        let digest: String =
            Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"].as_str(), Some(digest.as_str()), "{name}");
        assert_eq!(file["bytes"].as_u64(), Some(content.len() as u64), "{name}");
    }
    Some(lineage)
}

/// Asserts that beside history there is nothing but the lineage and what it names.
pub(crate) fn nothing_is_left_over(outputs: &State) {
    let outputs = &current(outputs);
    let lineage = committed(outputs).expect("nothing is committed");
    let mut expected: BTreeSet<String> =
        named(&lineage).into_iter().map(|(_, name, _)| name).collect();
    expected.extend(outputs.keys().filter(|name| name.ends_with("/lineage.json")).cloned());
    let found: BTreeSet<String> = outputs.keys().cloned().collect();
    assert_eq!(found, expected);
}

/// Dataset, path below the place and entry of each file that a lineage names.
fn named(lineage: &Value) -> Vec<(String, String, Value)> {
    let mut files = Vec::new();
    for (dataset, output) in lineage["outputs"].as_object().unwrap() {
        for file in output["files"].as_array().unwrap() {
            let path = uri(file["uri"].as_str().unwrap()).path().to_owned();
            let at = path.find("/out/").expect("an output outside out/") + 1;
            files.push((dataset.clone(), path[at..].to_owned(), file.clone()));
        }
    }
    files
}
