"""A proxy in front of the S3 server that can hold requests back, or refuse them all."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

#: Headers that belong to one connection: the other connection has its own.
OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class _Listener(ThreadingHTTPServer):
    # The job opens more connections at once than the library's default of five can queue. Those
    # beyond it would wait for a second and more, and might fail.
    request_queue_size = 128


class HoldingProxy:
    """Listens on every address of this host and forwards to one server.

    The `Host` header goes through unchanged, since the signature of a request covers it.
    """

    def __init__(self, server: str) -> None:
        self._server = server.removeprefix("http://")
        self._matches: Callable[[str, str], bool] = lambda _method, _target: False
        self._held, self._released = threading.Event(), threading.Event()
        self._refuses = False
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy._refuses or proxy._holds(self.command, self.path):
                    self.close_connection = True
                    return
                proxy._forward(self, body)

            def log_message(self, *_: object) -> None:
                pass

        for method in ("DELETE", "GET", "HEAD", "POST", "PUT"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self._listener = _Listener(("0.0.0.0", 0), Handler)
        self.port = self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._listener.shutdown()
        self._listener.server_close()

    @contextmanager
    def holding(self, method: str, part_of_target: str) -> Generator[threading.Event]:
        """Hold matching requests until the block ends, then close their connections unanswered.

        The event is set when the first of them arrives. The server never sees any of them.
        """
        self._held.clear()
        self._released.clear()
        self._matches = lambda m, target: m == method and part_of_target in target
        try:
            yield self._held
        finally:
            self._matches = lambda _method, _target: False
            self._released.set()

    @contextmanager
    def refusing(self) -> Generator[None]:
        """Close every connection unanswered until the block ends."""
        self._refuses = True
        try:
            yield
        finally:
            self._refuses = False

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
            # The server is gone or silent, so the proxy does not answer either.
            request.close_connection = True
            return
        finally:
            server.close()
        request.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_CONNECTION:
                request.send_header(name, value)
        # A HEAD is answered with the length of the object, though its own body is empty.
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
