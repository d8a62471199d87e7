"""A bucket in S3's manner: it checks the signature of every request, as Amazon describes it."""

import hmac
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY, SECRET, REGION = "AKIATEST", "s3cr3t/with+odd=chars", "eu-central-1"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Bucket(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects = {}
        self.requests = []
        self.answer = None  # status, headers and body instead of what is true

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/bills/papers"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        if self.server.answer is not None:
            return self.reply(*self.server.answer)
        why = self.unproven(body)
        if why is not None:
            return self.reply(403, {}, f"<Error><Code>{why}</Code></Error>".encode())
        if self.command == "PUT":
            self.server.objects[self.path] = body
            return self.reply(200, {}, b"")
        if self.command == "DELETE":
            self.server.objects.pop(self.path, None)
            return self.reply(204, {}, b"")
        found = self.server.objects.get(self.path)
        if found is None:
            return self.reply(404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        return self.reply(200, {}, found)

    do_GET = do_PUT = do_DELETE = handle_one  # noqa: N815  as its base class calls them

    def unproven(self, body):
        """Return what is wrong with the signature, as S3 calls it."""
        hashed, at = self.headers["x-amz-content-sha256"], self.headers["x-amz-date"]
        instant = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(instant - NOW) > timedelta(minutes=15):
            return "RequestTimeTooSkewed"
        if sha256(body).hexdigest() != hashed:
            return "XAmzContentSHA256Mismatch"
        parts = dict(
            one.strip().split("=", 1)
            for one in self.headers["authorization"].partition(" ")[2].split(",")
        )
        access, day, region, service, end = parts["Credential"].split("/")
        if access != KEY:
            return "InvalidAccessKeyId"
        names = parts["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                self.command, self.path.partition("?")[0], self.path.partition("?")[2],
                *(f"{name}:{self.headers[name].strip()}" for name in names), "",
                parts["SignedHeaders"], hashed,
            ]
        )  # fmt: skip
        scope = f"{day}/{region}/{service}/{end}"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{SECRET}".encode()
        for part in (at[:8], REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        wanted = hmac.new(key, text.encode(), "sha256").hexdigest()
        return None if hmac.compare_digest(wanted, parts["Signature"]) else "SignatureDoesNotMatch"

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def bucket():
    server = Bucket()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
