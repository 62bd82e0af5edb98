//! `make bench-s3`: the day of the benchmark on S3, with 30 ms added to every request and each
//! connection held to 100 MB/s, beside the same run on local disk. `COHORT_BENCH_DATA` names the
//! day's folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fault_proxy::{Fault, Link, Proxy};
use crate::s3_job::{Place, State, environment, files};
use crate::seaweed::{ADMIN, server};

const ROUNDS: usize = 5;
const LATENCY: Duration = Duration::from_millis(30);
const BYTES_PER_SECOND: f64 = 100e6;
const LOGS: [&str; 3] = [
    "minority_reports_detected_log",
    "anomaly_classifier_model_prediction_log",
    "baseline_sales_model_prediction_log",
];

/// One run: seconds of wall and CPU, and the peak in MiB.
#[derive(Clone, Copy, Debug)]
struct Used {
    wall: f64,
    cpu: f64,
    peak: f64,
}

fn manifest(inputs: &str) -> Vec<u8> {
    let dataset = |name: &str| {
        let uri = format!("{inputs}/{name}/");
        (name.to_owned(), json!({"uri": uri, "partitioning": "date=%Y-%m-%d"}))
    };
    let manifest = json!({
        "version": 1,
        "run_id": "bench",
        "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
        "gap": "PT30M",
        "inputs": LOGS.map(dataset).into_iter().collect::<serde_json::Map<_, _>>(),
        "outputs": {
            "minority_reports_cohorted_log": "out/minority_reports_cohorted_log/",
            "minority_event_log": "out/minority_event_log/",
            "lineage": "out/lineage/",
        },
    });
    manifest.to_string().into_bytes()
}

fn measure(mut command: Command) -> (Used, Value) {
    for name in ["COHORT_S3_ATTEMPTS_MAX", "COHORT_S3_ATTEMPT_MS", "COHORT_S3_STALL_MS"] {
        command.env_remove(name);
    }
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().unwrap();
    let wall = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let used = Used {
        wall,
        cpu: number(&summary["execution"]["cpu_ms"]) / 1e3,
        peak: number(&summary["peak_memory_bytes"]) / f64::from(1 << 20),
    };
    (used, summary["execution"].clone())
}

fn local_run(folder: &Path) -> Command {
    let _ = std::fs::remove_dir_all(folder.join("out"));
    let mut command = Command::new(crate::binary::binary());
    command.args(["run", "--manifest"]).arg(folder.join("run_manifest.json"));
    command
}

fn median(runs: &[Used], of: impl Fn(&Used) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn show(name: &str, runs: &[Used]) -> Used {
    let used = Used {
        wall: median(runs, |run| run.wall),
        cpu: median(runs, |run| run.cpu),
        peak: median(runs, |run| run.peak),
    };
    println!(
        "{name:6} wall {:7.3} s  CPU {:7.3} s  peak {:6.0} MiB",
        used.wall, used.cpu, used.peak
    );
    used
}

#[test]
#[ignore = "a measurement: make bench-s3"]
fn the_day_on_s3_takes_little_more_than_on_disk() {
    let data = std::env::var("COHORT_BENCH_DATA").expect("COHORT_BENCH_DATA names no folder");
    let data = PathBuf::from(data).canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("run_manifest.json");
    std::fs::write(&local, manifest(data.to_str().unwrap())).unwrap();
    let mut there: State = LOGS
        .iter()
        .flat_map(|log| {
            let files = files(&data.join(log)).into_iter();
            files.map(move |(name, content)| (format!("in/{log}/{name}"), content))
        })
        .collect();
    there.insert("run_manifest.json".to_owned(), manifest("in").into());
    let place = Place::new("bench", &there);
    drop(there);
    let link = Link { latency: LATENCY, bytes_per_second: Some(BYTES_PER_SECOND) };
    let (mut on_disk, mut on_s3, mut bytes) = (Vec::new(), Vec::new(), 0);
    for round in 0..=ROUNDS {
        let (disk, _) = measure(local_run(folder.path()));
        place.restore(&State::new());
        let proxy = Proxy::with_link(server().port, link, |_| Fault::None);
        let mut command = place.command(proxy.port, ADMIN);
        environment(&mut command, proxy.port, ADMIN);
        let (s3, execution) = measure(command);
        bytes = proxy.body_bytes();
        println!("round {round}: disk {:.3} s, S3 {:.3} s; {execution}", disk.wall, s3.wall);
        // The first round warms the caches up.
        if round > 0 {
            on_disk.push(disk);
            on_s3.push(s3);
        }
    }
    let (disk, s3) = (show("disk", &on_disk), show("S3", &on_s3));
    let least = bytes as f64 / BYTES_PER_SECOND;
    println!("{:.1} MB read; one connection needs {least:.3} s for them", bytes as f64 / 1e6);
    let most = (1.5 * disk.wall).max(1.3 * least);
    println!(
        "wall: {:.3} s of {most:.3} s allowed; {:.2} times local",
        s3.wall,
        s3.wall / disk.wall
    );
    println!("peak: {:.2} times local (1.5)", s3.peak / disk.peak);
    assert!(s3.wall <= most && s3.peak <= 1.5 * disk.peak, "a target is missed");
}
