"""Who may send: by title and address, in any spelling of an address."""

import pytest

from koa_worker.receive.callers import Caller, admitted

CALLERS = tuple(map(Caller.parse, ["PACS@10.1.2.3", "*@192.168.0.0/16", "SIX@fd00::/8"]))


@pytest.mark.parametrize(
    ("title", "address", "fine"),
    [
        ("PACS", "10.1.2.3", True),
        ("PACS", "10.1.2.4", False),
        ("pacs", "10.1.2.3", False),
        ("ANY", "192.168.7.7", True),
        ("ANY", "::ffff:192.168.7.7", True),
        ("SIX", "fd00::1%eth0", True),
        ("SIX", "fe80::1", False),
        ("", "10.1.2.3", False),
    ],
)
def test_title_and_address_must_both_fit(title: str, address: str, fine: bool) -> None:
    assert admitted(CALLERS, title, address) is fine


@pytest.mark.parametrize("words", ["PACS", "@10.0.0.1", "PACS@", "PACS@host.name", "PACS@10.0.0.1/8"])
def test_what_is_no_caller_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"@|address|network|host bits"):
        Caller.parse(words)
