"""A web server on loopback, on a free port, that ends with its test; files come in ranges, and the server can be held."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers HEAD as GET without the body; says nothing."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()  # type: ignore[attr-defined]

    def first_byte(self) -> int | None:
        """Where the range starts that is asked for, if one is."""
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(asked[1]) if asked else None

    def send_file(self, body: bytes, headers: Mapping[str, str]) -> None:
        """The whole body, or the range of it that is asked for."""
        headers = {**headers, "Accept-Ranges": "bytes"}
        if asked := re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
            return self.reply(206, body[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"})
        return self.reply(200, body, headers)

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:  # the client was killed
            self.close_connection = True

    def hold(self) -> None:
        """Say that the client got here, and wait until it may go on."""
        server: Any = self.server
        server.reached.set()
        server.go_on.wait(60)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[Handler], **state: Any) -> Iterator[Any]:
    """A server whose attributes are ``state``; ``address`` is where it is."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.reached, server.go_on = threading.Event(), threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    vars(server).update(state)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
