#!/usr/bin/env python3
"""A web server for tests: replays a recording, and does on demand what real ones do on bad days.

    fake_http.py RECORDING.json [--port N] [--certificate FILE --key FILE] [--journal FILE]

prints "ready URL" and serves until SIGTERM.  In Python: `with FakeHttp(exchanges) as fake: fake.url, fake.requests`.

RECORDING is {"exchanges": [EXCHANGE..]} or the list.  An EXCHANGE answers requests that fit its `request`, `times` times (0 or absent: for
ever); the first one that fits and is not used up answers.

    {"request":  {"method": "GET", "path": "/zones", "query": {"key": "K"}, "headers": {"X-Api-Key": "k"}, "body": "regular expression"},
     "response": {"status": 200, "headers": {"X": "y"}, "json": {..}, "text": "..", "base64": ".."},
     "times": 1, "delay_ms": 100, "fault": "hang"}

`path` may end in "*".  Faults: hang (no answer), reset (RST), drip (a byte every 50 ms), truncate (half the body), garbage (no HTTP),
never-stops (an endless body), or a status such as "429" and "500".  A request that nothing fits is answered 501 with what was asked, and is in
the journal: one JSON object per line, {"method", "path", "query", "headers", "body", "exchange": index or null}.
"""
import argparse
import base64
import json
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

FAULTS = ("hang", "reset", "drip", "truncate", "garbage", "never-stops")
BODY_LIMIT = 32 << 20


class Answer:
    """What a handler gives back; `fault` is one of FAULTS or None."""

    def __init__(self, status=200, body=b"", content_type="application/json", headers=None, fault=None, delay=0.0):
        self.status, self.headers, self.fault, self.delay = status, dict(headers or {}), fault, delay
        self.body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.headers.setdefault("Content-Type", content_type)


class FakeServer:
    """A server whose answers come from handle(request); subclasses are whole services.  Thread-safe: one request at a time in handle()."""

    def __init__(self, port=0, certificate=None, key=None, journal=None):
        self.requests, self.lock, self.faults = [], threading.Lock(), []
        self._journal = open(journal, "a") if journal else None
        self._ending = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_):
                pass

            def _serve(self):
                outer._serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

        ThreadingHTTPServer.daemon_threads = True
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._ending.set()
        self.server.shutdown()
        self.server.server_close()
        if self._journal:
            self._journal.close()

    def fail_next(self, *faults):
        """The next requests meet these faults instead of an answer."""
        with self.lock:
            self.faults.extend(faults)

    def handle(self, request):
        raise NotImplementedError

    # ----------------------------------------------------------------------------------------------------------------------------
    def _serve(self, connection):
        parts = urlsplit(connection.path)
        try:
            length = int(connection.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= BODY_LIMIT:
            connection.send_error(413)
            return
        request = {"method": connection.command, "path": parts.path, "query": dict(parse_qsl(parts.query, keep_blank_values=True)),
                   "headers": dict(connection.headers.items()), "body": connection.rfile.read(length).decode(errors="replace"), "exchange": None}
        with self.lock:
            self.requests.append(request)
            answer = Answer(fault=self.faults.pop(0)) if self.faults else self.handle(request)
            if answer.fault and re.fullmatch(r"[1-5]\d\d", answer.fault):
                answer = Answer(int(answer.fault), {"message": "the fake was told so"}, headers={"Retry-After": "3"} if answer.fault == "429" else None)
            if self._journal:
                self._journal.write(json.dumps(request) + "\n")
                self._journal.flush()
        self._ending.wait(answer.delay)
        try:
            self._send(connection, request, answer)
        except OSError:
            connection.close_connection = True

    def _send(self, connection, request, answer):
        raw = connection.connection
        if answer.fault:
            connection.close_connection = True
        if answer.fault == "hang":
            self._ending.wait(3600)
        elif answer.fault == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
        elif answer.fault == "garbage":
            raw.sendall(b"\x00\xff\x80HTTP/9.9 \x1b[31m banana\n\n{\"a\":")
        else:
            connection.send_response(answer.status)
            for name, value in answer.headers.items():
                connection.send_header(name, value)
            length = {"drip": 100_000, "never-stops": None}.get(answer.fault, len(answer.body))
            if length is not None:
                connection.send_header("Content-Length", str(length))
            connection.end_headers()
            if answer.fault == "drip":
                while not self._ending.wait(0.05):
                    raw.sendall(b" ")
            elif answer.fault == "never-stops":
                while not self._ending.is_set():
                    raw.sendall(b"x" * 65536)
            elif request["method"] != "HEAD":
                raw.sendall(answer.body[:len(answer.body) // 2] if answer.fault == "truncate" else answer.body)


class FakeHttp(FakeServer):
    def __init__(self, exchanges, **options):
        self.exchanges = [dict(exchange) for exchange in (exchanges.get("exchanges", []) if isinstance(exchanges, dict) else exchanges)]
        for index, exchange in enumerate(self.exchanges):
            fault = exchange.get("fault")
            if fault is not None and fault not in FAULTS and not re.fullmatch(r"[1-5]\d\d", str(fault)):
                raise ValueError(f"exchange {index}: there is no fault '{fault}'; use one of {', '.join(FAULTS)} or a status")
            exchange["left"] = exchange.get("times") or float("inf")
        super().__init__(**options)

    @staticmethod
    def fits(wanted, request):
        path = wanted.get("path", "*")
        same_path = request["path"].startswith(path[:-1]) if path.endswith("*") else request["path"] == path
        headers = {name.lower(): value for name, value in request["headers"].items()}
        return (wanted.get("method", request["method"]) == request["method"] and same_path
                and all(request["query"].get(name) == value for name, value in wanted.get("query", {}).items())
                and all(headers.get(name.lower()) == value for name, value in wanted.get("headers", {}).items())
                and ("body" not in wanted or re.search(wanted["body"], request["body"]) is not None))

    def handle(self, request):
        for index, exchange in enumerate(self.exchanges):
            if exchange["left"] <= 0 or not self.fits(exchange.get("request", {}), request):
                continue
            exchange["left"] -= 1
            request["exchange"] = index
            response = exchange.get("response", {})
            body, kind = b"", "application/json"
            if "json" in response:
                body = json.dumps(response["json"])
            elif "text" in response:
                body, kind = response["text"], "text/plain; charset=utf-8"
            elif "base64" in response:
                body, kind = base64.b64decode(response["base64"]), "application/octet-stream"
            return Answer(response.get("status", 200), body, kind, response.get("headers"), exchange.get("fault"), exchange.get("delay_ms", 0) / 1000)
        return Answer(501, {"message": "the recording has no answer to this", "asked": {key: request[key] for key in ("method", "path", "query", "body")}})


def serve(server):
    """For mains: says where it is and lives until it is told to end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print(f"ready {server.url}", flush=True)
    stop.wait()
    server.close()


def options(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", help="PEM; makes it HTTPS")
    parser.add_argument("--key", help="PEM")
    parser.add_argument("--journal", help="a file that gets one line per request")
    return parser


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("recording")
    given = vars(parser.parse_args())
    try:
        with open(given.pop("recording")) as file:
            fake = FakeHttp(json.load(file), **given)
    except (OSError, ValueError) as error:
        sys.exit(f"fake_http: {error}")
    serve(fake)
