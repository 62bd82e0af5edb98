//! Takes the charting library that `cohort page` embeds out of the crate `charming`.
//!
//! The library (Apache ECharts) is no part of that crate's interface, and no copy of it is kept
//! here. Cargo says where the crate's source is, a digest says that the file is the one that was
//! reviewed, and what the binary carries is the gzipped script.
// A build script speaks to Cargo on stdout.
#![allow(clippy::disallowed_macros)]

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The release of `charming` that Cargo.toml pins.
const CHARMING: &str = "0.6.0";
const SCRIPT: &str = "src/asset/echarts-5.5.1.min.js";
const SCRIPT_SHA256: &str = "e84270bd0cd5bdf60fefc26d00c2a391cb2e81f4d26a7a9ee16185a54773a3cf";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let path = folder_of_charming(&out)?.join(SCRIPT);
    let script = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let digest = Sha256::digest(&script);
    let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if found != SCRIPT_SHA256 {
        let path = path.display();
        return Err(format!("{path}: expected SHA-256 {SCRIPT_SHA256}, found {found}").into());
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&script)?;
    fs::write(out.join("echarts.js.gz"), packed.finish()?)?;
    fs::write(out.join("echarts.js.sha256"), digest)?;
    Ok(())
}

/// Asks Cargo where the source of `charming` is.
///
/// It asks on behalf of a package that needs `charming` alone, with the versions of Cargo.lock:
/// Cargo has all of those at hand if it builds this crate, and may lack what other targets and the
/// tests need.
fn folder_of_charming(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let package = out.join("charming");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    let manifest = package.join("Cargo.toml");
    fs::write(
        &manifest,
        format!(
            "[package]\nname = \"locate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\ncharming = {{ version = \"={CHARMING}\", default-features = false }}\n"
        ),
    )?;
    fs::copy("Cargo.lock", package.join("Cargo.lock"))?;
    let asked = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform"])
        .arg(env::var("HOST")?)
        .arg("--manifest-path")
        .arg(&manifest)
        .output()?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(format!("cargo metadata: expected where charming is, found: {said}").into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&asked.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifests = packages.filter(|package| package["name"] == "charming");
    let manifest = manifests.filter_map(|package| package["manifest_path"].as_str()).next();
    let manifest = manifest.ok_or("cargo metadata: expected the package charming, found none")?;
    Ok(Path::new(manifest).parent().ok_or("charming has no folder")?.to_owned())
}
