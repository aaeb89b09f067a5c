"""The main job as a person starts it: real Postgres, real Airflow, real HTTP, from nothing, and its day once more."""

import csv
import json
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from include.local import services
from include.local.airflow_api import Airflow
from include.local.airflow_env import airflow_environment, is_set_up
from include.local.demo import business_day
from include.local.home import PROJECT, Home
from include.local.postgres import server
from include.local.processes import wait_for
from include.local.secrets import load_secrets
from include.ports import KEY, SealedValue
from include.twin.generate import generate_world
from include.vault.envelope import unseal
from include.vault.keys import read_keyring
from include.vault.payloads import ELSE
from tests.canaries import Canaries
from tests.checks import assert_checks_hold
from tests.connectors.statements import camt, detail, mt940, ntry
from tests.e2e.people import Somebody, answer_until, ask_now, asked, asking, unended
from tests.local.conftest import command_line, processes_of

pytestmark = pytest.mark.platform

DAY = "2026-06-30"
BROWSERS_PYTHON = PROJECT / "var" / "browser" / "bin" / "python"
INSIDE_AIRFLOW = PROJECT / "tests" / "console" / "browser" / "inside_airflow.py"
READABLE = 100
"""By so much ink is darker or lighter than what it stands on, of 255."""
PICTURES = [folder] if (folder := os.environ.get("TIEOUT_PICTURES")) else []
"""Where pictures of it are kept, when somebody wants to look."""
PATIENCE_S = 1200.0
"""Also where the machine has much else to do."""


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    root = PROJECT / "var" / "e2e"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    yield Home(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def world(home: Home) -> Path:
    made = generate_world(out=home.root / "small-world", seed=3, size=300, profile="default").path
    with (made / "erp" / "invoices.csv").open("a") as invoices:
        invoices.write('bad-1,INV-BAD,C,,2026-01-01,2026-01-31,SGD,,,"1,000.00",posted,false\n')
    plant(made)
    return made


CANARIES = (
    "Zuleika", "Quixano-Przybylski", "zuleika.q", "+65 8123 4567", "zq.books", "Quentin Oldacre-Zq", "fp_Zq81",
    "Zelda Handover-Zq", "Zacharias Bankhold-Zq", "DE44500105175407324931", "Zenobia Dossier-Zq",
)  # fmt: skip


def plant(world: Path) -> None:
    """Somebody nobody else is called like: a contact, a customer's address, a payer without a customer, a card.

    And whom somebody named in the metadata of the payments platform's objects, which has what its files say besides.
    """
    planted: dict[str, dict[str, int]] = {
        "salesforce/Contact.csv": {"FirstName": 0, "LastName": 1, "Email": 2, "Phone": 3},
        "erp/customers.csv": {"email": 4},
        "payments/payments.csv": {"payer_text": 5, "handed_to": 7},
        "payments/attempts.csv": {"card": 6},
        "payments/refunds.csv": {"handed_to": 7},
        "payments/payouts.csv": {"handed_to": 7},
    }
    for name, columns in planted.items():
        with (world / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        for column, canary in columns.items():
            rows[0][column] = (
                f"{CANARIES[canary]}@canary.example" if "mail" in column.lower() else CANARIES[canary]
            )
        with (world / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="module")
def bank(home: Home) -> Path:
    """A folder in which the bank has left two statements a while ago, each with a payer nobody else is called like."""
    folder = home.root / "bank"
    folder.mkdir()
    party = detail(remittance="thank you", debtor=CANARIES[8])
    party += f"<CardTx><Card><PlainCardData><PAN>{CANARIES[9]}</PAN></PlainCardData></Card></CardTx>"
    entry = ntry("61.37", currency="SGD", reference="B-1", details=[party])
    words = f"/IBAN/{CANARIES[9]}/NAME/{CANARIES[10]}/REMI/thank you"
    for name, content in (
        ("one.xml", camt(entry, closing="161.37", currency="SGD")),
        (
            "two.sta",
            mt940(
                f"2606300630C62,41NTRFNONREF|{words}", opening="C260629SGD100,00", closing="C260630SGD162,41"
            ),
        ),
    ):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, 0))
    return folder


