"""An https server on loopback that is any host of the internet, and the certificate authority that says so.

    with Origin(folder, "github.com", "files.example") as origin:
        origin.pages["/a.tar.gz"] = b"..."                     # or a function of the request handler
        origin.settings()                                      # the builder's words for tests/lib/build_probe.cpp
        origin.yaml()                                          # the same for a configuration file
        origin.asked                                           # ["github.com/a.tar.gz", ...]
"""
import http.server
import os
import pathlib
import ssl
import subprocess
import threading


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Origin:
    def __init__(self, folder, *hosts):
        self.folder, self.hosts = pathlib.Path(folder), hosts
        self.pages, self.asked = {}, []
        self.folder.mkdir(parents=True, exist_ok=True)
        self._certify()
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 120

            def do_GET(self):
                origin.asked.append(self.headers.get("Host", "?") + self.path)
                page = origin.page(self.path)
                if callable(page):
                    return page(self)
                self.send_response(200 if page is not None else 404)
                self.send_header("Content-Length", str(len(page or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(page or b"")

            do_HEAD = do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):   # in the connection's own thread: a slow client holds nobody
                try:
                    request = context.wrap_socket(request, server_side=True)
                    super().finish_request(request, client_address)
                except (ssl.SSLError, OSError):
                    pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def page(self, path):
        """Exactly this path, or the longest of those that end in "/" and begin it (for functions)."""
        if path in self.pages:
            return self.pages[path]
        prefixes = [prefix for prefix in self.pages if prefix.endswith("/") and path.startswith(prefix)]
        return self.pages[max(prefixes, key=len)] if prefixes else None

    @property
    def certificates(self):
        return self.folder / "ca.pem"

    def settings(self):
        words = ["--set", f"certificates={self.certificates}"]
        for host in self.hosts:
            words += ["--set", f"address={host}=127.0.0.1:{self.port}"]
        return words

    def yaml(self):
        return "".join([f"  ca_file: {self.certificates}\n", "  addresses:\n"] + [f'    {host}: "127.0.0.1:{self.port}"\n' for host in self.hosts])

    def redirect(self, target):
        def answer(handler):
            handler.send_response(302)
            handler.send_header("Location", target)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        return answer

    def folder_at(self, prefix, folder):
        """Serves the files below `folder` as PREFIX..."""
        def answer(handler):
            file = pathlib.Path(folder) / handler.path.split("?")[0][len(prefix):]
            body = file.read_bytes() if file.is_file() else None
            handler.send_response(404 if body is None else 200)
            handler.send_header("Content-Length", str(len(body or b"")))
            handler.end_headers()
            if handler.command == "GET":
                handler.wfile.write(body or b"")
        self.pages[prefix] = answer

    def git_at(self, prefix, folder):
        """Serves the bare repositories below `folder` as PREFIXname.git, by git's own http-backend."""
        def answer(handler):
            path, _, query = handler.path.partition("?")
            body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            if handler.headers.get("Transfer-Encoding") == "chunked":
                body = read_chunks(handler.rfile)
            environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": "/" + path[len(prefix):],
                           "QUERY_STRING": query, "REQUEST_METHOD": handler.command, "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
                           "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
                           "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
                           "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
            done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            handler.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        self.pages[prefix] = answer

    def _certify(self):
        room = self.folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(room / "ca.key"), "-out", str(room / "ca.pem"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test server",
                "-keyout", str(room / "server.key"), "-out", str(room / "server.csr"))
        (room / "extensions").write_text("subjectAltName=" + ",".join("DNS:" + host for host in self.hosts) + "\n")
        openssl("x509", "-req", "-in", str(room / "server.csr"), "-CA", str(room / "ca.pem"), "-CAkey", str(room / "ca.key"), "-CAcreateserial",
                "-days", "2", "-extfile", str(room / "extensions"), "-out", str(room / "server.pem"))


def read_chunks(stream):
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body
