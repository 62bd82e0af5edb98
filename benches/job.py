"""Where things are, and how the job is run on generated data."""

import json
import os
from pathlib import Path

from peer import REPORTS, RUN_ID, SALES, SCORES

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "benches"
BINARY = Path(os.environ.get("COHORT_BINARY", ROOT / "target" / "release" / "cohort"))
GAP_S = 1800


def manifest(data: Path, out: Path, start: str, end: str) -> Path:
    """Writes a run manifest over generated data into `out`, beside its outputs."""
    uris = {name: {"uri": f"{data.resolve()}/{name}/"} for name in (REPORTS, SCORES, SALES)}
    content = {
        "version": 1,
        "run_id": RUN_ID,
        "interval": {"start": start, "end": end},
        "gap": f"PT{GAP_S}S",
        "inputs": {
            name: {**where, "partitioning": "date=%Y-%m-%d"} for name, where in uris.items()
        },
        "outputs": {
            name: f"{out.resolve()}/{name}/"
            for name in ("minority_reports_cohorted_log", "minority_event_log", "lineage")
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "run_manifest.json"
    path.write_text(json.dumps(content, indent=2))
    return path


def command(manifest_path: Path, *options: str) -> list[str]:
    return [str(BINARY), "run", "--manifest", str(manifest_path), *options]
