"""`tieout recovery`: a restore is noted by a person with a reason, and shown with what is in doubt since."""

import json

import pytest

from include.cli import main as cli


def test_a_restore_is_noted_by_a_person_with_a_reason_and_shown(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tieout(*words: str) -> tuple[object, str]:
        monkeypatch.setenv("TIEOUT_DATABASE_URL", database_url)
        monkeypatch.setattr("sys.argv", ["tieout", "recovery", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    assert tieout("note", "--as", "policy", "--reason", "lost")[0] == 1
    assert "say why" in tieout("note", "--as", "ann", "--reason", " ")[1]
    assert json.loads(tieout("show", "--json")[1]) == []
    code, said = tieout("note", "--as", "Ann", "--reason", "the disk of 02:00 was put back")
    assert (code, "is looked for before it is sent" in said) == (0, True)
    [noted] = json.loads(tieout("show", "--json")[1])
    assert (noted["noted_by"], noted["doubted"], noted["in_doubt"]) == ("ann", True, True)
    assert "the disk of 02:00 was put back" in tieout("show")[1]
