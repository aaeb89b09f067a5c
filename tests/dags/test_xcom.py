"""Between tasks go numbers, days and single words: whatever else a task returns, Airflow is not given it."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from airflow.sdk.log import mask_secret

from include.flows.asking import Ask
from include.local.airflow_env import airflow_environment
from include.local.databases import DatabaseUrls
from include.local.home import Home
from include.local.secrets import load_secrets
from include.ports import Fatal
from include.wiring.asks import arguments
from include.wiring.xcom import BACKEND, NAMES, WORDS, PlainXCom
from tests.dags.conftest import PROJECT

WHERE: dict[str, Any] = {"key": "return_value", "dag_id": "tie_out", "task_id": "report"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        True,
        ["2026-06-30", "2026-07-01"],
        [{"ask_no": 1}, {"ask_no": 2}],
        "sent_back",
    ],
)
def test_numbers_days_and_words_of_ours_are_kept_as_they_are(value: Any) -> None:
    assert PlainXCom.serialize_value(value, **WHERE) == value


@pytest.mark.parametrize(
    "value",
    [
        "Zuleika Quixano",
        "Zuleika",
        "zuleika",
        6581234567,
        81234567,
        5551234,
        19800501,
        -81234567,
        "1980-05-01",
        "manual__2026-06-30T04:15:00+00:00_Zuleika",
        "zuleika__2026-06-30T04:15:00.123456+00:00",
        {"zuleika": 1},
        {"zuleika_quixano": True},
        [4111111111111111],
        "zuleika.q@canary.example",
        "+6581234567",
        "DE44500105175407324931",
        "ann proposes to write it off",
        "{{ conn.salesforce_api.password }}",
        {"email": 1},
        {"payer_text": None},
        {"access_token": 1},
        {"Name": 1},
        {"words": "refused: no role"},
        [{"ask_no": 1, "body": "who wrote what"}],
        [[[[[[1]]]]]],
        list(range(10_001)),
        b"bytes",
        1.5,
        {1: 2},
    ],
    ids=str,
)
def test_what_may_be_personal_or_secret_is_refused_and_not_quoted(value: Any) -> None:
    with pytest.raises(Fatal, match=r"tie_out\.report hands over") as refused:
        PlainXCom.serialize_value(value, **WHERE)
    assert "canary" not in str(refused.value)
    assert "Zuleika" not in str(refused.value)


def test_a_key_somebody_thought_of_is_refused_and_not_quoted() -> None:
    with pytest.raises(Fatal, match="under a key that is none of ours") as refused:
        PlainXCom.serialize_value(7, **{**WHERE, "key": "zuleika"})
    assert "zuleika" not in str(refused.value)


def test_a_word_that_is_a_secret_by_now_is_refused() -> None:
    word = "2099-03-03"
    assert PlainXCom.serialize_value(word, **WHERE) == word
    mask_secret(word)
    with pytest.raises(Fatal, match="a secret"):
        PlainXCom.serialize_value(word, **WHERE)


def test_whatever_tasks_hand_over_is_annotated_as_what_is_taken() -> None:
    """No task of ours returns anything else, and what it returns goes by names that are taken."""
    returned = {
        ast.unparse(node.returns)
        for path in (PROJECT / "dags").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.returns
    }
    assert returned == {"None", "list[str]", "list[dict[str, int]]"}
    assert {name for one in arguments([Ask(ask_no=7, subject="", body="")]) for name in one} == NAMES


def test_whatever_may_become_of_a_question_is_a_word_of_ours() -> None:
    schema = "".join(
        (PROJECT / "sql" / "schema" / name).read_text() for name in ("331_approvals.sql", "370_parity.sql")
    )
    checks = re.findall(r"outcome text CHECK \(outcome IN \((.*?)\)\)", schema, re.DOTALL)
    said = {
        word.replace(" ", "_") for check in checks for word in re.findall(r"'([a-z ]+)'(?:,|\s|$)", check)
    }
    assert said == WORDS


def test_airflow_takes_it_for_its_own_wherever_it_runs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    urls = DatabaseUrls.on(urlsplit("postgresql://nobody@nowhere"), "tieout")
    here = airflow_environment(home=home, urls=urls, secrets=load_secrets(home), port=1)
    compose = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())["x-airflow"]["environment"]
    assert {one["AIRFLOW__CORE__XCOM_BACKEND"] for one in (here, compose)} == {BACKEND}
    found = subprocess.run(
        [sys.executable, "-c", "from airflow.sdk.execution_time.xcom import XCom; print(XCom.__name__)"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "AIRFLOW__CORE__XCOM_BACKEND": BACKEND},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stdout.strip() == "PlainXCom"


def test_what_is_kept_is_json() -> None:
    assert json.loads(json.dumps(PlainXCom.serialize_value([{"ask_no": 1}], **WHERE))) == [{"ask_no": 1}]
