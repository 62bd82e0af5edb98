"""A proxy in front of the S3 server that forwards everything, and can hold requests back."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

#: Headers of one connection, which the other one has its own of.
OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class HoldingProxy:
    """Listens on every address of this host and speaks to one server.

    The `Host` header goes through as it came, since the signature of a request covers it.
    """

    def __init__(self, server: str) -> None:
        self._server = server.removeprefix("http://")
        self._matches: Callable[[str, str], bool] = lambda _method, _target: False
        self._held, self._released = threading.Event(), threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy._holds(self.command, self.path):
                    self.close_connection = True
                    return
                proxy._forward(self, body)

            def log_message(self, *_) -> None:
                pass

        for method in ("DELETE", "GET", "HEAD", "POST", "PUT"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self._listener = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self.port = self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._listener.shutdown()
        self._listener.server_close()

    @contextmanager
    def holding(self, method: str, part_of_target: str) -> Generator[threading.Event]:
        """Hold such requests until the block ends, then close their connections unanswered.

        The event is set once the first of them has come. The server never sees any of them.
        """
        self._held.clear()
        self._released.clear()
        self._matches = lambda m, target: m == method and part_of_target in target
        try:
            yield self._held
        finally:
            self._matches = lambda _method, _target: False
            self._released.set()

    def _holds(self, method: str, target: str) -> bool:
        if not self._matches(method, unquote(target)):
            return False
        self._held.set()
        self._released.wait()
        return True

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        server = http.client.HTTPConnection(self._server, timeout=120)
        try:
            answer, content = _asked(server, request, body)
        except OSError:
            # The server is gone or silent: so is the proxy.
            request.close_connection = True
            return
        finally:
            server.close()
        request.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_CONNECTION:
                request.send_header(name, value)
        # The length of what a HEAD asks about is not that of its empty answer.
        length = answer.getheader("Content-Length") if request.command == "HEAD" else len(content)
        if answer.status not in {204, 304} and length is not None:
            request.send_header("Content-Length", str(length))
        request.end_headers()
        request.wfile.write(content)


def _asked(
    server: http.client.HTTPConnection, request: BaseHTTPRequestHandler, body: bytes
) -> tuple[http.client.HTTPResponse, bytes]:
    server.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        if name.lower() not in OF_CONNECTION:
            server.putheader(name, value)
    server.putheader("Content-Length", str(len(body)))
    server.endheaders(body)
    answer = server.getresponse()
    return answer, answer.read()
