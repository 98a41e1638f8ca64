"""The entries of a source: folders, object stores, manifests; and sources that are refused."""

import os
import uuid
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from koa_worker.batch.entries import Entry
from koa_worker.batch.locations import brought_here, local_path, name_of
from koa_worker.batch.source import entries_of
from koa_worker.errors import SetupError, WorkFailed


def places(source: Path | str, leave_out: Path = Path("/nowhere")) -> list[str]:
    return sorted(entry.place for entry in entries_of(str(source), leave_out))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "a/b").mkdir(parents=True)
    for name in ("one.dcm", "a/two", "a/b/three.png", ".hidden", "a/.part"):
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_folder_gives_its_files_at_any_depth_but_hidden_ones(archive: Path) -> None:
    assert places(archive) == sorted(str(archive / name) for name in ("one.dcm", "a/two", "a/b/three.png"))


def test_the_results_in_the_source_are_not_part_of_it(archive: Path) -> None:
    assert places(archive, leave_out=archive / "a/b") == sorted(str(archive / name) for name in ("one.dcm", "a/two"))


def test_a_link_to_a_file_counts_and_one_to_a_folder_does_not(archive: Path) -> None:
    (archive / "again.dcm").symlink_to(archive / "one.dcm")
    (archive / "a/round").symlink_to(archive)
    (archive / "gone.dcm").symlink_to(archive / "absent")
    assert places(archive) == sorted(str(archive / name) for name in ("again.dcm", "one.dcm", "a/two", "a/b/three.png"))


def test_a_name_that_is_no_text_is_found_again(archive: Path) -> None:
    odd = os.fsencode(archive) + b"/\xcf\xe5\xf2.dcm"
    Path(os.fsdecode(odd)).write_bytes(b"odd")
    (place,) = (place for place in places(archive) if place.startswith("file://"))
    place.encode()
    assert local_path(place).read_bytes() == b"odd"
    assert name_of(place).encode(errors="surrogateescape") == b"\xcf\xe5\xf2.dcm"


def test_an_entry_has_another_id_when_its_file_changes(archive: Path) -> None:
    before = {entry.place: entry.id for entry in entries_of(str(archive), Path("/nowhere"))}
    (archive / "one.dcm").write_bytes(b"other")
    after = {entry.place: entry.id for entry in entries_of(str(archive), Path("/nowhere"))}
    assert {place for place in before if before[place] != after[place]} == {str(archive / "one.dcm")}


def test_an_entry_does_not_show_its_place() -> None:
    assert "Ivanov" not in repr(Entry("/archive/Ivanov.dcm", 1, "2"))


@pytest.fixture
def bucket() -> str:
    root = f"memory://{uuid.uuid4().hex}"
    system = fsspec.filesystem("memory")
    for name in ("one.dcm", "a/two", "a/.part"):
        system.pipe(f"{root}/{name}", name.encode())
    return root


def test_an_object_store_is_listed_and_its_objects_are_brought_here(bucket: str) -> None:
    found = places(bucket)
    assert [place.rpartition("/")[2] for place in found] == ["two", "one.dcm"]
    for place in found:
        with brought_here(place, None, 1000) as path:
            assert path.read_bytes() == place.split("/", 4)[4].encode()
            assert path.stat().st_nlink == 0  # it has no name, which a killed process would leave behind


def test_of_an_object_that_is_too_large_no_more_is_brought_than_shows_it(bucket: str) -> None:
    with brought_here(f"{bucket}/one.dcm", None, 3) as path:
        assert path.stat().st_size == 4


def test_an_object_that_is_gone_is_a_failure_that_does_not_name_it(bucket: str) -> None:
    with pytest.raises(WorkFailed) as fault, brought_here(f"{bucket}/Ivanov", None, 10):
        pass
    assert "Ivanov" not in str(fault.value)


@pytest.mark.parametrize("ending", ["txt", "csv", "parquet"])
def test_a_manifest_lists_paths_from_its_own_folder_and_urls(archive: Path, ending: str) -> None:
    manifest = archive / f"list.{ending}"
    listed = ["one.dcm", str(archive / "a/two"), "s3://bucket/three.dcm", "absent.dcm"]
    match ending:
        case "txt":
            manifest.write_text("# a cohort\n\n" + "\n".join(listed))
        case "csv":
            manifest.write_text("\ufeffsubject,Path\n" + "".join(f'7,"{path}"\n' for path in listed), encoding="utf-8")
        case "parquet":
            pq.write_table(pa.table({"subject": [7] * 4, "path": listed}), manifest)
    found = {entry.place: entry for entry in entries_of(str(manifest), Path("/nowhere"))}
    assert list(found) == [str(archive / "one.dcm"), listed[1], listed[2], str(archive / "absent.dcm")]
    assert found[str(archive / "one.dcm")].size == 7
    assert found[str(archive / "absent.dcm")].stamp == "missing"


def test_a_manifest_elsewhere_lists_what_lies_beside_it(bucket: str) -> None:
    fsspec.filesystem("memory").pipe(f"{bucket}/list.csv", b"url\none.dcm\n")
    assert places(f"{bucket}/list.csv") == [f"{bucket}/one.dcm"]


def test_a_folder_may_be_called_like_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "export.csv").mkdir()
    (tmp_path / "export.csv/one.dcm").touch()
    assert places(tmp_path / "export.csv") == [str(tmp_path / "export.csv/one.dcm")]


@pytest.mark.parametrize(
    ("name", "content"),
    [("no-column.csv", b"subject\n7\n"), ("broken.parquet", b"PAR1 not"), ("odd.txt", b"\xff\xfe\xfa")],
)
def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match="source of the batch"):
        places(tmp_path / name)


@pytest.mark.parametrize("source", ["absent", "memory://absent", "nothing-like-that://bucket/x"])
def test_a_source_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(SetupError, match="source of the batch"):
        places(source)


@pytest.mark.parametrize(
    "line",
    ["http://127.0.0.1/latest/meta-data", "ftp://host/x", "local:///etc/shadow", "simplecache::http://host/x",
     "memory://x", "data://x", "reference://x"],
)  # fmt: skip
def test_a_manifest_reaches_stores_of_files_only(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(f"one.dcm\n{line}\n")
    with pytest.raises(SetupError, match="a line of the manifest names"):
        places(str(tmp_path / "list.txt"))


@pytest.mark.parametrize("line", ["s3://bucket/x", "gs://bucket/x", "https://host/x", "/dev/zero"])
def test_what_a_manifest_may_name(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(line)
    assert places(str(tmp_path / "list.txt")) == [line]
