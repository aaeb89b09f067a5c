"""The real ERP that `make erp` starts: set up once, and nobody's administrator."""

import os
from pathlib import Path

import pytest
import requests

from include.local import erp as make_erp
from include.local.erp import RunningErp
from tests.contract.erp.conftest import encoded


def test_starting_it_again_changes_nothing(tryton: RunningErp, capsys: pytest.CaptureFixture[str]):
    assert make_erp.main("start") == 0
    assert tryton.address in capsys.readouterr().out
    assert make_erp.main("status") == 0
    assert tryton.address in capsys.readouterr().out


def test_its_keys_are_readable_by_their_owner_alone(tryton: RunningErp):
    kept = [tryton.home.secrets, tryton.home.run / "trytond.conf", tryton.home.run / "erp.admin"]
    assert [path.stat().st_mode & 0o077 for path in kept] == [0, 0, 0]


@pytest.mark.parametrize("model", ["res.user", "ir.model.access"])
def test_its_user_is_no_administrator(tryton: RunningErp, model: str):
    with tryton.copy(f"erp_rights_{os.getpid()}") as copy:
        headers = {"Authorization": f"Bearer {copy.key}", "X-Tryton-Context": encoded({"company": 1})}
        address = f"{copy.address}/rest/model/{model}"
        answer = requests.post(address, json={"name": "x"}, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert "not allowed" in answer.json()["message"]


def test_two_copies_do_not_see_each_other(tryton: RunningErp):
    with tryton.copy(f"erp_a_{os.getpid()}") as first, tryton.copy(f"erp_b_{os.getpid()}") as second:
        headers = {"Authorization": f"Bearer {first.key}"}
        for copy, expected in ((first, 2), (second, 1)):
            place = f"{copy.address}/rest/model/party.party"
            if copy is first:
                requests.post(
                    place, json={"name": "Only here"}, headers=headers, timeout=30
                ).raise_for_status()
            assert len(requests.get(place, headers=headers, timeout=30).json()) == expected


def test_without_its_environment_it_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    monkeypatch.setattr(make_erp, "environment_python", lambda: tmp_path / "none")
    assert make_erp.main("start") == 1
    assert "make erp" in capsys.readouterr().err
    assert make_erp.main("status") == 1
    assert make_erp.main("stop") == 0
