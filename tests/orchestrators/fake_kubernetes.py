"""The part of the Kubernetes API that Airflow's pod operator uses, over Docker.

A pod's first container is a real one, with the image, arguments, variables, limits and privileges
that the pod asks for, its volume and its termination log. The second, Airflow's sidecar, is
imitated: a command that is run in it reads the shared folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import docker

SIDECAR = "airflow-xcom-sidecar"
#: The same for every WebSocket (RFC 6455).
WEB_SOCKET_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDOUT = 1


class Pod:
    """A pod, and the container that runs for it."""

    def __init__(self, body: dict[str, Any], folder: Path, network: str) -> None:
        self.body = body
        self.body["metadata"] |= {"uid": uuid.uuid4().hex, "creationTimestamp": now()}
        self.sidecar_runs = True
        self.deleted = False
        self.shared, self.said = folder / "shared", folder / "termination-log"
        self.shared.mkdir(parents=True)
        self.said.touch()
        # As in a real pod, anybody may write to both.
        self.shared.chmod(0o777)
        self.said.chmod(0o666)
        base, sidecar = body["spec"]["containers"]
        assert sidecar["name"] == SIDECAR
        assert [v["emptyDir"] for v in body["spec"]["volumes"] if v["name"] == "xcom"] == [{}]
        (mount,) = base["volumeMounts"]
        rights = base["securityContext"]
        user = docker.from_env().images.get(base["image"]).attrs["Config"]["User"]
        # A kubelet refuses an image whose user it cannot tell from root.
        assert rights["runAsNonRoot"] is (user.split(":")[0].isdigit() and not user.startswith("0"))
        self.container = docker.from_env().containers.run(
            base["image"],
            base["args"],
            environment={variable["name"]: variable["value"] for variable in base["env"]},
            mem_limit=base["resources"]["limits"]["memory"].removesuffix("i"),
            read_only=rights["readOnlyRootFilesystem"],
            cap_drop=rights["capabilities"]["drop"],
            security_opt=[] if rights["allowPrivilegeEscalation"] else ["no-new-privileges"],
            volumes={
                str(self.shared): {"bind": mount["mountPath"], "mode": "rw"},
                str(self.said): {"bind": "/dev/termination-log", "mode": "rw"},
            },
            network=network,
            labels={"pod": body["metadata"]["name"]},
            detach=True,
        )

    def described(self) -> dict[str, Any]:
        """The pod with its state as it is now."""
        self.container.reload()
        state = self.container.attrs["State"]
        base = {"running": {"startedAt": state["StartedAt"]}}
        if state["Status"] == "exited":
            code = state["ExitCode"]
            base = {
                "terminated": {
                    "exitCode": code,
                    "reason": "Error" if code else "Completed",
                    "message": self.said.read_text() or None,
                }
            }
        sidecar = {"running": {}} if self.sidecar_runs else {"terminated": {"exitCode": 0}}
        ended = "terminated" in base and "terminated" in sidecar
        failed = ended and base["terminated"]["exitCode"] != 0
        phase = ("Failed" if failed else "Succeeded") if ended else "Running"
        states = {"base": base, SIDECAR: sidecar}
        statuses = [
            {"name": name, "state": state, "ready": "running" in state}
            | {"restartCount": 0, "image": "", "imageID": ""}
            for name, state in states.items()
        ]
        return {**self.body, "status": {"phase": phase, "containerStatuses": statuses}}

    def matches(self, selector: str) -> bool:
        """Whether it has the labels of a selector: `a=b`, `a!=b` and `!a`, with commas between."""
        labels = self.body["metadata"]["labels"]
        for term in filter(None, selector.split(",")):
            if term.startswith("!"):
                holds = term[1:] not in labels
            elif "!=" in term:
                name, value = term.split("!=")
                holds = labels.get(name) != value
            else:
                name, value = term.split("=")
                holds = labels.get(name) == value
            if not holds:
                return False
        return True


class FakeKubernetes:
    """An API server on loopback, without authentication."""

    def __init__(self, folder: Path, network: str) -> None:
        self.folder, self.network = folder, network
        self.pods: list[Pod] = []
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.cluster = self
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def live(self) -> list[Pod]:
        """The pods that have not been deleted."""
        return [pod for pod in self.pods if not pod.deleted]

    def pod(self, name: str) -> Pod | None:
        """The live pod of that name."""
        return next((pod for pod in self.live() if pod.body["metadata"]["name"] == name), None)

    def configuration(self) -> dict[str, Any]:
        """A kubeconfig that leads here."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }

    def stop(self) -> None:
        """Stop listening, and remove the containers of all pods."""
        self._listener.shutdown()
        self._listener.server_close()
        for pod in self.pods:
            pod.container.remove(force=True)


class _Listener(ThreadingHTTPServer):
    cluster: FakeKubernetes


class _Handler(BaseHTTPRequestHandler):
    """Answers for the cluster that the server carries."""

    server: _Listener

    def do_POST(self) -> None:
        cluster = self.server.cluster
        body = self.body()
        pod = Pod(body, cluster.folder / f"pod-{len(cluster.pods)}", cluster.network)
        cluster.pods.append(pod)
        self.answer(pod.described())

    def do_GET(self) -> None:
        cluster, url = self.server.cluster, urlsplit(self.path)
        query = parse_qs(url.query)
        kind, name, part = [*url.path.partition("/default/")[2].split("/"), "", ""][:3]
        pod = cluster.pod(name)
        if kind == "events":
            self.answer({"kind": "EventList", "items": []})
        elif not name:
            selector = query.get("labelSelector", [""])[0]
            found = [p.described() for p in cluster.live() if p.matches(selector)]
            self.answer({"kind": "PodList", "items": found})
        elif pod is None:
            self.answer({"kind": "Status", "reason": "NotFound"}, status=404)
        elif part == "log":
            self.log(pod)
        elif part == "exec":
            self.execute(pod, query["command"])
        else:
            self.answer(pod.described())

    def do_PATCH(self) -> None:
        pod = self.named(self.path)
        pod.body["metadata"]["labels"] |= self.body()["metadata"]["labels"]
        self.answer(pod.described())

    def do_DELETE(self) -> None:
        pod = self.named(urlsplit(self.path).path)
        pod.deleted = True
        self.answer(pod.described())

    def named(self, path: str) -> Pod:
        name = path.rpartition("/")[2]
        pod = self.server.cluster.pod(name)
        assert pod is not None, f"{name}: expected a live pod of that name, found none"
        return pod

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def answer(self, value: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log(self, pod: Pod) -> None:
        self.send_response(200)
        self.end_headers()
        for piece in pod.container.logs(stream=True, follow=True, timestamps=True):
            self.wfile.write(piece)

    def execute(self, pod: Pod, command: list[str]) -> None:
        """Carry out a command over a WebSocket, whose frames begin with their channel."""
        key = self.headers["Sec-WebSocket-Key"] + WEB_SOCKET_ID
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.protocol_version = "HTTP/1.1"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted)
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        if "-c" in command:
            result = pod.shared / "return.json"
            said = result.read_bytes() if result.exists() else b""
            self.frame(bytes([STDOUT]) + (said or b"__airflow_xcom_result_empty__"))
        else:
            # It is a shell, which is told to end the sidecar.
            self.rfile.read(2)
            pod.sidecar_runs = False
        self.wfile.write(b"\x88\x00")

    def frame(self, content: bytes) -> None:
        self.wfile.write(b"\x82\x7f" + len(content).to_bytes(8) + content)

    def log_message(self, *_: object) -> None:
        pass


def now() -> str:
    """This instant as Kubernetes writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
