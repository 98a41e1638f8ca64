"""Mutated DICOM and PNG files through the worker: each ends with a grade or a code, and the daemon goes on.

`python -m tests.acceptance.fuzz` runs 5,000; test_fuzz.py a few hundred.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from koa_worker import synthetic
from koa_worker.errors import CATALOGUE, OWN_RESULT
from koa_worker.synthetic.codecs import SYNTAXES
from koa_worker.synthetic.write import Person, write_dicom, write_png
from koa_worker.values import Side
from tests.acceptance.torture import Arena, Dropped, account, assert_private

LIMITS = "max_tries = 1\nmax_megapixels = 20\n"
SECONDS_PER_FILE = 20.0
STUDY = b"7.7.7.1000000"


def originals() -> list[bytes]:
    """A knee in every transfer syntax and as PNG of both depths."""
    plate = synthetic.crop(synthetic.KneeSpec(Side.LEFT, severity=2.0), size=240)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        for syntax in SYNTAXES:
            person = Person("Torturov^Anna", "TRT-1", "19550607", "F")
            write_dicom(path, plate, syntax=syntax, patient=person, study_uid=STUDY.decode())
            found.append(path.read_bytes())
        write_dicom(path, plate, syntax="implicit", part10=False, study_uid=STUDY.decode())
        found.append(path.read_bytes())
        for bits in (8, 16):
            write_png(path, plate, 8 if bits == 8 else 16)
            found.append(path.read_bytes())
    return found


def _flip_bits(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice([1, 3, 10, 100])):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _flip_header_bits(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice([1, 2, 5])):
        data[dice.randrange(132, 1800)] ^= 1 << dice.randrange(8)


def _overwrite(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data))
    length = dice.randrange(1, 64)
    data[start : start + length] = dice.choice([bytes(length), b"\xff" * length, dice.randbytes(length)])


def _cut_out(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data))
    del data[start : start + dice.randrange(1, 2000)]


def _repeat(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data))
    part = data[start : start + dice.randrange(1, 500)]
    data[start:start] = part * dice.randrange(1, 5)


def _truncate(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(1, len(data)) :]


def _enlarge_number(data: bytearray, dice: random.Random) -> None:
    """Lengths, rows and columns are 2 or 4 bytes: large ones ask for much memory."""
    start = dice.randrange(132, min(2000, len(data) - 4))
    data[start : start + 2] = dice.choice([b"\xff\xff", b"\xff\x7f", b"\x00\x80", b"\x00\x00"])


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bits,
    _flip_header_bits,
    _flip_header_bits,
    _overwrite,
    _cut_out,
    _repeat,
    _truncate,
    _enlarge_number,
    _enlarge_number,
)


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Of a study of its own, as a report shows all images of a study."""
    mutated = bytearray(data.replace(STUDY, b"7.7.7.%d" % dice.randrange(10**6, 10**7)))
    for _ in range(dice.choice([1, 1, 2, 4])):
        if len(mutated) > 2100:
            dice.choice(MUTATIONS)(mutated, dice)
    return bytes(mutated)


def run(place: Path, count: int, seed: int) -> tuple[dict[str, int], float]:
    """How the files ended, and the longest time that one of them took in seconds."""
    dice = random.Random(seed)
    sources = originals()
    arena = Arena(place, limits=LIMITS)
    dropped = Dropped()
    for number in range(count):
        dropped.add(
            arena.inbox / f"Torturov-{number}{dice.choice(['.dcm', '.png', ''])}", mutate(dice.choice(sources), dice)
        )
    # The daemon itself never falls: its exit code says only that some files were not graded.
    assert arena.start("--once").wait(60 + count) in (0, 1), arena.log.read_text()[-3000:]
    account(arena, dropped.contents)
    assert_private(arena)
    rows = arena.query("SELECT state, code, julianday(settled_at) - julianday(started_at) FROM files")
    for state, code, _ in rows:
        # A drawn radiograph whose model name was cut out is one of this program's objects, and so a result of its own.
        assert (code is None) == (state in {"completed", "duplicate"} and code != OWN_RESULT), (state, code)
        assert code is None or code in CATALOGUE
    longest = max(float(days or 0.0) for _, _, days in rows) * 86400
    assert longest < SECONDS_PER_FILE + 5
    return dict(Counter(code or state for state, code, _ in rows).most_common()), longest


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=5000)
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="koa-fuzz-") as place:
        ended, longest = run(Path(place), chosen.files, chosen.seed)
    print(
        f"seed {chosen.seed}: {chosen.files} files in {time.monotonic() - begun:.0f} s,"
        f" longest {longest:.1f} s: {ended}"
    )


if __name__ == "__main__":
    main()
