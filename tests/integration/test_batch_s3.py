"""An archive in an object store: a small S3 server, spoken to by the real client through the whole command."""

from __future__ import annotations

import hashlib
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests import archive

BUCKET = "archive"
DATE = "Sat, 01 Nov 2025 10:00:00 GMT"


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as listing and reading need: ListObjectsV2 with a delimiter, HEAD and GET with a range."""

    objects: dict[str, bytes]

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


@pytest.fixture
def bucket() -> Iterator[tuple[str, dict[str, bytes]]]:
    objects = {f"knees/{number % 2}/Archivov^Anna {number}": data for number, data in enumerate(archive.contents(8))}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Bucket,), {"objects": objects}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", objects
    server.shutdown()
    thread.join()
    server.server_close()


def test_objects_are_graded_once_and_a_changed_one_again(tmp_path: Path, bucket: tuple[str, dict[str, bytes]]) -> None:
    pytest.importorskip("s3fs")
    endpoint, objects = bucket
    (tmp_path / "config.toml").write_text("[work]\nworkers = 1\n")
    here = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "PYTHONWARNINGS": "default",  # the client's own
    }
    first = archive.batch(tmp_path, source=f"s3://{BUCKET}/knees", **here)
    assert first.stdout.startswith("7 graded, 1 rejected.\n"), first.stderr
    rows = archive.rows(tmp_path / "results")
    assert {row["source"] for row in rows} == {f"s3://{BUCKET}/{name}" for name in objects}
    assert {row["sha256"] for row in rows} == {hashlib.sha256(data).hexdigest() for data in objects.values()}
    for secret in archive.SECRETS:
        assert secret not in first.stdout + first.stderr
    changed = next(name for name in objects if name.endswith(" 7"))
    objects[changed] = objects["knees/0/Archivov^Anna 2"] + b"#7"
    second = archive.batch(tmp_path, source=f"s3://{BUCKET}/knees", **here)
    assert second.stdout.startswith("8 graded.\n"), second.stderr
    assert len(archive.rows(tmp_path / "results")) == 8
