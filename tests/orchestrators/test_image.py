"""The image as it is meant to run: no privileges, no writable path, a little memory."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import tomllib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from conftest import HOST, IMAGE, KEY, SECRET, Json, Received
from holding_proxy import HoldingProxy
from lake import Lake
from printed import PATIENCE_S, ROOT, printed, shell
from published_schemas import check_schemas

Start = Callable[..., Container]


@pytest.fixture
def start(network: str, job_environment: dict[str, str]) -> Iterator[Start]:
    """Starts the job in a container. All containers are removed at the end."""
    client = docker.from_env()
    started: list[Container] = []

    def start(*arguments: str, **environment: str) -> Container:
        container = client.containers.run(
            IMAGE,
            list(arguments),
            environment={**job_environment, **environment},
            network=network,
            detach=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit="256m",
        )
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove(force=True)


def day(lake: Lake, run_id: str = "by-hand") -> list[str]:
    return ["run", "--manifest", f"s3://{lake.bucket}/manifests/cohorting.json", "--run-id", run_id]


def test_a_run_needs_no_privileges_and_no_writable_path(lake: Lake, start: Start) -> None:
    container = start(*day(lake))
    assert container.wait()["StatusCode"] == 0, container.logs()
    summary = json.loads(container.logs(stdout=True, stderr=False))
    assert summary["status"] == "committed"
    assert summary["lineage"] == f"s3://{lake.bucket}/lineage/run=by-hand/lineage.json"
    lineage = lake.lineage("by-hand")
    assert lineage["counts"]["events_opened"] == 12
    again = start(*day(lake))
    assert again.wait()["StatusCode"] == 0
    assert json.loads(again.logs(stdout=True, stderr=False))["status"] == "unchanged"


def test_the_printed_command_runs_the_job(printed_lake: Lake, network: str) -> None:
    command = printed("docker run").replace("docker run", f"docker run --network {network}")
    secrets = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
    address = {"AWS_ENDPOINT_URL_S3": f"http://{HOST}:8333"}
    done = shell(command, {**os.environ, **secrets, **address}, ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == printed_lake.lineage("by-hand")["counts"]


def packed(value: Json) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


def test_pipes_messages_reach_a_bucket_in_numbered_chunks(lake: Lake, start: Start) -> None:
    keys = ["minority_reports_cohorted_log", "minority_event_log"]
    lake.put("pipes/context", json.dumps({"asset_keys": keys, "extras": {"top_events": 5}}))
    container = start(
        *day(lake, "piped"),
        DAGSTER_PIPES_CONTEXT=packed({"bucket": lake.bucket, "key": "pipes/context"}),
        DAGSTER_PIPES_MESSAGES=packed({"bucket": lake.bucket, "key_prefix": "pipes/said"}),
    )
    assert container.wait()["StatusCode"] == 0, container.logs()
    chunks = [lake.read(f"pipes/said/{n}.json").decode() for n in (1, 2)]
    said = [json.loads(line)["method"] for chunk in chunks for line in chunk.splitlines()]
    assert (said[0], said[-1]) == ("opened", "closed")
    assert said.count("report_asset_materialization") == 2


def test_a_missing_input_is_exit_66_with_one_line(lake: Lake, start: Start) -> None:
    container = start("run", "--manifest", f"s3://{lake.bucket}/manifests/missing.json")
    assert container.wait()["StatusCode"] == 66
    said = container.logs(stdout=False, stderr=True).decode().splitlines()
    assert [line for line in said if line.startswith("cohort: ")] == said[-1:]
    assert "missing.json" in said[-1]


def test_a_stop_request_ends_a_run_that_waits_for_an_answer_with_exit_75(
    lake: Lake, start: Start, proxy: HoldingProxy, by_proxy: dict[str, str], received: Received
) -> None:
    # Longer than the test waits, so that the run cannot end by giving up on the answer.
    patient = {"COHORT_S3_ATTEMPT_MS": "600000"}
    told = {"OPENLINEAGE_URL": received[0]}
    with proxy.holding("GET", "minority_reports_detected_log") as held:
        container = start(*day(lake), **{**by_proxy, **patient, **told})
        assert held.wait(PATIENCE_S)
        container.kill(signal="SIGTERM")
        assert container.wait(timeout=300)["StatusCode"] == 75
    assert b"stopped by SIGTERM" in container.logs()
    assert not [key for key in lake.digests("lineage") if key.endswith("lineage.json")]
    assert [event["eventType"] for event in received[1]] == ["START", "ABORT"]
    check_schemas(received[1])
    # Whatever it left behind, the next run leaves the same as an undisturbed one.
    assert start(*day(lake)).wait()["StatusCode"] == 0
    assert list(lake.digests("lineage")) == ["lineage/run=by-hand/lineage.json"]


def test_the_image_says_what_it_is_and_is_small() -> None:
    image = docker.from_env().images.get(IMAGE)
    assert image.attrs["Size"] < 40_000_000
    assert image.attrs["Config"]["User"] == "65532:65532"
    labels = image.labels
    assert labels["org.opencontainers.image.title"] == "cohort"
    (version,) = re.findall(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert labels["org.opencontainers.image.version"] == version
    # A build without arguments gets the same version.
    assert f"ARG VERSION={version}\n" in (ROOT / "docker" / "Dockerfile").read_text()
    assert len(labels["org.opencontainers.image.revision"]) == 40


def build(umask: int) -> tuple[str, str]:
    """Build the image anew; returns its digest and what was printed."""
    done = subprocess.run(
        ["docker/build.sh", "cohort-rebuilt:1"],
        cwd=ROOT,
        umask=umask,
        capture_output=True,
        text=True,
        check=True,
    )
    return str(docker.from_env().images.get("cohort-rebuilt:1").id), done.stdout


def test_two_builds_of_one_commit_have_one_digest() -> None:
    latest = docker.from_env().images.get("cohort:latest")
    binary = ROOT / "target" / "dist" / "cohort"
    os.utime(binary, (1_000_000_000, 1_000_000_000))
    first, printed_first = build(0o022)
    os.utime(binary)
    client = docker.from_env()
    client.images.remove("cohort-rebuilt:1", force=True)
    client.images.prune()
    second, _ = build(0o077)
    assert first == second
    assert first in printed_first
    client.images.remove("cohort-rebuilt:1")
    latest.tag("cohort", "latest")


def test_neither_image_nor_binary_knows_the_machine_that_built_it() -> None:
    client = docker.from_env()
    container = client.containers.create(IMAGE)
    try:
        found = {
            name: b"".join(container.get_archive(f"/{name}")[0])
            for name in ("cohort", "sbom.cdx.json", "LICENSE")
        }
    finally:
        container.remove()
    paths = {str(ROOT), str(Path.home() / ".cargo"), os.environ.get("CARGO_HOME") or str(ROOT)}
    for name, content in found.items():
        for path in paths:
            assert path.encode() not in content, f"{name} holds {path}"
    bill = json.loads(found["sbom.cdx.json"][512:].split(b"\n}\n")[0] + b"\n}")
    assert bill["bomFormat"] == "CycloneDX"
    named = {component["name"] for component in bill["components"]}
    assert {"arrow", "parquet", "tokio", "cohort-core"} <= named
    assert {"rust-std", "glibc", "libgcc", "echarts", "ca-certificates"} <= named
    assert {"jsonschema", "proptest"}.isdisjoint(named)


def test_the_image_is_compiled_by_the_pinned_compiler() -> None:
    pinned = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    assert re.findall(r"^ARG RUST=rust:([\d.]+)", dockerfile, re.MULTILINE) == [pinned]
