"""The job in a container: its Pipes messages are read whole, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg
import docker
from dagster._core.pipes.context import PipesMessageHandler
from dagster._core.pipes.utils import extract_message_or_forward_to_stdout
from docker.models.containers import Container

#: Seconds that a stopped job may take to end before it is killed.
STOP_S = 5


class WholeLines(dg.PipesMessageReader):
    """Reads messages from a container's stderr, however long.

    Docker delivers a log in pieces of 16 KiB. Dagster's own reader takes each piece for a line, and
    so loses long messages silently. This reader waits for the end of the line, and tells the job
    that it does. It reads stderr only: a piece of the other stream could come in between.
    """

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Generator[dg.PipesParams]:
        """Tell the job where the channel is."""
        self._handler = handler
        yield {"stdio": "stderr", "line_bytes_max": 1 << 30}

    def consume(self, container: Container) -> None:
        """Follow the log until the container ends."""
        pending: list[bytes] = []
        for piece in container.logs(stdout=False, stderr=True, stream=True, follow=True):
            *lines, rest = piece.split(b"\n")
            for line in lines:
                self._line(b"".join([*pending, line]))
                pending.clear()
            if rest:
                pending.append(rest)
        if pending:
            self._line(b"".join(pending))

    def _line(self, line: bytes) -> None:
        extract_message_or_forward_to_stdout(self._handler, line.decode(errors="replace"))

    def no_messages_debug_text(self) -> str:
        """Say where the messages were expected."""
        return "Attempted to read messages from the container's stderr."


def run_container(
    reader: WholeLines,
    *,
    image: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    network: str | None,
    memory: str,
) -> int:
    """Run the job to its end and return its exit code. The container is always removed."""
    client = docker.from_env()
    container = client.containers.create(
        image,
        list(command),
        environment=dict(environment),
        network=network,
        mem_limit=memory,
        labels={"job": "cohort"},
        # The job needs no privileges and no writable path.
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        container.start()
        reader.consume(container)
        code: int = container.wait()["StatusCode"]
        return code
    finally:
        # If the step was cancelled, the job still runs: it gets time to report that it stops.
        container.stop(timeout=STOP_S)
        container.remove(force=True)
