//! What the page carries packed: its data and the charting library, gzipped, in base64; and its own
//! style and scripts, as they are. The page's policy names the digest of each.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Apache ECharts, gzipped by `build.rs`.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echarts.js.gz"));
/// The SHA-256 of the script in it.
const LIBRARY_SHA256: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echarts.js.sha256"));

/// The style sheet: colours and elements, what the page shows, the drawer, and how all of this
/// suits the window or the paper.
pub(super) const STYLE: &str = concat!(
    include_str!("assets/base.css"),
    include_str!("assets/panels.css"),
    include_str!("assets/drawer.css"),
    include_str!("assets/windows.css"),
);

/// The scripts in their order. They share one scope, which is nobody else's.
const SCRIPTS: [&str; 11] = [
    include_str!("assets/unpack.js"),
    include_str!("assets/format.js"),
    include_str!("assets/model.js"),
    include_str!("assets/address.js"),
    include_str!("assets/theme.js"),
    include_str!("assets/tip.js"),
    include_str!("assets/overview.js"),
    include_str!("assets/stores.js"),
    include_str!("assets/bar.js"),
    include_str!("assets/table.js"),
    include_str!("assets/drawer.js"),
];
const MAIN: &str = include_str!("assets/main.js");

/// The page's own script.
pub(super) fn script() -> String {
    format!("(() => {{\n\"use strict\";\n{}{MAIN}}})();\n", SCRIPTS.concat())
}

/// The charting library in base64.
pub(super) fn library() -> String {
    STANDARD.encode(LIBRARY)
}

/// A text gzipped, in base64.
pub(super) fn packed(text: &str) -> String {
    let mut packed = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory does not fail.
    let written = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
    STANDARD.encode(written.unwrap_or_default())
}

/// The policy of a page with this script: what is on the page may run and show, nothing may be
/// asked for. The pictures that it allows are in the page's own text.
pub(super) fn policy(script: &str) -> String {
    let of_script = STANDARD.encode(Sha256::digest(script));
    let of_library = STANDARD.encode(LIBRARY_SHA256);
    let of_style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; script-src 'sha256-{of_script}' 'sha256-{of_library}'; style-src \
         'sha256-{of_style}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}
