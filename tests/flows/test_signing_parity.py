"""From fourteen compared days to a signed pack: what may be signed, by whom, and how a changed pack betrays itself."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from include.flows import accept_difference as register
from include.flows.judge_parity import Judged, judge_parity
from include.flows.pack_parity import parity_pack
from include.flows.sign_parity import answer, ask_signatures, look, sign
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal, Rejected
from include.signing import make_key
from include.store.postgres import PostgresStore
from include.verify_parity import seal, verify_pack
from tests.checks import assert_checks_hold

LAST = date(2026, 6, 30)
FIRST = LAST - timedelta(days=13)
POLICY = load_policy()
RUN = UUID(int=7)


@contextmanager
def fourteen_days(server_urls: DatabaseUrls) -> Iterator[str]:
    """Fourteen compared days; each has one due date that another rule moved."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                "state) VALUES (%s, %s, 0, 0, 'r', 'c', 'computed')",
                (RUN, LAST),
            )
            for back in range(14):
                compared(connection, LAST - timedelta(days=back))
        yield url
        assert_checks_hold(url)


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with fourteen_days(server_urls) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with PostgresStore(url).keeping() as store:
        yield store


def compared(connection: psycopg.Connection[Any], day: date, *, edition: int = 1, run: UUID = RUN) -> None:
    connection.execute(
        "INSERT INTO parity.days (day, edition, run_id, source, ours_count, theirs_count, quarantined_count, "
        "read_count, pairs_count, doubled_count, differences_count, ours_sha256, theirs_sha256, "
        "certificate_sha256, rules_sha256, verdict_sha256) "
        "VALUES (%s, %s, %s, 'legacy', 0, 0, 0, 0, 0, 0, 1, 'o', 't', 'c', 'r', %s)",
        (day, edition, run, f"{day}/{edition}"),
    )
    connection.execute(
        "INSERT INTO parity.differences (day, edition, kind, key, seq, field, ours, theirs, class, cause, evidence) "
        "VALUES (%s, %s, 'invoices', 'INV-1', 1, 'due_date', '2026-07-04', '2026-07-06', 'logic', "
        "'rolls_to_business_day', %s)",
        (day, edition, Jsonb({"due_on": "Saturday"})),
    )


def judged(store: PostgresStore) -> Judged:
    return judge_parity(store, last=LAST, policy=POLICY)


def green(store: PostgresStore) -> Judged:
    """The days with everything done that lets them be signed; repeating it changes nothing."""
    with store.transaction() as tx:
        entries = [row for row in tx.rows("parity_register") if not row["ended_at"]]
        drilled = tx.rows("parity_drills", first_day=FIRST, last_day=LAST)
    if not entries:
        scope = register.Scope(
            kind="invoices", field="due_date", kind_of="logic", cause="rolls_to_business_day"
        )
        why = register.Why(owner="AR", reason="agreed", expires_on=today(store) + timedelta(days=30))
        number = register.propose(store, scope, why, maker="ann", policy=POLICY)
        register.approve(store, number, checker="ben")
    if not drilled:
        for drill in ("replay", "payout_failure"):
            register.note_drill(store, drill=drill, day=FIRST, person="ops", found="nothing was lost")
    return judged(store)


def today(store: PostgresStore) -> date:
    with store.transaction() as tx:
        day: date = tx.rows("parity_today", zone="Asia/Singapore")[0]["today"]
        return day


def compared_last(store: PostgresStore) -> object:
    """When parity was compared last, as far as somebody must be told when it is late."""
    with store.transaction() as tx:
        evidence = tx.rows("flow_evidence", money=[], by_their_word=[])
    return next(row["last_at"] for row in evidence if row["flow"] == "compare_parity")


def test_nothing_is_signed_while_a_limit_is_missed_and_no_drill_was_done(store: PostgresStore, url: str):
    seen = judged(store)
    assert any("differences of money" in one for one in seen.obstacles)
    assert {"replay", "payout_failure"} <= {word for one in seen.obstacles for word in one.split()}
    with pytest.raises(Rejected, match="cannot be signed yet"):
        sign(store, seen.window_no, role="controller", person="ben", reason="please")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="signed yet"):
        connection.execute(
            "INSERT INTO parity.sign_offs (window_no, role, person, reason) VALUES (%s, 'it', 'joe', 'x')",
            (seen.window_no,),
        )


