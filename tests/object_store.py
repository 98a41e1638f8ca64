"""A small S3 server, for the real client."""

from __future__ import annotations

import hashlib
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

BUCKET = "archive"
DATE = "Sat, 01 Nov 2025 10:00:00 GMT"


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as listing and reading need: ListObjectsV2 with a delimiter, HEAD and GET with a range."""

    objects: Mapping[str, bytes]
    late_by_s: float

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        name = urllib.parse.unquote(path).removeprefix(f"/{BUCKET}").removeprefix("/")
        if name:
            self._send_object(name, body=True)
        else:
            self._send_list({key: values[0] for key, values in urllib.parse.parse_qs(query).items()})

    def do_HEAD(self) -> None:
        name = urllib.parse.unquote(self.path.partition("?")[0]).removeprefix(f"/{BUCKET}").removeprefix("/")
        self._send_object(name, body=False)

    def _send_object(self, name: str, *, body: bool) -> None:
        data = self.objects.get(name)
        if data is None:
            self._answer(404, b"", {})
            return
        wanted = self.headers.get("Range")
        status = 200
        if wanted is not None:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            data, status = data[int(first) : int(last) + 1 if last else None], 206
        self._answer(status, data, {"ETag": _etag(self.objects[name]), "Last-Modified": DATE}, body=body)

    def _send_list(self, asked: dict[str, str]) -> None:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        found, folders = [], set()
        for name, data in sorted(self.objects.items()):
            if not name.startswith(prefix):
                continue
            below = name[len(prefix) :].split(delimiter) if delimiter else [name]
            if len(below) > 1:
                folders.add(f"{prefix}{below[0]}/")
            else:
                found.append(
                    f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size><ETag>{escape(_etag(data))}</ETag>"
                    "<LastModified>2025-11-01T10:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
                )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in sorted(folders)
        )
        page = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found) + len(folders)}</KeyCount>"
            f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(found)}{common}</ListBucketResult>"
        )
        self._answer(200, page.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, data: bytes, headers: dict[str, str], *, body: bool = True) -> None:
        time.sleep(self.late_by_s)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


@contextmanager
def serving(objects: Mapping[str, bytes], late_by_s: float = 0.0) -> Iterator[dict[str, str]]:
    """Serves the objects as s3://archive, each answer late; gives the environment in which a client finds them."""
    handler = type("Served", (Bucket,), {"objects": objects, "late_by_s": late_by_s})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
