"""The stored form of a password, and the cost of guessing one."""

import time

import pytest

from koa_worker.web.guard.passwords import Cost, fault_of, hashed, matches, new_token

CHEAP = Cost(n=16, r=1, p=1)


def test_only_the_same_password_matches() -> None:
    kept = hashed("correct horse", CHEAP)
    assert matches("correct horse", kept)
    assert not matches("correct horsf", kept)
    assert not matches("", kept)
    assert "correct" not in kept


def test_each_has_a_salt_of_its_own() -> None:
    assert hashed("correct horse", CHEAP) != hashed("correct horse", CHEAP)


def test_the_parameters_are_kept_with_it() -> None:
    dearer = Cost(n=32, r=2, p=2)
    assert hashed("x", dearer).split("$")[:4] == ["scrypt", "32", "2", "2"]
    assert matches("x", hashed("x", dearer))


def test_one_password_typed_on_two_keyboards() -> None:
    assert matches("cafe\u0301 au lait", hashed("caf\u00e9 au lait", CHEAP))


def test_a_guess_costs_as_much_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the cheap hash that other tests compare with
    kept = hashed("correct horse")
    matches("warm up", None)

    def cost_of(kept: str | None) -> float:
        start = time.process_time()
        assert not matches("wrong", kept)
        return time.process_time() - start

    there, nowhere = min(cost_of(kept) for _ in range(3)), min(cost_of(None) for _ in range(3))
    assert there > 0.02
    assert nowhere == pytest.approx(there, rel=0.5)


@pytest.mark.parametrize(
    ("password", "fine"), [("short", False), ("a" * 20, False), ("x" * 257, False), ("ten letters", True)]
)
def test_which_passwords_are_taken(password: str, fine: bool) -> None:
    assert (fault_of(password) == "") == fine


def test_tokens_are_long_and_differ() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    assert len(new_token()) >= 40