def test_fourteen_days_in_a_row_with_a_month_end_are_needed(store: PostgresStore):
    seen = judge_parity(store, last=LAST - timedelta(days=1), policy=POLICY)
    assert "13 days were compared, and 14 in a row are needed" in seen.obstacles
    assert "no month ends in the last business days" in seen.obstacles
    with pytest.raises(Fatal, match="none of the 14 days"):
        judge_parity(store, last=FIRST - timedelta(days=1), policy=POLICY)


def test_an_entry_of_the_register_needs_a_second_person_an_end_and_a_difference(
    store: PostgresStore, url: str
):
    scope = register.Scope(
        kind="invoices", field="due_date", kind_of="logic", cause="rolls_to_business_day", key="INV-1"
    )
    soon = register.Why(owner="AR", reason="agreed", expires_on=today(store) + timedelta(days=5))
    late = register.Why(owner="AR", reason="agreed", expires_on=today(store) + timedelta(days=400))
    other = register.Scope(kind="arr", field="amount", kind_of="logic", cause="nothing")
    unexplained = register.Scope(kind="invoices", field="due_date", kind_of="logic", cause="")
    for wrong, why, says in (
        (scope, late, "must end"),
        (other, soon, "no day"),
        (unexplained, soon, "key by key"),
    ):
        with pytest.raises(Rejected, match=says):
            register.propose(store, wrong, why, maker="ann", policy=POLICY)
    number = register.propose(store, scope, soon, maker="ann", policy=POLICY)
    with pytest.raises(Rejected, match="already"):
        register.propose(store, scope, soon, maker="ann", policy=POLICY)
    with pytest.raises(Rejected, match="does not approve"):
        register.approve(store, number, checker="Ann ")
    with pytest.raises(Fatal, match="maker_is_not_checker"), store.transaction() as tx:
        tx.run("approve_accepted", accepted_no=number, checker="ann")
    assert any("neither explained nor accepted" in one for one in judged(store).obstacles), "not approved yet"
    for change in ("SET reason = 'other'", "SET expires_on = expires_on + 1", "SET maker = 'ben'"):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="is history"),
        ):
            connection.execute(
                f"UPDATE parity.accepted_differences {change} WHERE accepted_no = %s", (number,)
            )
    register.end(store, number, person="ann")
    with pytest.raises(Rejected, match="has ended"):
        register.approve(store, number, checker="ben")


def test_three_people_sign_for_three_roles_and_nobody_for_two(store: PostgresStore, url: str):
    seen = green(store)
    assert seen.obstacles == []
    assert green(store).window_no == seen.window_no, "the same content is one window"
    sign(store, seen.window_no, role="controller", person="ben", reason="all of it")
    with pytest.raises(Rejected, match="three roles are three people"):
        sign(store, seen.window_no, role="it", person="BEN", reason="again")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO parity.sign_offs (window_no, role, person, reason) VALUES (%s, 'it', ' Ben', 'x')",
            (seen.window_no,),
        )
    with pytest.raises(Rejected, match="already"):
        sign(store, seen.window_no, role="controller", person="cat", reason="too")

    asks = {
        ask.subject.split()[-1].rstrip("?"): ask
        for ask in ask_signatures(store, last=LAST, policy=POLICY, asked_in="a")
    }
    assert sorted(asks) == ["it", "revops"]
    with store.transaction() as tx:
        tx.run("note_person", person="rita", may=["can_sign_revops"])
        tx.run("note_person", person="joe", may=["can_sign_it"])
    assert look(store, asks["it"].ask_no) is None
    stranger = answer(store, asks["it"].ask_no, actor="rita", signs=True, reason="x")
    assert (stranger.outcome, "may not sign as it" in stranger.words) == ("refused", True)
    assert answer(store, asks["revops"].ask_no, actor="rita", signs=True, reason="fine").outcome == "signed"
    [again] = ask_signatures(store, last=LAST, policy=POLICY, asked_in="b")
    assert "refused" in again.body
    assert compared_last(store) is not None
    signed = sign(store, seen.window_no, role="it", person="joe", reason="runs")
    assert compared_last(store) is None, (
        "what is signed needs comparing no more, and nobody is told that it is late"
    )
    assert look(store, again.ask_no).outcome == "elsewhere"  # type: ignore[union-attr]
    assert [(one["role"], one["person"]) for one in signed.signed] == [
        ("controller", "ben"),
        ("revops", "rita"),
        ("it", "joe"),
    ]
    assert ask_signatures(store, last=LAST, policy=POLICY, asked_in="c") == []


def test_a_pack_holds_until_anything_of_it_is_changed(store: PostgresStore, tmp_path: Path):
    seen = green(store)
    for role, person in (("controller", "ben"), ("revops", "rita"), ("it", "joe")):
        if role not in {one["role"] for one in seen.signed}:
            sign(store, seen.window_no, role=role, person=person, reason="seen")  # type: ignore[arg-type]
    public_key = make_key(tmp_path / "key.pem")
    files = seal(parity_pack(store, seen.window_no), key=tmp_path / "key.pem")
    assert parity_pack(store, seen.window_no).items() <= files.items(), "equal facts give equal bytes"

    def problems(public: str = "", **changed: bytes | None) -> list[str]:
        folder = tmp_path / f"pack-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, content in (
            files | {name.replace("_", "."): text for name, text in changed.items()}
        ).items():
            if content is not None:
                (folder / name).write_bytes(content)
        return verify_pack(folder, public_key=public).problems

    assert problems(public_key) == []
    assert problems(days_csv=files["days.csv"].replace(b"2026-06-17", b"2026-06-16")) == [
        "days.csv was changed"
    ]
    assert problems(drills_csv=None) == ["drills.csv is missing"]
    assert problems(more_csv=b"") == ["more.csv is no part of it"]
    assert problems(manifest_json=files["manifest.json"].replace(b"joe", b"jim")) == [
        "manifest.json is not what was sealed"
    ]
    other = make_key(tmp_path / "other.pem")
    assert "not with the one asked for" in problems(other)[0]


def test_a_sealed_pack_whose_tables_say_otherwise_does_not_hold(store: PostgresStore, tmp_path: Path):
    """Whoever has the key can seal anything: the tables must still bear it out."""
    files = parity_pack(store, green(store).window_no)
    make_key(tmp_path / "key.pem")

    def problems(name: str, old: bytes, new: bytes) -> str:
        manifest = json.loads(files["manifest.json"])
        text = files[name].replace(old, new)
        assert text != files[name]
        manifest["files"][name] = hashlib.sha256(text).hexdigest()
        forged = files | {name: text, "manifest.json": json.dumps(manifest).encode()}
        folder = tmp_path / name
        folder.mkdir()
        for each, content in seal(forged, key=tmp_path / "key.pem").items():
            (folder / each).write_bytes(content)
        return "; ".join(verify_pack(folder).problems)

    assert "fewer than 5 days" in problems("days.csv", b",true,", b",false,")
    assert "money is 99" in problems("metrics.csv", b"money,100.0000", b"money,99")
    assert "second person" in problems("accepted.csv", b",ben,", b",ann,")
    assert "nobody signed as controller" in problems("signatures.csv", b"controller", b"somebody")
    assert "does not let it stay" in problems("differences.csv", b"INV-1,1,due_date", b"INV-1,1,text")


def test_a_day_compared_anew_since_is_signed_anew(store: PostgresStore, url: str):
    seen = green(store)
    with psycopg.connect(url) as connection:
        compared(connection, LAST - timedelta(days=3), edition=2)
    assert any("compared again since" in one for one in judge_obstacles(url, seen.window_no))
    anew = judged(store)
    assert (anew.window_no == seen.window_no, anew.signed, anew.obstacles) == (False, [], [])


def test_a_window_is_not_signed_by_an_entry_of_the_register_that_has_ended(store: PostgresStore, url: str):
    seen = green(store)
    assert seen.obstacles == []
    with store.transaction() as tx:
        [number] = [row["accepted_no"] for row in tx.rows("parity_register") if not row["ended_at"]]
    register.end(store, number, person="ann")
    assert f"entry {number} of the register has ended since" in judge_obstacles(url, seen.window_no)


def judge_obstacles(url: str, window_no: int) -> list[str]:
    with psycopg.connect(url) as connection:
        return [
            one
            for (one,) in connection.execute("SELECT * FROM parity.obstacles(%s)", (window_no,)).fetchall()
        ]
