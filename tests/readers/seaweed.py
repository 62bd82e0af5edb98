"""A SeaweedFS server on loopback, with one empty bucket, `lake`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from pyarrow import fs

KEY, SECRET = "readers", "readers-secret"
BUCKET = "lake"
#: When to give up on a server that does not start.
PATIENCE_S = 300
ROLES = ["master", "volume", "filer", "s3"]


class Seaweed(AbstractContextManager["Seaweed"]):
    """A running server. Everything it writes is in the given folder."""

    def __init__(self, folder: Path) -> None:
        identity = {
            "name": "readers",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        names = [name for role in ROLES for name in (f"{role}.port", f"{role}.port.grpc")]
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.log = folder / "log"
        self.endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    os.environ["COHORT_WEED"],
                    *("server", "-filer", "-s3", f"-s3.config={config}", f"-dir={folder}"),
                    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=0"),
                    *("-master.telemetry=false", "-master.electionTimeout=1s"),
                    *("-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                    *(f"-{name}={port}" for name, port in ports.items()),
                ],
                stdout=log,
                stderr=log,
            )

    @property
    def environment(self) -> dict[str, str]:
        """What the job and the readers need to find the server."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ENDPOINT_URL": self.endpoint,
            # Without this word, Polars speaks HTTPS only.
            "AWS_ALLOW_HTTP": "true",
        }

    def __enter__(self) -> Seaweed:
        """Wait until the server has made the bucket."""
        storage = fs.S3FileSystem(
            access_key=KEY,
            secret_key=SECRET,
            endpoint_override=self.endpoint,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                storage.create_dir(BUCKET)
                return self
            except OSError:
                late = time.monotonic() > deadline
                if late or self.process.poll() is not None:
                    self.__exit__(None, None, None)
                    raise RuntimeError(
                        f"expected a SeaweedFS server, it did not start: {self.log.read_text()}"
                    ) from None
                time.sleep(0.2)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server. Nobody needs its data any more."""
        self.process.kill()
        self.process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports
