"""Every form of command that the playbooks and the training tell people to type is run, on a small system of theirs."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from include.cli import main as cli
from include.flows import replay
from include.flows.act_on_break import By
from include.flows.ask_approvals import note_person
from include.flows.replay import A_DAY, Wanted, ask_replay
from include.flows.resolve_break import approve, assign, propose
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.test_playbooks import commands
from tests.flows.conftest import Draw
from tests.flows.conftest import draw as draw  # noqa: PLC0414 - a fixture
from tests.flows.lives import Days
from tests.flows.test_signing_parity import compared
from tests.flows.test_switching_writers import sign

ANN, BEN = "ann@firm.example", "ben@firm.example"
DAY = "2026-06-30"
POLICY = load_policy()
BREAKS = 12
ELSEWHERE = {
    "salesforce deploy": ("connectors/test_salesforce_metadata.py", "def test_one_command_deploys_it("),
    "salesforce login": ("connectors/test_salesforce_oauth.py", '"salesforce", "login", "--as"'),
    "reconcile": ("e2e/test_reconcile_command.py", '"reconcile", "--world"'),
    "certificate verify --as-of": ("flows/test_verifying.py", '"--results"'),
}
"""Forms that take a system which another test plays, or long; that test, and what shows that it runs them."""
ANSWERS = {
    "doctor": {0, 1, 2},  # 2: nothing could be asked; here no system is named
    "cutover back": {0, 1},  # 1: every flow is theirs already
}
"""Exit codes that are no failure, where they are more than 0; the commands document them."""
ALONE = ("world generate",)
"""What needs no database of the platform's."""
FIRST = ("cutover back", "cutover go")
"""What others build on, in this order."""


@dataclass
class System:
    """A published day with breaks, given out one by one; a compared day; parked messages, three of them asked for."""

    store: PostgresStore
    url: str
    run_id: UUID
    missing_payout: UUID
    breaks: Iterator[UUID]

    def a_break(self, verb: str) -> UUID:
        """One that nobody touched, brought to where the act is the next one."""
        if verb == "match":
            return self.missing_payout
        one = next(self.breaks)
        if verb in ("approve", "reject", "accept"):
            propose(self.store, one, By(actor=ANN, reason="small"), kind="write_off", policy=POLICY)
        if verb == "accept":
            approve(self.store, one, By(actor=BEN, reason="agreed"))
        if verb == "resolve":
            assign(self.store, one, By(actor=ANN, reason="mine"), to=ANN)
        return one


@pytest.fixture
def system(server_urls: DatabaseUrls, draw: Draw) -> Iterator[System]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        store = PostgresStore(url)
        days = Days(store, url, draw)
        owed = "\n".join(f"{n} INV-{n} C{n} 2026-05-01 2026-05-31 SGD 500.00" for n in range(BREAKS))
        paid = "\n".join(f"P{n} C{n} INV-{n} SGD 450.00 2026-06-20" for n in range(BREAKS))
        lines = "B0 A 2026-06-01 SGD -1.00\nB1 A 2026-06-25 SGD 205.37\nB2 A 2026-06-25 SGD 205.37"
        payout = "PO-0001 SGD 205.37 2026-06-24 paid"
        days.load(invoices=owed, payments=paid, payouts=payout, bank_lines=lines)
        run = days.publish(DAY)
        note_person(store, ANN, ["can_read", "can_work"])
        with psycopg.connect(url) as connection:
            compared(connection, date.fromisoformat(DAY), run=run.run_id)
            for subject in ("invoices/INV-1", "subscriptions/SUB-1", "opportunities/0065g00000ABCDEAA1"):
                parked(connection, subject)
            for task in ("tasks/1", "tasks/2", "tasks/3"):
                parked(connection, task, decided="2026-11-25T09:00:00Z")
        for task in ("tasks/1", "tasks/2", "tasks/3"):
            ask_replay(store, Wanted(subject=task), replay.By(ANN, "mended"), lives=A_DAY, hourly=1)
        sign(store)
        of = "SELECT break_id FROM recon.break_lives WHERE code = %s ORDER BY key"
        [missing] = (row["break_id"] for row in days.rows(of, "PO01"))
        yield System(store, url, run.run_id, missing, (row["break_id"] for row in days.rows(of, "CA03")))


def parked(connection: psycopg.Connection, subject: str, *, decided: str = "2026-11-24T09:00:00Z") -> None:
    connection.execute(
        "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, reason, "
        "finished_at, decided_at) VALUES (%s, 'task', 'salesforce', %s, '{}', 's', false, 'parked', "
        "'TARGET_REJECTED', ops.clock(), %s)",
        (f"key of {subject}", subject, decided),
    )


def form_of(line: str) -> str:
    """A command without what differs from case to case: its words, and its options by name."""
    words = shlex.split(line.removeprefix("tieout "), comments=True)
    plain = [word for word in words[:2] if word.islower() and word.isalpha()]
    return " ".join(plain + sorted(word for word in words if word.startswith("--")))


def forms() -> dict[str, str]:
    """Every form with one command of it, those first that others build on."""
    found: dict[str, str] = {}
    for _, line in commands():
        if line.startswith("tieout "):
            found.setdefault(form_of(line), line)
    place = {name: number for number, name in enumerate(FIRST)}

    def turn(form: str) -> int:
        return min((at for name, at in place.items() if form.startswith(name)), default=len(FIRST))

    return dict(sorted(found.items(), key=lambda one: turn(one[0])))


def test_every_form_of_command_is_run_and_does_what_it_says(
    system: System,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIEOUT_HOME", str(PROJECT / "var" / "test"))
    failed: dict[str, str] = {}
    for form, line in forms().items():
        if any(form.startswith(one) for one in ELSEWHERE):
            continue
        if form.startswith(ALONE):
            monkeypatch.delenv("TIEOUT_DATABASE_URL", raising=False)
        else:
            monkeypatch.setenv("TIEOUT_DATABASE_URL", system.url)
        monkeypatch.setattr("sys.argv", filled(system, line))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code or 0
        allowed = next((codes for one, codes in ANSWERS.items() if form.startswith(one)), {0})
        if code not in allowed or not (said.out + said.err).strip():
            failed[line] = f"{code}: {said.out[-300:]} {said.err[-300:]}"
    assert failed == {}


def filled(system: System, line: str) -> list[str]:
    """The command as somebody types it for a case of theirs: its break, run and folders."""
    words = shlex.split(line, comments=True)
    known: dict[str, Callable[[], str]] = {
        "BREAK": lambda: str(system.a_break(words[2])),
        "RUN": lambda: str(system.run_id),
        "LINE": lambda: "B1",
        "DIR": lambda: "var/training/world",
        "results": lambda: "var/training/results",
        "1000": lambda: "20",
    }
    found = [known[word]() if word in known else word for word in words]
    return [*found, "--settle-seconds", "0"] if words[1:3] == ["cutover", "go"] else found


def test_what_is_run_elsewhere_is_run_there() -> None:
    for file, shows in ELSEWHERE.values():
        assert shows in (PROJECT / "tests" / file).read_text(encoding="utf-8")
    assert all(any(form.startswith(one) for form in forms()) for one in ELSEWHERE)
