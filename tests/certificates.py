"""Certificates for tests of TLS, also one that has expired."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(path: Path, *, days: int) -> None:
    """One of this machine that signs itself, valid for so many days from now; with -1 it ended yesterday."""
    key, request = path.with_suffix(".key"), path.with_suffix(".csr")
    ask = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-subj", "/CN=pacs", "-out", str(request)]
    ask += ["-addext", "subjectAltName=IP:127.0.0.1"]
    sign = ["x509", "-req", "-in", str(request), "-signkey", str(key), "-days", str(days), "-out", str(path)]
    sign += ["-copy_extensions", "copy"]
    for words in (ask, sign):
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
    request.unlink()
