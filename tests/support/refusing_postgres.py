"""What a PostgreSQL server says that refuses every connection, on a free port that it prints.

    python refusing_postgres.py SQLSTATE TEXT

It is a program of its own because libpq's PQping holds Python's lock while it waits for the answer.
"""

from __future__ import annotations

import socketserver
import struct
import sys

_ENCRYPTION = (80877103, 80877104)
"""Codes of the requests for TLS and for GSSAPI, which come before the startup message."""


class _Refusal(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(head := self.rfile.read(8)) == 8:
            size, code = struct.unpack("!II", head)
            self.rfile.read(size - 8)
            if code not in _ENCRYPTION:
                self.wfile.write(_refusal(*sys.argv[1:]))
                return
            self.wfile.write(b"N")


def _refusal(state: str, said: str) -> bytes:
    """PostgreSQL's message ErrorResponse."""
    fields = {"S": "FATAL", "V": "FATAL", "C": state, "M": said}
    body = b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


if __name__ == "__main__":
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Refusal) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