@dataclass
class Demo:
    """`tieout demo` on a terminal, where the platform stays up until Ctrl-C; and all that it said."""

    process: subprocess.Popen[str]
    said: str = ""

    def listen(self, until: str = "") -> None:
        """Hear what it says, up to a line with these words or to its end."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line
            if until and until in line:
                return

    def ends_with(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.listen()
        return self.process.wait(60)


@contextmanager
def demo(home: Home, world: Path, bank: Path) -> Iterator[Demo]:
    # Who starts the tests in the background of a shell hands on that Ctrl-C is not heard.
    command = ["env", "--default-signal=INT", sys.executable]
    command += ["-m", "include.cli", "demo", "--world", str(world)]
    environment = os.environ | {"TIEOUT_HOME": str(home.root), "TIEOUT_BANK_FOLDER": str(bank)}
    person, terminal = pty.openpty()
    with subprocess.Popen(
        command, stdin=terminal, stderr=subprocess.PIPE, text=True, cwd=PROJECT, env=environment
    ) as process:
        late = threading.Timer(PATIENCE_S, process.terminate)
        late.start()
        try:
            yield Demo(process)
        finally:
            late.cancel()
            process.terminate()
            os.close(person)
            os.close(terminal)


def run_again(home: Home, dag_id: str) -> str:
    """How a run ends that was over already, on the platform that is up."""
    ports = services.running_ports(home)
    assert ports
    password = load_secrets(home).admin_password
    with Airflow(ports.airflow_address, username="admin", password=password) as airflow:
        start, end = business_day(date.fromisoformat(DAY))
        runs = {dag_id: airflow.trigger(dag_id, start=start, end=end)}
        [*_, last] = airflow.follow(runs, timeout_s=PATIENCE_S)
    return last[dag_id].state


def what_still_runs(home: Home) -> list[str]:
    """Processes that name this home, and ports of the platform that still answer."""
    ports = json.loads((home.run / "ports.json").read_text())
    answering = []
    for name, port in ports.items():
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                answering.append(f"{name} on {port}")
    return answering + [command_line(pid) for pid in processes_of(home)]


def mails(home: Home) -> list[EmailMessage]:
    parsed = [
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in home.mailbox.glob("*.eml")
    ]
    return [mail for mail in parsed if isinstance(mail, EmailMessage)]


def facts(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.fixture(scope="module")
def job(home: Home, world: Path, bank: Path) -> Iterator[Demo]:
    """The main job, whose platform is up until a test sends Ctrl-C."""
    with demo(home, world, bank) as job:
        yield job


def test_the_main_job_ties_out_a_day_and_does_so_again(home: Home, job: Demo) -> None:
    job.listen(until="until you press Ctrl-C")
    assert job.process.poll() is None, job.said
    assert f"{DAY} ties" in job.said
    assert run_again(home, "tie_out") == "success"
    with server(home) as urls:
        assert wait_for(lambda: deadlines(urls.airflow) == {"success"}, timeout_s=60), deadlines(urls.airflow)


def deadlines(url: str) -> set[object]:
    """How what Airflow called at deadlines ended: those of a day that is past pass as it begins."""
    return {state for (state,) in facts(url, "SELECT state FROM callback")}


def test_what_is_old_is_removed_by_tasks_that_have_no_way_to_airflows_database(home: Home, job: Demo) -> None:
    assert job.process.poll() is None, job.said
    ports = services.running_ports(home)
    assert ports
    old_log = home.logs / "tasks" / "dag_id=extract_erp" / "run_id=old" / "task_id=pull" / "attempt=1.log"
    old_log.parent.mkdir(parents=True)
    old_log.write_text("{}")
    os.utime(old_log, (1_000, 1_000))
    with (
        server(home) as urls,
        Airflow(
            ports.airflow_address, username="admin", password=load_secrets(home).admin_password
        ) as airflow,
    ):
        with psycopg.connect(urls.airflow) as connection:
            connection.execute(
                "INSERT INTO log (dttm, event) VALUES (now() - interval '100 days', 'old one')"
            )
        with psycopg.connect(urls.app) as connection:
            connection.execute(
                "INSERT INTO delivery.lanes (began_at) VALUES (now() - interval '40 days'), (now() - interval '9 days')"
            )
        airflow.unpause("remove_old")
        assert run_again(home, "remove_old") == "success"
        assert facts(urls.airflow, "SELECT count(*) FROM log WHERE event = 'old one'") == [(0,)]
        assert facts(urls.app, "SELECT relation, rows FROM ops.removals") == [("delivery.lanes", 1)]
    assert not old_log.parent.parent.exists()


def test_a_write_off_is_approved_in_airflow_by_somebody_else_than_who_proposed_it(
    home: Home, job: Demo
) -> None:
    """As a human-in-the-loop task: through Airflow's own API, under the rules that the database keeps."""
    assert job.process.poll() is None, job.said
    ports, secrets = services.running_ports(home), load_secrets(home)
    assert ports
    address, checkers_password = ports.airflow_address, "a second controller's"
    with (
        server(home) as urls,
        Airflow(address, username="admin", password=secrets.admin_password) as airflow,
        asking(airflow),
    ):
        airflow.ensure_user(
            username="checker", roles=["Viewer", "Tie-out Controller"], password=checkers_password
        )
        maker = Somebody(address, "controller", secrets.controller_password)
        checker = Somebody(address, "checker", checkers_password)
        analyst = Somebody(address, "finance", secrets.finance_password)
        for person in (maker, checker, analyst):
            person.page("/")
        [(break_id, key)] = facts(
            urls.app,
            "SELECT break_id::text, key FROM recon.break_lives WHERE state = 'OPEN' AND recon = 'R3' "
            "AND amount_sgd_minor BETWEEN 100 AND 1000000 ORDER BY amount_sgd_minor LIMIT 1",
        )
        life = f"SELECT state FROM recon.break_lives WHERE break_id = '{break_id}'"
        maker.act(str(break_id), "propose", kind="write_off", reason="not worth chasing")

        ask_now(airflow)
        assert wait_for(lambda: asked(airflow, str(key)), timeout_s=PATIENCE_S, every_s=0.5)
        [ask] = asked(airflow, str(key))
        assert "write off" in ask["subject"]
        assert analyst.answers(ask, "Approve", reason="looks right") == 403
        # Airflow does not know whose proposal it is: it takes the answer, and our database does not.
        answer_until(
            lambda: not unended(airflow), airflow, str(key), who=maker, option="Approve", reason="it is mine"
        )
        assert facts(urls.app, life) == [("PROPOSED",)], "whoever proposed it approves nothing"

        ask_now(airflow)
        told = answer_until(
            lambda: facts(urls.app, life) == [("APPROVED",)],
            *(airflow, str(key)),
            who=checker,
            option="Approve",
            reason="below our costs",
        )
        assert "somebody else must check it" in told
        maker.act(str(break_id), "accept", reason="booked as bad debt")
        assert facts(urls.app, life) == [("ACCEPTED",)]
        history = (
            f"SELECT actor_id, action FROM recon.break_events WHERE break_id = '{break_id}' ORDER BY version"
        )
        assert facts(urls.app, history)[1:] == [
            ("controller", "proposed"),
            ("checker", "approved"),
            ("controller", "accepted"),
        ]
        audit = maker.page("/audit")
        for why in ("not worth chasing", "below our costs", "booked as bad debt"):
            assert why in audit
        assert "it is mine" not in audit, "what was refused is no act"
        assert wait_for(lambda: not unended(airflow), timeout_s=PATIENCE_S, every_s=0.5)


