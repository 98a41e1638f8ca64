"""Completion in a real bash: what the command installs, and what the Tab key is answered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder whose `bin` holds the command as pip installs it."""
    program = tmp_path / "bin/koa-worker"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom koa_worker.commands.cli import main\nmain()\n", encoding="utf-8")
    program.chmod(0o700)
    return tmp_path


def in_bash(home: Path, script: str) -> list[str]:
    """The lines that the script prints."""
    environment = {
        "HOME": str(home),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [str(BASH), "--norc", "-c", script], cwd=home, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def press_tab(words: str, place: int) -> str:
    """What bash does when the Tab key is pressed in the word at this place."""
    return (
        f"COMP_WORDS=({words}); COMP_CWORD={place}; "
        "_koa_worker_completion koa-worker; printf '%s\\n' \"${COMPREPLY[@]}\""
    )


def test_the_shown_function_completes_commands_and_options(home: Path) -> None:
    # A second command keeps bash from becoming the program, whose parent is asked which shell this is.
    show = 'eval "$(koa-worker --show-completion; true)"; '
    assert in_bash(home, show + press_tab("koa-worker sta", 1)) == ["status"]
    assert in_bash(home, show + press_tab("koa-worker status --che", 2)) == ["--check"]
    assert in_bash(home, show + press_tab("koa-worker user tok", 2)) == ["token"]
    assert in_bash(home, show + "complete -p koa-worker") == [
        "complete -o default -F _koa_worker_completion koa-worker"
    ]


def test_what_is_installed_works_in_the_next_shell(home: Path) -> None:
    said = in_bash(home, "koa-worker --install-completion; true")
    assert "bash completion installed" in " ".join(said)
    assert in_bash(home, "source ~/.bashrc; " + press_tab("koa-worker exp", 1)) == ["export"]


def test_nothing_is_completed_that_no_command_begins_with(home: Path) -> None:
    ask = "COMP_WORDS='koa-worker {}' COMP_CWORD=1 _KOA_WORKER_COMPLETE=complete_bash koa-worker; true"
    assert in_bash(home, ask.format("doc")) == ["doctor"]
    assert "".join(in_bash(home, ask.format("zzz"))) == ""
