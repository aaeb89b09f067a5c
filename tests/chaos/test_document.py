"""What a run found replaces what stood there; what it did not run stays under its own date."""

import json
from pathlib import Path

import pytest

from tests.chaos import document

FOUND = {
    "at": "2026-07-01T00:00+00:00",
    "load": 1.0,
    "processors": 2,
    "seconds": 10,
    "seeds": 7,
    "first": 1,
    "steps": 70,
    "struck": {"kill": 3},
    "lanes": {"hears": 7},
    "failed": [],
}


def test_a_part_that_was_not_run_anew_keeps_what_is_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, kept = tmp_path / "reliability.md", tmp_path / "chaos"
    kept.mkdir()
    monkeypatch.setattr(document, "PLACE", place)
    monkeypatch.setattr(document, "KEPT", kept)
    document.write_document()
    before = place.read_text().replace("## Deaths\n\nNot run.", "## Deaths\n\n*long ago*\n\n168 deaths.")
    place.write_text(before)

    (kept / "simulation.json").write_text(json.dumps(FOUND))
    document.write_document()

    after = place.read_text()
    assert "7 seeds from 1 on" in after
    assert after.replace(
        after[after.index("## Simulation") : after.index("## Planted")], ""
    ) == before.replace("## Simulation\n\nNot run.\n\n", "")