def test_the_console_opens_in_the_navigation_of_airflow_and_is_light_or_dark_as_it_is(
    home: Home, job: Demo
) -> None:
    assert job.process.poll() is None, job.said
    if not BROWSERS_PYTHON.exists():
        pytest.skip(
            "no headless Chromium is set up for this test; `make browser` does it where one is installed"
        )
    ports = services.running_ports(home)
    assert ports
    login = {"username": "finance", "password": load_secrets(home).finance_password}
    done = subprocess.run(
        [BROWSERS_PYTHON, INSIDE_AIRFLOW, ports.airflow_address, *PICTURES], input=json.dumps(login),
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    if "there is no Chromium" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["address"].startswith(f"{ports.airflow_address}/plugin/tieout"), "it is a page of Airflow's"
    assert "ties" in seen["heading"]
    assert seen["why"]
    assert seen["done"] == "Your remark is in its history."
    assert seen["refused"] == [], "neither its policy nor the frame's sandbox forbids what a page needs"
    light, dark = (brightness(seen[theme]) for theme in ("light", "dark"))
    assert light["background"] > light["ink"] + READABLE, seen
    assert dark["ink"] > dark["background"] + READABLE, seen
    assert abs(dark["airflow"] - dark["background"]) < READABLE, seen


def brightness(colours: dict[str, str]) -> dict[str, float]:
    """Of each colour, from 0 (black) to 255."""
    numbers = {
        name: [float(one) for one in re.findall(r"[0-9.]+", said)[:3]] for name, said in colours.items()
    }
    return {name: sum(three) / 3 for name, three in numbers.items()}


def test_ctrl_c_leaves_nothing_running_and_the_day_was_mailed_once(home: Home, job: Demo) -> None:
    assert job.ends_with(signal.SIGINT) == 0, job.said
    assert what_still_runs(home) == []

    mail, month = sorted(mails(home), key=lambda one: str(one["Subject"]))
    assert str(mail["Subject"]).startswith(f"{DAY} ties")
    assert str(month["Subject"]).startswith(f"Month to {DAY}:")
    assert {part.get_filename() for part in mail.iter_attachments()} == {
        f"{DAY}-tie-out.xlsx",
        f"{DAY}-tie-out.html",
    }
    body = mail.get_body(("html",))
    assert body is not None
    assert "INV-BAD" not in str(mail["Subject"])
    assert "not a decimal number" in body.get_content()

    with server(home) as urls:
        assert is_set_up(urls=urls, secrets=load_secrets(home)), "nothing is set up twice"
        assert_checks_hold(urls.app)
        runs = f"SELECT state FROM recon.runs WHERE as_of = '{DAY}'"
        assert facts(urls.app, runs) == [("published",)]
        assert facts(urls.app, "SELECT count(*) FROM ops.proofs WHERE NOT proven") == [(0,)]
        assert facts(urls.app, "SELECT count(DISTINCT (system, entity)) FROM ops.proofs") == [(18,)]
        assert facts(urls.app, "SELECT count(*) FROM canonical.quarantine") == [(1,)]
        assert facts(urls.app, "SELECT count(*) FROM recon.quality_checks") == [(1,)]
        assert facts(urls.app, "SELECT count(*) FROM recon.quality_results WHERE verdict = 'fail'") == [(0,)]
        failed = "SELECT count(*) FROM task_instance WHERE state IN ('failed', 'upstream_failed')"
        assert facts(urls.airflow, failed) == [(0,)]


def token_of(home: Home, url: str) -> str:
    """The token that the run logged in to Salesforce with: all tasks shared it."""
    [(generation, kid, wrapped_key, envelope)] = facts(
        url, "SELECT generation, kid, wrapped_key, envelope FROM vault.tokens WHERE system = 'salesforce'"
    )
    value = SealedValue(
        token="oauth2:salesforce",
        field="token",
        subject=f"generations/{generation}",
        kid=str(kid),
        wrapped_key=cast("bytes", wrapped_key),
        envelope=cast("bytes", envelope),
    )
    token = str(json.loads(unseal(read_keyring(load_secrets(home).vault_keys), value))["access_token"])
    assert len(token) > 20
    return token


def opened(home: Home, url: str) -> set[str]:
    """Which of the canaries the sealed values say."""
    rows = facts(url, "SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed")
    ring = read_keyring(load_secrets(home).vault_keys)
    values = [SealedValue(*cast("tuple[Any, ...]", row)) for row in rows]
    said = "\n".join(unseal(ring, value) for value in values if value.field != KEY)
    return {one for one in CANARIES if one in said}


def test_nothing_personal_and_no_token_is_in_clear_in_any_database_log_mail_or_page(
    home: Home, world: Path, bank: Path
) -> None:
    """After the main job: our database with its Data Docs, Airflow's (XCom, rendered templates), logs, mails."""
    with server(home) as urls:
        canaries = Canaries((*CANARIES, token_of(home, urls.app)))
        assert canaries.in_bytes(
            (world / "salesforce" / "Contact.csv").read_bytes()
        )  # they were there to be found
        sealed = facts(urls.app, "SELECT field, count(*) FROM vault.sealed GROUP BY field")
        assert {"first_name", "last_name", "phone", "email", "payer_text", "card", "account", ELSE} <= {
            str(name) for name, _ in sealed
        }
        assert opened(home, urls.app) >= set(CANARIES), "each of them went through, and is sealed"
        docs = facts(urls.app, "SELECT path, body FROM recon.quality_pages")
        assert {"payments.html", "bank_lines.html", "contacts.html"} <= {str(path) for path, _ in docs}
        assert [path for path, body in docs if canaries.in_bytes(cast("bytes", body))] == []
        assert {url: canaries.in_database(url) for url in (urls.app, urls.airflow)} == {
            urls.app: {},
            urls.airflow: {},
        }
    kept = {home.postgres, home.world, world, bank}  # the database's own files; the outside world's
    files = [
        path
        for path in home.root.rglob("*")
        if path.is_file() and not path.is_symlink() and not kept & set(path.parents)
    ]
    assert any(path.suffix == ".eml" for path in files)
    assert any(path.is_relative_to(home.logs) for path in files)
    assert {str(path): found for path in files if (found := canaries.in_bytes(path.read_bytes()))} == {}


def test_what_the_live_path_found_is_what_the_offline_path_finds(
    home: Home, world: Path, bank: Path, tmp_path: Path
) -> None:
    """The same world through HTTP, DAGs and cursors, and through files: the same matches.

    Of the bank what it left in its folder, and without rates.
    """
    files = shutil.copytree(world, tmp_path / "world", ignore=shutil.ignore_patterns("bank", "fx"))
    shutil.copytree(bank, files / "bank")
    command = [sys.executable, "-m", "include.cli", "reconcile", "--world", str(files)]
    command += ["--as-of", DAY, "--out", str(tmp_path / "results")]
    environment = os.environ | {"TIEOUT_HOME": str(home.root)}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=200)
    offline = (tmp_path / "results" / "matches.csv").read_text().splitlines()[1:]
    with server(home) as urls:
        of_the_day = f"FROM recon.matches JOIN recon.runs USING (run_id) WHERE as_of = '{DAY}'"
        live = facts(urls.app, f"SELECT match_id, side_a_id, side_b_id, matches.state {of_the_day}")
    told = {tuple(line.split(",")[i] for i in (0, 4, 6, 11)) for line in offline}
    assert {tuple(map(str, row)) for row in live} == told
    assert told


