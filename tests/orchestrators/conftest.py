"""A SeaweedFS server in a container on a network of its own, a lake in it, and the job's image.

Set `COHORT_KEEP=1` to keep the network and the server afterwards, to look at them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from holding_proxy import HoldingProxy
from lake import Lake, fill
from printed import exported
from pyarrow import fs

import docker

KEY, SECRET = "cohort", "cohort-secret"
HOST = "objects"
IMAGE = os.environ.get("COHORT_IMAGE", "cohort:latest")


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    """A network on which the server has the name `objects`."""
    client = docker.from_env()
    made = client.networks.create(f"cohort-{uuid.uuid4().hex[:8]}")
    yield made.name
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
    _wait_for(f"{address}:8333", seconds=60)
    yield f"http://{address}:8333"
    if not os.environ.get("COHORT_KEEP"):
        container.remove(force=True)


def gateway(network: str) -> str:
    """This host's address on the network: containers reach its listeners there."""
    return docker.from_env().networks.get(network).attrs["IPAM"]["Config"][0]["Gateway"]


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
def received(network: str) -> Iterator[tuple[str, list[dict]]]:
    """OpenLineage events posted to this process from containers on the network."""
    events: list[dict] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.append(json.loads(body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("0.0.0.0", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://{gateway(network)}:{receiver.server_port}", events
    receiver.shutdown()


@pytest.fixture
def paused(server: str):
    """Stops the server from answering for a while."""
    running = docker.from_env().containers.list(filters={"ancestor": "seaweedfs:4.48"})

    @contextmanager
    def paused():
        for container in running:
            container.pause()
        try:
            yield
        finally:
            for container in running:
                container.unpause()

    return paused


def _wait_for(address: str, seconds: float) -> None:
    storage = s3(f"http://{address}")
    deadline = time.monotonic() + seconds
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
        # A server that does not answer is given up soon.
        "COHORT_S3_ATTEMPTS_MAX": "2",
        "COHORT_S3_ATTEMPT_MS": "1500",
        "COHORT_S3_CONNECT_MS": "1000",
    }


def settings_of(
    heading: str, lake: Lake, network: str, server: str, job_environment: dict[str, str]
) -> dict[str, str]:
    """An orchestrator's environment: what the README prints below the heading, made to fit here."""
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
        return listener.getsockname()[1]


def run(*command: str, env: dict[str, str], **kwargs) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with its output as text."""
    return subprocess.run(
        command, env=env, text=True, capture_output=True, timeout=300, check=False, **kwargs
    )
