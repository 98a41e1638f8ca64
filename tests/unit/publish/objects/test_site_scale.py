"""Results on a site's own scale name it in every object, and are other objects than those on the release's scale."""

from dataclasses import replace
from datetime import UTC, datetime

from koa_worker.publish.objects import base, sr, uids
from koa_worker.publish.objects.result import Document, ImageResult, ResultKind
from koa_worker.report import words
from koa_worker.values import Grade, GradedBy

PLAIN = GradedBy("net-v1", "ab" * 32, "1.0")
SCALED = replace(PLAIN, site="5e" * 32)
AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_scale_is_a_parameter_of_the_algorithm() -> None:
    said = {by: [item.TextValue for item in sr._algorithm(by) if "TextValue" in item] for by in (PLAIN, SCALED)}
    assert set(said[SCALED]) - set(said[PLAIN]) == {f"site scale SHA-256 {SCALED.site}"}
    assert SCALED.site in base._model(SCALED, AT).ContributionDescription


def test_other_scales_make_other_objects_and_no_scale_the_ones_of_before() -> None:
    images = [ImageResult("aa", ("bb",), 1, 9, 9, b"", (), by, AT) for by in (PLAIN, SCALED)]
    plain, scaled = (uids.of_image_object(ResultKind.STRUCTURED_REPORT, "1.2", image) for image in images)
    assert plain != scaled
    kind = ResultKind.STRUCTURED_REPORT
    assert plain == uids.derive(kind, uids._FORMS[kind], "1.2", "bb", PLAIN.digest, PLAIN.software)
    documents = [uids.of_document("1.2", Document(b"", 1, by, AT)) for by in (PLAIN, SCALED)]
    assert len(set(documents)) == 2


def test_a_reader_is_told_what_the_model_itself_says() -> None:
    plain = Grade(2, (0.1, 0.1, 0.6, 0.1, 0.1), 0.6, 0.8, 1.0, (), "net-v1")
    scaled = replace(plain, kl=1, release_probabilities=plain.probabilities, site=SCALED.site)
    assert words.on_site_scale(plain) == ""
    shares = "10 %, 10 %, 60 %, 10 %, 10 %".replace(" %", "\u00a0%")
    sentence = f"On this site's own scale (5e5e5e5e5e5e). The model itself says KL 2 ({shares})."
    assert words.on_site_scale(scaled) == sentence
    assert words.model_line(SCALED).count("site scale 5e5e5e5e5e5e") == 1
