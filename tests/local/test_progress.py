import io
from pathlib import Path

import pytest
from rich.console import Console

from include.local.home import SetUpFailed
from include.local.progress import StepFailed, Steps


class Screen:
    """Steps and what a person sees of them."""

    def __init__(self, folder: Path, *, terminal: bool = False) -> None:
        self._file = io.StringIO()
        console = Console(file=self._file, force_terminal=terminal, width=200, highlight=False)
        self.crash_log = folder / "crash.log"
        self.steps = Steps(crash_log=self.crash_log, console=console)

    @property
    def text(self) -> str:
        return self._file.getvalue()


def fail(screen: Screen, problem: BaseException) -> None:
    with screen.steps.step("database"):
        raise problem


def test_a_step_says_when_it_begins_what_it_does_and_how_it_ended(tmp_path: Path):
    screen = Screen(tmp_path)
    with screen.steps.step("world") as say:
        say("reading [1]")
        say("reading [1]")
    lines = [line[line.index("s ") + 2 :].strip() for line in screen.text.splitlines()]
    assert lines[:2] == ["world ...", "world: reading [1]"]
    assert lines[2].startswith("✓ world")
    assert len(lines) == 3


def test_a_terminal_gets_one_line_for_each_step_that_ended(tmp_path: Path):
    screen = Screen(tmp_path, terminal=True)
    with screen.steps.step("world") as say:
        say("reading")
    assert "✓" in screen.text
    assert "world ..." not in screen.text


def test_a_foreseen_failure_shows_its_sentence_and_the_end_of_its_log(tmp_path: Path):
    log = tmp_path / "postgres.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    screen = Screen(tmp_path)
    with pytest.raises(StepFailed):
        fail(screen, SetUpFailed("the disk is full; free some space", log=log))
    assert "✗ database" in screen.text
    assert "the disk is full; free some space" in screen.text
    assert str(log) in screen.text
    assert "line 99" in screen.text
    assert "line 80" not in screen.text


def test_an_unforeseen_failure_keeps_its_traceback_in_a_file(tmp_path: Path):
    screen = Screen(tmp_path)
    with pytest.raises(StepFailed):
        fail(screen, ZeroDivisionError("oh"))
    assert "ZeroDivisionError: oh" in screen.text
    assert "Traceback" not in screen.text
    assert "Traceback" in screen.crash_log.read_text()


def test_a_failure_inside_a_failed_step_is_told_once(tmp_path: Path):
    screen = Screen(tmp_path)
    with pytest.raises(StepFailed), screen.steps.step("outer"):
        fail(screen, SetUpFailed("no"))
    assert screen.text.count("✗") == 1


def test_an_interrupted_step_stays_an_interrupt(tmp_path: Path):
    screen = Screen(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fail(screen, KeyboardInterrupt())
    assert "stopped" in screen.text
