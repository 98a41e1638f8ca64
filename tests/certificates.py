"""Certificates for tests of TLS, also one that has expired."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(path: Path, *, days: int, signer: Path | None = None) -> None:
    """Valid for these days; with -1 it expired yesterday. Signed by itself, or for this machine by `signer`."""
    key, request, name = path.with_suffix(".key"), path.with_suffix(".csr"), f"/CN={path.stem}"
    ask = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-subj", name, "-out", str(request)]
    signed = ["-signkey", str(key)]
    if signer is not None:
        signed = ["-CA", str(signer), "-CAkey", str(signer.with_suffix(".key")), "-CAcreateserial"]
        signed += ["-copy_extensions", "copy"]
        ask += ["-addext", "subjectAltName=IP:127.0.0.1"]
    sign = ["x509", "-req", "-in", str(request), *signed, "-days", str(days), "-out", str(path)]
    for words in (ask, sign):
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
    request.unlink()