IN_ONE_PROCESS = """
import json, sys
from airflow.cli.cli_parser import get_parser
codes = {}
for words in json.load(sys.stdin):
    try:
        given = get_parser().parse_args(words)
        given.func(given)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except Exception as error:
        code = f"{type(error).__name__}: {error}"
    codes[" ".join(words)] = code
print("codes", json.dumps(codes))
"""


def test_every_airflow_command_of_the_playbooks_runs_where_the_platform_ran(home: Home) -> None:
    """Each sub-command once, on the database of the runs above; nothing works them off, for nothing runs any more.

    The day is one that has no run yet: what is cleared is what the backfill before it made.
    """
    pages = [*(PROJECT / "docs/playbooks").glob("*.md"), *(PROJECT / "docs/training").glob("*.md")]
    lines = {line for page in pages for line in re.findall(r"^airflow .*", page.read_text(), re.MULTILINE)}
    split = (shlex.split(line.replace(f"{DAY}T", "2026-06-27T"), comments=True)[1:] for line in sorted(lines))
    commands = {tuple(words[:2]): words for words in split}
    with server(home) as urls:
        environment = airflow_environment(home=home, urls=urls, secrets=load_secrets(home), port=8080)
        done = subprocess.run(
            [sys.executable, "-c", IN_ONE_PROCESS],
            input=json.dumps([["dags", "reserialize"], *commands.values()]), capture_output=True, text=True,
            timeout=200, cwd=PROJECT, env=environment, check=False,
        )  # fmt: skip
        cleared = facts(urls.airflow, "SELECT max(clear_number) FROM dag_run WHERE run_type = 'backfill'")
    codes = json.loads(done.stdout.rpartition("codes ")[2]) if "codes " in done.stdout else {}
    # No scheduler is alive here, and that is what this one asks.
    [asks] = [line for line in codes if line.startswith("jobs check")] or [""]
    said = codes.pop(asks, "it was not run")
    assert "No alive jobs" in str(said), done.stderr[-2000:]
    assert len(codes) >= 7
    assert set(codes.values()) == {0}, codes
    assert cleared == [(1,)], "a day's run can be cleared, deadline or not"
