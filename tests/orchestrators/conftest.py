"""A SeaweedFS server in a container on a network of its own, with a lake in it.

`COHORT_KEEP=1` keeps the network and the server after the tests. With `CI` set, as CI does, a
skipped test is a failed one.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import docker
import pytest
from pyarrow import fs

from holding_proxy import HoldingProxy
from lake import Lake, fill
from printed import PATIENCE_S, ROOT, exported

KEY, SECRET = "cohort", "cohort-secret"
HOST = "objects"
IMAGE = os.environ.get("COHORT_IMAGE", "cohort:latest")
Json = dict[str, Any]
#: The address of a receiver of OpenLineage events, and what it has received.
Received = tuple[str, list[Json]]
#: The job's binary.
BINARY = os.environ.get("COHORT_BINARY", str(ROOT / "target" / "release" / "cohort"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test fail in CI, where nobody would notice what was not tested."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        reason = call.excinfo.value if call.excinfo else "for no reason"
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: expected to run in CI, was skipped: {reason}"
    return report


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    """A network on which the server has the name `objects`."""
    client = docker.from_env()
    name = f"cohort-{uuid.uuid4().hex[:8]}"
    made = client.networks.create(name)
    yield name
    if not os.environ.get("COHORT_KEEP"):
        made.remove()


@pytest.fixture(scope="session")
def server(network: str) -> Iterator[str]:
    """The server's address as this process reaches it."""
    client = docker.from_env()
    container = client.containers.create("seaweedfs:4.48", detach=True)
    client.networks.get("bridge").disconnect(container)
    client.networks.get(network).connect(container, aliases=[HOST])
    container.start()
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    _wait_for(f"{address}:8333")
    yield f"http://{address}:8333"
    if not os.environ.get("COHORT_KEEP"):
        container.remove(force=True)


def gateway(network: str) -> str:
    """This host's address on the network: containers reach its listeners there."""
    config = docker.from_env().networks.get(network).attrs["IPAM"]["Config"]
    return str(config[0]["Gateway"])


@pytest.fixture(scope="session")
def proxy(server: str) -> Iterator[HoldingProxy]:
    """A way to the server that can hold requests back."""
    proxy = HoldingProxy(server)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="session")
def by_proxy(proxy: HoldingProxy, network: str, job_environment: dict[str, str]) -> dict[str, str]:
    """What the job needs to reach the server through the proxy."""
    return {**job_environment, "AWS_ENDPOINT_URL_S3": f"http://{gateway(network)}:{proxy.port}"}


@pytest.fixture(scope="session")
def received(network: str) -> Iterator[Received]:
    """OpenLineage events posted to this process from containers on the network."""
    events: list[Json] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.append(json.loads(body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = ThreadingHTTPServer(("0.0.0.0", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://{gateway(network)}:{receiver.server_port}", events
    receiver.shutdown()


def _wait_for(address: str) -> None:
    storage = s3(f"http://{address}")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            storage.create_dir("ready")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def s3(endpoint: str) -> fs.S3FileSystem:
    """The server as Arrow's file system; it may create buckets."""
    return fs.S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        endpoint_override=endpoint,
        region="us-east-1",
        allow_bucket_creation=True,
    )


@pytest.fixture
def lake(server: str) -> Lake:
    """A fresh bucket with three days in it."""
    return new_lake(server)


def new_lake(server: str, bucket: str | None = None) -> Lake:
    """A bucket with three days in it."""
    lake = Lake(s3(server), bucket or f"lake-{uuid.uuid4().hex[:8]}")
    fill(lake)
    return lake


@pytest.fixture(scope="session")
def printed_lake(server: str) -> Lake:
    """The bucket whose name the README prints."""
    return new_lake(server, "lake")


@pytest.fixture(scope="session")
def job_environment() -> dict[str, str]:
    """What the job needs to reach the server by name."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": f"http://{HOST}:8333",
        # The job soon gives up on a server that refuses it. A slow one has all the time it needs.
        "COHORT_S3_ATTEMPTS_MAX": "4",
    }


def settings_of(
    heading: str, lake: Lake, network: str, server: str, job_environment: dict[str, str]
) -> dict[str, str]:
    """An orchestrator's environment: what the README prints below the heading, adapted to here."""
    printed = exported(heading).items()
    return {
        **os.environ,
        **{name: value.replace("s3://lake/", f"s3://{lake.bucket}/") for name, value in printed},
        "COHORT_IMAGE": IMAGE,
        "COHORT_NETWORK": network,
        "COHORT_MEMORY": "256m",
        "COHORT_RETRY_DELAY_S": "1",
        "COHORT_ENVIRONMENT": json.dumps(job_environment),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": server,
    }


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with its output as text."""
    return subprocess.run(
        command, env=env, text=True, capture_output=True, timeout=PATIENCE_S, check=False
    )
