"""The JSON API, and the document that says what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from koa_worker.config import Config
from koa_worker.store import Store, UploadRecord, encode
from koa_worker.values import (
    Box,
    KneeRoi,
    RefusedKnee,
    Side,
)
from koa_worker.values import Study as StudyOf
from koa_worker.web import create_app
from koa_worker.web.api import openapi, shapes
from koa_worker.web.guard import access
from koa_worker.web.guard.passwords import new_token, secret_hash
from tests import make

API = "/api/v1"
SCRIPT = {"X-CSRF-Token": "script"}
SECRETS = ("Ivanova", "P-17", "1950", "A-1", "standing", "secret^name")


def got(client: FlaskClient, path: str, **headers: str) -> dict[str, Any]:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return dict(answer.json)


@pytest.fixture
def bearer(users: Store) -> Callable[[str], dict[str, str]]:
    def make(name: str) -> dict[str, str]:
        token = new_token()
        users.accounts.add_token(name, "test", secret_hash(token), None)
        return {"Authorization": f"Bearer {token}"}

    return make


def test_a_study_with_everything_that_it_leads_to(graded: Any, client: FlaskClient) -> None:
    study = got(client, f"{API}/studies/{graded.key}")
    assert study["patient"]["name"].startswith("Ivanova")
    (image,) = study["images"]
    right, left = image["knees"]
    assert (right["side"], right["kl"], right["box"]) == ("right", 2, [20, 80, 150, 150])
    assert (left["needs_review"], left["review_codes"]) == (True, ["borderline"])
    assert left["review_reasons"] == ["Borderline between KL 1 and KL 2: the probability of KL 2 or more is 47%."]
    for url, start in (
        (image["frame_url"], b"\xff\xd8"),
        (left["crop_url"], b"\x89PNG"),
        (left["heatmap_url"], b"\x89PNG"),
    ):
        assert client.get(url).data.startswith(start)
    for url in (study["report_url"], study["dicom_url"]):
        assert client.get(url).status_code == 404  # none is written yet
    assert study["rejected"] == []
    assert study["notice"].startswith("Research use only.")


def test_a_study_tells_the_joint_space_and_the_knees_without_a_grade(
    graded: Any, store: Store, client: FlaskClient
) -> None:
    """As report, page and export do."""
    arrival = make.arrival("c")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    refused = RefusedKnee(KneeRoi(Box(100, 2, 90, 91), Side.RIGHT), "implant", "bright")
    knee = make.knee(make.grade(2), space=make.joint_space())
    result = encode(make.completed(arrival, knee, study=StudyOf("1.9", "1.9.3"), refused=(refused,)))
    settled = store.files.complete(arrival.id, result, "d" * 64, "1.0", "done/x")
    (image,) = got(client, f"{API}/studies/{settled.study_key}")["images"]
    found = image["knees"][0]["joint_space"]
    assert (found["medial"]["min_mm"], found["calibration"], found["tibial_width_px"]) == (4.5, "detector", 75.5)
    assert (found["lateral"]["min_mm"], found["lateral"]["clear"], found["picture_left"]) == (None, False, None)
    assert found["medial"]["femoral"] == [[1.0, 2.0], [3.0, 4.0]]
    (implant,) = image["refused"]
    assert (implant["side"], implant["box"], implant["error"]["code"]) == ("right", [100, 2, 90, 91], "implant")


def test_a_rejected_file_lists_the_knees_that_were_seen(
    only_refused: Callable[[Store], str], client: FlaskClient, store: Store
) -> None:
    (file,) = got(client, f"{API}/studies/{only_refused(store)}")["rejected"]
    assert [(knee["box"], knee["error"]["code"]) for knee in file["refused"]] == [
        ([1, 2, 9, 9], "implant"),
        ([20, 2, 9, 9], "implant"),
    ]


def test_results_in_pages_and_by_filters(graded: Any, client: FlaskClient) -> None:
    first = got(client, f"{API}/results?limit=2")
    rest = got(client, first["next"])
    assert rest["next"] is None
    kinds = [(one["state"], one["kl"], one["code"]) for one in first["results"] + rest["results"]]
    assert sorted(kinds, key=str) == [
        ("completed", 2, None),
        ("completed", 3, None),
        ("rejected", None, "unknown_format"),
    ]
    assert [one["review_codes"] for one in first["results"] if one["kl"] == 3] in ([["borderline"]], [])
    (left,) = got(client, f"{API}/results?side=left&kl=3&kl=4&review=yes&state=completed")["results"]
    assert (left["file_id"], left["study"], left["kl"]) == (graded.file_id, graded.key, 3)
    assert got(client, f"{API}/results?to=1990-01-01")["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        "state=lost",
        "kl=5",
        "kl=x",
        "side=up",
        "review=perhaps",
        "from=yesterday",
        "after=x",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=²",
        "text=Ivanova",
        "nothing=1",
        "after=1.2",
        "limit=99999999999999999999",
    ],
)
def test_a_filter_that_is_none_is_said(graded: Any, client: FlaskClient, query: str) -> None:
    answer = client.get(f"{API}/results?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["code"] == "bad_request"


def test_a_reading_by_script(graded: Any, client: FlaskClient, bearer: Any, users: Store) -> None:
    where, said = f"{API}/studies/{graded.key}/readings", {"file_id": graded.file_id, "position": 1, "kl": 4}
    answer = client.post(where, json={**said, "comment": " Ivanova: worse "}, headers=bearer("anna"))
    assert answer.status_code == 201
    assert answer.json is not None
    (reading,) = answer.json["readings"]
    assert (reading["reader"], reading["kl"], reading["machine_kl"], reading["comment"]) == (
        "anna",
        4,
        3,
        "Ivanova: worse",
    )
    assert client.post(where, json=said, headers=bearer("victor")).status_code == 403
    assert got(client, f"{API}/agreement", **bearer("victor"))["readers"]["reader 1"][4][3] == 1
    assert [(entry.who, entry.action) for entry in users.audit.entries(subject=graded.key)] == [("anna", "reading")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kl": 5}, 400),
        ({"kl": "2"}, 400),
        ({"kl": True}, 400),
        ({"position": -1}, 400),
        ({"position": 2}, 404),
        ({"file_id": "0" * 32}, 404),
        ({"file_id": "../x"}, 400),
        ({"comment": "x" * 2001}, 400),
        ({"who": "ada"}, 400),
    ],
)
def test_a_reading_that_is_none(
    graded: Any, client: FlaskClient, store: Store, change: dict[str, Any], status: int
) -> None:
    said = {"file_id": graded.file_id, "position": 0, "kl": 2} | change
    assert client.post(f"{API}/studies/{graded.key}/readings", json=said, headers=SCRIPT).status_code == status
    assert store.reader_grades.readings(graded.key) == ()


def test_a_viewer_sees_results_and_no_patient(graded: Any, client: FlaskClient, bearer: Any, users: Store) -> None:
    users.reader_grades.record(graded.file_id, 0, reader="anna", kl=2, comment="of Ivanova")
    users.uploads.record(_upload(users))
    victor, anna = bearer("victor"), bearer("anna")
    for path in (f"/studies/{graded.key}", "/results", "/agreement", "/me", "/status"):
        text = client.get(f"{API}{path}", headers=victor).text
        assert not [secret for secret in SECRETS if secret in text], path
    assert "Ivanova" in client.get(f"{API}/studies/{graded.key}", headers=anna).text
    study = got(client, f"{API}/studies/{graded.key}", **victor)
    assert study["patient"] is None
    assert study["readings"][0]["comment"] is None
    for url in (study["report_url"], study["dicom_url"], study["images"][0]["frame_url"], f"{API}/uploads/u1"):
        assert client.get(url, headers=victor).status_code == 403
    assert client.get(study["images"][0]["knees"][0]["crop_url"], headers=victor).status_code == 200


def _upload(store: Store) -> Any:
    return UploadRecord("u1", "0" * 64, 1, "secret^name.dcm", "upload-u1.dcm", "anna", store.uploads.now())


def test_every_look_is_on_record(graded: Any, client: FlaskClient, bearer: Any, users: Store) -> None:
    anna = bearer("anna")
    study = got(client, f"{API}/studies/{graded.key}", **anna)
    client.get(study["images"][0]["frame_url"], headers=anna)
    client.get(f"{API}/results", headers=anna)
    noted = {(entry.action, entry.subject) for entry in users.audit.entries(who="anna")}
    assert noted == {("study", graded.key), ("image", graded.key), ("results_listed", "")}


# The document


def routes(app: Flask) -> dict[tuple[str, str], str]:
    """Every way to ask the API, as the document writes it, with its endpoint."""
    return {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix(API), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_document_has_every_route_with_its_role_and_no_other(app: Flask) -> None:
    found = routes(app)
    assert set(found) == {(operation.path, operation.method) for operation in openapi.OPERATIONS}
    for operation in openapi.OPERATIONS:
        view = app.view_functions[found[operation.path, operation.method]]
        assert getattr(view, access._MARK) is operation.role, operation.name


def test_the_document_names_every_status_that_the_code_answers() -> None:
    web = Path(openapi.__file__).parents[1]
    names = ("api/routes", "receive_upload", "study", "images/pictures")
    sources = [(web / f"{name}.py").read_text(encoding="utf-8") for name in names]
    raised = {int(code) for source in sources for code in re.findall(r"(?:refuse|abort)\((\d{3})", source)}
    described = {status for operation in openapi.OPERATIONS for status in operation.refused} | set(openapi._ALWAYS)
    assert raised <= described


def test_the_document_is_served_and_refers_to_nothing_that_is_not_there(client: FlaskClient) -> None:
    document = got(client, f"{API}/openapi.json")
    assert document["openapi"] == "3.1.0"
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert referred <= set(document["components"]["schemas"])
    assert {shapes.Refused.__name__, shapes.Study.__name__, shapes.NewReading.__name__} <= referred


def test_without_token_or_login_every_route_is_refused(app: Flask, users: Store) -> None:
    client = app.test_client()
    for path, method in routes(app):
        where = API + re.sub(r"\{position\}", "0", re.sub(r"\{\w+id\}|\{key\}", "0" * 32, path))
        answer = client.open(where, method=method, headers=SCRIPT)
        assert answer.status_code == 401, where
        assert answer.json is not None
        assert answer.json["error"]["code"] == "not_logged_in"


@given(st.text(max_size=30))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leads_out(client: FlaskClient, junk: str) -> None:
    for start in ("/", "/static/", f"{API}/", f"{API}/studies/", f"{API}/uploads/", "/studies/x/files/"):
        assert client.get(start + junk.replace("?", "").replace("#", "")).status_code in {200, 303, 308, 404, 400, 405}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../templates/base.html",
        "/static/%2e%2e/serve.py",
        "/static/..%2f..%2fconfig.py",
        "/static//etc/passwd",
        "/static/....//serve.py",
        "/static/%00",
        "/..%5c..%5cconfig.toml",
        f"{API}/studies/../../config.toml",
        f"{API}/studies/%2e%2e%2f/report.pdf",
        f"{API}/studies/..%2f..%2f/files/..%2f/frame.jpg",
    ],
)
def test_path_tricks_find_nothing(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {400, 404, 308}
    assert b"import" not in answer.data
    assert b"root:" not in answer.data


# What nobody would think of


CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.mark.parametrize("operation", openapi.OPERATIONS, ids=lambda operation: operation.name)
def test_drawn_requests_find_no_fault_of_ours(
    operation: openapi.Operation, config: Config, graded: Any, users: Store
) -> None:
    """Within the document and beyond it, by the means of schemathesis."""
    token = new_token()
    users.accounts.add_token("ada", "drawn", secret_hash(token), None)
    web = config.web.model_copy(update={"uploads_per_minute": 10**6, "max_waiting": 10**6})
    app = create_app(config.model_copy(update={"web": web}), users)
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", app, headers=headers)
    drawn = schema[operation.path][operation.method.upper()].as_strategy()
    known = {"key": graded.key, "file_id": graded.file_id, "position": 1}

    @given(case=drawn, real=st.booleans())
    @settings(
        max_examples=15 if operation.asks or operation.takes else 5 if "{" in operation.path else 2,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case, real: bool) -> None:
        if real:  # drawn ids are never those of anything that is there
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
