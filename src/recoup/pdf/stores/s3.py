"""
Documents in a bucket, of Amazon's S3 or of anything that speaks like it.

PUT, GET and DELETE of one object are all it needs, so no SDK is. They are signed with AWS
Signature Version 4; what is signed of a body is the very digest that it is kept by. Nothing that
the server says is followed elsewhere. Source: docs.aws.amazon.com/AmazonS3/latest/API,
"Signature Calculations for the Authorization Header".
"""

from __future__ import annotations

import hmac
import http.client
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from recoup.errors import DocumentsUnreachable, NotFound
from recoup.pdf.stores.base import digest, unchanged

#: Seconds without a sign of the server.
PATIENCE: Final = 10.0
#: The largest document that is taken back.
LARGEST: Final = 64 * 2**20
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SIGNED: Final = "host;x-amz-content-sha256;x-amz-date"
_OK: Final = 200
_DONE: Final = 204
_GONE: Final = 404


class S3:
    """
    Keeps contents as objects `prefix/DIGEST` of a bucket.

    Args:
        url: https://host[:port]/bucket/prefix; the bucket is in the path and never in the host.
        now: Tells the time by which requests are signed; the server allows for some minutes.
    """

    name = "s3"

    def __init__(
        self, url: str, *, key: str, secret: str, region: str, now: Callable[[], datetime]
    ) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._path = parts.path.strip("/")
        self._key, self._secret, self._region = key, secret, region
        self._now = now

    @classmethod
    def of(cls, url: str, *, now: Callable[[], datetime]) -> Self:
        """Return the store of https://key:secret@host/bucket/prefix?region=eu-central-1."""
        parts = urlsplit(url)
        region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        key, secret = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(where, key=key, secret=secret, region=region, now=now)

    def put(self, content: bytes) -> str:
        """See `recoup.pdf.stores.base.Contents`."""
        name = digest(content)
        status, answer = self._ask("PUT", name, content)
        if status != _OK:
            raise self._refused(status, answer)
        return name

    def get(self, name: str) -> bytes:
        """See `recoup.pdf.stores.base.Contents`."""
        status, answer = self._ask("GET", name, b"")
        if status == _GONE:
            raise NotFound(f"there is no document {name} in {self._host}/{self._path}")
        if status != _OK:
            raise self._refused(status, answer)
        return unchanged(answer, name, self._host)

    def delete(self, name: str) -> None:
        """See `recoup.pdf.stores.base.Contents`."""
        status, answer = self._ask("DELETE", name, b"")
        if status not in {_OK, _DONE, _GONE}:
            raise self._refused(status, answer)

    def _ask(self, method: str, name: str, body: bytes) -> tuple[int, bytes]:
        path = quote(f"/{self._path}/{name}", safe="/-_.~")
        connection = self._connection()
        try:
            connection.request(method, path, body or None, self._signed(method, path, body))
            response = connection.getresponse()
            answer = response.read(LARGEST + 1)
        except (OSError, http.client.HTTPException) as error:
            raise DocumentsUnreachable(
                f"{self._host} does not answer: {type(error).__name__}"
            ) from error
        finally:
            connection.close()
        if len(answer) > LARGEST:
            raise DocumentsUnreachable(f"{self._host} answers with too much")
        return response.status, answer

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=PATIENCE, context=context
        )

    def _signed(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that say who asks, and prove it."""
        instant = self._now().astimezone(UTC)
        stamp, day = instant.strftime("%Y%m%dT%H%M%SZ"), instant.strftime("%Y%m%d")
        usual = 443 if self._secure else 80
        host = self._host if self._port in {None, usual} else f"{self._host}:{self._port}"
        hashed = digest(body)
        headers = {"host": host, "x-amz-content-sha256": hashed, "x-amz-date": stamp}
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        asked = f"{method}\n{path}\n\n{lines}\n{_SIGNED}\n{hashed}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
        signature = hmac.new(self._signing_key(day), text.encode(), sha256).hexdigest()
        proof = f"Credential={self._key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
        return headers | {"Authorization": f"{_ALGORITHM} {proof}"}

    def _signing_key(self, day: str) -> bytes:
        key = f"AWS4{self._secret}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), sha256).digest()
        return key

    def _refused(self, status: int, answer: bytes) -> DocumentsUnreachable:
        code = answer.partition(b"<Code>")[2].partition(b"</Code>")[0][:60]
        said = f" {code.decode('ascii', 'replace')}" if code else ""
        return DocumentsUnreachable(f"{self._host} answers {status}{said}")
