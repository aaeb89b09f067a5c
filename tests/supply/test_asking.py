"""Asking about known vulnerabilities: what is said for each answer of the tool that asks."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.supply import __main__ as asking

ADVISORY = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": "bad"}
CLEAN = {"name": "fine", "version": "1.0", "vulns": []}
BAD = {"name": "risky", "version": "1.0", "vulns": [ADVISORY]}
UNASKED = {"name": "fine", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def answering(folder: Path, answers: dict[str, Sequence[object] | None]) -> Path:
    """A tool that answers for each source as given; without an answer it fails as one that has no network."""
    tool = folder / "pip-audit"
    lines = [
        f"[ \"$2\" = {source} ] && printf %s '{json.dumps({'dependencies': answer})}' && exit 0"
        for source, answer in answers.items()
        if answer is not None
    ]
    tool.write_text("\n".join(["#!/bin/sh", *lines, "echo 'ConnectionError: no such host' >&2", "exit 1"]))
    tool.chmod(0o755)
    return folder


def test_a_known_vulnerability_fails_and_names_the_version_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "TOOLS", answering(tmp_path, {"osv": [CLEAN, BAD]}))
    assert asking.main(["--check"]) == 1
    assert "risky 1.0: PYSEC-2026-1; mended in 2.0" in capsys.readouterr().out


def test_nothing_known_passes_and_says_who_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "TOOLS", answering(tmp_path, {"osv": None, "pypi": [CLEAN, UNASKED]}))
    assert asking.main(["--check"]) == 0
    said = capsys.readouterr().out
    assert "nothing is known against 1 packages (pypi)" in said
    assert "1 packages could not be asked about" in said


@pytest.mark.parametrize("answer", [None, [UNASKED]], ids=["no network", "an index without advisories"])
def test_where_nobody_answers_it_says_that_nothing_was_checked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: list[object] | None,
) -> None:
    monkeypatch.setattr(asking, "TOOLS", answering(tmp_path, dict.fromkeys(asking.SOURCES, answer)))
    assert asking.main(["--check"]) == 0
    assert "NOT CHECKED" in capsys.readouterr().out
