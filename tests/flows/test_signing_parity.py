"""From fourteen compared days to a signed pack: what may be signed, by whom, and how a changed pack betrays itself."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from include.domain.parity import KINDS, Kind
from include.flows import accept_difference as register
from include.flows.act_on_break import Conflict
from include.flows.judge_parity import Judged, judge_parity
from include.flows.pack_parity import parity_pack
from include.flows.parity_latencies import latencies
from include.flows.sign_parity import answer, ask_signatures, look, sign
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal, Rejected
from include.signing import make_key
from include.store.postgres import PostgresStore
from include.verify_parity import seal, verify_pack
from tests.checks import assert_checks_hold
from tests.store.waiting import somebody_waits

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


@pytest.fixture
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with fourteen_days(server_urls) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with PostgresStore(url).keeping() as store:
        yield store


def compared(
    connection: psycopg.Connection[Any],
    day: date,
    *,
    edition: int = 1,
    run: UUID = RUN,
    differences: int = 1,
    kinds: Sequence[Kind] = KINDS,
    excused: Sequence[str] = (),
    also: tuple[str, datetime] | None = None,
    again: bool = True,
) -> None:
    """A compared day: ten answers of each of the kinds that both paths have, and as many of ours of every other."""
    both = 10 * len(kinds)
    connection.execute(
        "INSERT INTO parity.days (day, edition, run_id, source, ours_count, theirs_count, quarantined_count, "
        "read_count, pairs_count, doubled_count, differences_count, ours_sha256, theirs_sha256, "
        "certificate_sha256, rules_sha256, verdict_sha256, excused) "
        "VALUES (%s, %s, %s, 'legacy', 50, %s, 0, %s, %s, 0, %s, 'o', 't', 'c', 'r', %s, %s)",
        (day, edition, run, both, both, both, differences, f"{day}/{edition}", list(excused)),
    )
    connection.execute(
        "INSERT INTO parity.answers (path, day, edition, kind, key, seq) "
        "SELECT path, %s, %s, kind, 'INV-' || n, 1 FROM unnest(ARRAY['ours', 'theirs']) AS path, "
        "unnest(%s::text[]) AS kind, generate_series(1, 10) AS n "
        "WHERE NOT (path = 'theirs' AND kind = 'invoices' AND n = 10 AND %s)",
        (day, edition, list(kinds), also is not None),
    )
    if also:  # one of their invoices has this number, and was written then
        connection.execute(
            "INSERT INTO parity.answers SELECT 'theirs', %s, %s, 'invoices', %s, 1, NULL, NULL, NULL, %s, NULL, NULL, "
            "NULL, %s",
            (day, edition, also[0], day, also[1]),
        )
    connection.execute(
        "INSERT INTO parity.kinds SELECT %s, %s, kind, 10, 10, 10 FROM unnest(%s::text[]) AS kind",
        (day, edition, list(kinds)),
    )
    connection.execute(
        "INSERT INTO parity.differences (day, edition, kind, key, seq, field, ours, theirs, class, cause, evidence) "
        "VALUES (%s, %s, 'invoices', 'INV-1', 1, 'due_date', '2026-07-04', '2026-07-06', 'logic', "
        "'rolls_to_business_day', %s)",
        (day, edition, Jsonb({"due_on": "Saturday"})),
    )
    if again:
        connection.execute(
            "INSERT INTO parity.reruns (day, edition, same) VALUES (%s, %s, true)", (day, edition)
        )


def judged(store: PostgresStore) -> Judged:
    return judge_parity(store, last=LAST, policy=POLICY)


def green(store: PostgresStore) -> Judged:
    """The days with everything done that lets them be signed; repeating it changes nothing."""
    with store.transaction() as tx:
        entries = [
            row for row in tx.rows("parity_register") if row["field"] == "due_date" and not row["ended_at"]
        ]
        drilled = tx.rows("parity_drills", first_day=FIRST, last_day=LAST)
    if not entries:
        scope = register.Scope(
            kind="invoices", field="due_date", kind_of="logic", cause="rolls_to_business_day"
        )
        why = register.Why(owner="AR", reason="agreed", expires_on=today(store) + timedelta(days=30))
        number = register.propose(store, scope, why, maker="ann", policy=POLICY)
        register.approve(store, number, checker="ben")
    if not drilled:
        done = {"day": FIRST, "person": "ops", "found": "nothing was lost", "policy": POLICY}
        for drill in ("replay", "payout_failure"):
            register.note_drill(store, drill=drill, **done)  # type: ignore[arg-type]
    return judged(store)


def signed(store: PostgresStore) -> int:
    """The number of the window of green days, once three people signed it."""
    seen = green(store)
    for role, person in (("controller", "ben"), ("revops", "rita"), ("it", "joe")):
        sign(store, seen.window_no, role=role, person=person, reason="seen")  # type: ignore[arg-type]
    return seen.window_no


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
    assert f"{LAST}: money is 90" in seen.obstacles, "as people write it"
    with pytest.raises(Rejected, match="cannot be signed yet"):
        sign(store, seen.window_no, role="controller", person="ben", reason="please")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="signed yet"):
        connection.execute(
            "INSERT INTO parity.sign_offs (window_no, role, person, reason) VALUES (%s, 'it', 'joe', 'x')",
            (seen.window_no,),
        )


def test_fourteen_days_in_a_row_with_a_month_end_are_needed(store: PostgresStore):
    seen = judge_parity(store, last=LAST - timedelta(days=1), policy=POLICY)
    assert "13 days were compared, and 14 in a row are needed: not 2026-06-16" in seen.obstacles
    assert "no month ends in the last business days" in seen.obstacles
    with pytest.raises(Fatal, match="none of the 14 days"):
        judge_parity(store, last=FIRST - timedelta(days=1), policy=POLICY)


def test_a_month_that_ended_on_a_sunday_is_not_signed_while_that_day_is_red(store: PostgresStore, url: str):
    sunday, last = date(2026, 5, 31), date(2026, 6, 2)
    with psycopg.connect(url) as connection:
        for back in range(14):
            day = last - timedelta(days=back)
            compared(connection, day, differences=2 if day == sunday else 1)
        connection.execute(
            "INSERT INTO parity.differences (day, edition, kind, key, seq, field, ours, theirs, currency, ours_minor, "
            "theirs_minor, class, cause, evidence) VALUES (%s, 1, 'arr', 'S-1', 1, 'amount', '100', '90', 'SGD', 100, "
            "90, 'logic', '', '{}')",
            (sunday,),
        )
    seen = judge_parity(store, last=last, policy=POLICY)
    assert f"{sunday}: unexplained is 1" in seen.obstacles
    with psycopg.connect(url) as connection:  # as if it had not been judged
        connection.execute("ALTER TABLE parity.window_days DISABLE TRIGGER USER")
        connection.execute("UPDATE parity.window_days SET judged = false WHERE day = %s", (sunday,))
        said = connection.execute("SELECT obstacle FROM parity.obstacles(%s)", (seen.window_no,)).fetchall()
        connection.rollback()
    assert ("no month ends in the last business days",) in said


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
    # Of two who propose the same at once the later one is told.
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as quicker:
        quicker.execute(
            "INSERT INTO parity.accepted_differences (kind, field, class, cause, key, owner, reason, maker, made_on, "
            "expires_on) VALUES (%s, %s, %s, %s, %s, 'AR', 'agreed', 'cat', current_date, current_date)",
            (scope.kind, scope.field, scope.kind_of, scope.cause, scope.key),
        )
        later = pool.submit(register.propose, store, scope, soon, maker="ann", policy=POLICY)
        somebody_waits(url)
        assert not later.done()
        quicker.commit()
        with pytest.raises(Conflict, match="somebody has proposed the same"):
            later.result(timeout=60)
        [entry] = quicker.execute("SELECT max(accepted_no) FROM parity.accepted_differences").fetchone() or (
            0,
        )
    register.end(store, entry, person="cat")
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
    # Of two who approve at once the later one is told who was quicker.
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as quicker:
        quicker.execute(
            "UPDATE parity.accepted_differences SET checker = 'ben', approved_at = clock_timestamp() "
            "WHERE accepted_no = %s",
            (number,),
        )
        later = pool.submit(register.approve, store, number, checker="cat")
        somebody_waits(url)
        assert not later.done()
        quicker.commit()
        with pytest.raises(Conflict, match="ben has approved it already"):
            later.result(timeout=60)
    register.end(store, number, person="ann")
    with pytest.raises(Conflict, match=f"entry {number} has ended: ann ended it"):
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


def test_whoever_declines_is_asked_about_the_days_that_come_after(store: PostgresStore, url: str):
    seen = green(store)
    sign(store, seen.window_no, role="controller", person="ben", reason="all of it")
    with store.transaction() as tx:
        tx.run("note_person", person="rita", may=["can_sign_revops"])
    asks = ask_signatures(store, policy=POLICY, asked_in="a")
    [revops] = [ask for ask in asks if "revops" in ask.subject]
    assert answer(store, revops.ask_no, actor="rita", signs=False, reason="not yet").outcome == "declined"
    with psycopg.connect(url) as connection:
        compared(connection, LAST + timedelta(days=1))
    for drill in ("replay", "payout_failure"):
        register.note_drill(store, drill=drill, day=LAST, person="ops", found="as before", policy=POLICY)
    later = ask_signatures(store, policy=POLICY, asked_in="b")
    assert len(later) == 3
    assert f"{LAST + timedelta(days=1)}" in later[0].subject


def test_a_pack_holds_until_anything_of_it_is_changed(store: PostgresStore, tmp_path: Path):
    window_no = signed(store)
    public_key = make_key(tmp_path / "key.pem")
    files = seal(parity_pack(store, window_no), key=tmp_path / "key.pem")
    assert parity_pack(store, window_no).items() <= files.items(), "equal facts give equal bytes"
    by = json.loads(files["manifest.json"])["computed_by"]
    assert by == {"rules": sorted(["r", POLICY.sha256]), "codes": ["", "c"]}, "what ran, a release later too"
    assert b"rules <code>r</code>" in files["parity.html"]

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
    folder = tmp_path / "with-a-folder"
    (folder / "days.csv").mkdir(parents=True)
    for name in files.keys() - {"days.csv"}:
        (folder / name).write_bytes(files[name])
    assert verify_pack(folder).problems == ["days.csv is missing"]
    assert problems(manifest_json=files["manifest.json"].replace(b"joe", b"jim")) == [
        "manifest.json is not what was sealed"
    ]
    other = make_key(tmp_path / "other.pem")
    assert "not with the one asked for" in problems(other)[0]


def test_a_sealed_pack_whose_tables_say_otherwise_does_not_hold(store: PostgresStore, tmp_path: Path):
    """Whoever has the key can seal anything: the tables must still bear it out."""
    files = parity_pack(store, signed(store))
    make_key(tmp_path / "key.pem")

    def problems(name: str, old: bytes, new: bytes) -> str:
        manifest = json.loads(files["manifest.json"])
        text = files[name].replace(old, new)
        assert text != files[name]
        manifest["files"][name] = hashlib.sha256(text).hexdigest()
        forged = files | {"manifest.json": json.dumps(manifest).encode(), name: text}
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for each, content in seal(forged, key=tmp_path / "key.pem").items():
            (folder / each).write_bytes(content)
        verdict = verify_pack(folder)
        assert "does not hold" in str(verdict)
        return "; ".join(verdict.problems)

    assert "it says that jim signed as it" in problems("manifest.json", b'"it":"joe"', b'"it":"jim"')
    assert "its days are others" in problems(
        "manifest.json", b'"first_day":"2026-06-17', b'"first_day":"2026-01-17'
    )
    assert "it names no files" in problems("manifest.json", b'"files":{', b'"files":1,"other":{')
    assert "cannot be read" in problems("manifest.json", b'"obstacles":[]', b'"obstacles":1')
    assert "fewer than 5 days" in problems("days.csv", b",true,", b",false,")
    assert "money is 99" in problems("metrics.csv", b"money,100.0000", b"money,99")
    assert "second person" in problems("accepted.csv", b",ben,", b",ann,")
    assert "nobody signed as controller" in problems("signatures.csv", b"controller", b"somebody")
    assert "does not let it stay" in problems("differences.csv", b"INV-1,1,due_date", b"INV-1,1,text")
    dropped = b"\r\n".join(line for line in files["metrics.csv"].splitlines() if b"unexplained" not in line)
    assert "has no figure for unexplained" in problems("metrics.csv", files["metrics.csv"], dropped)
    assert "no replay was tried out" in problems("drills.csv", b"replay,", b"other,")
    last = next(line for line in files["differences.csv"].splitlines() if line.startswith(b"2026-06-30"))
    unaccepted = problems("differences.csv", last, last.rsplit(b",", 1)[0] + b",")
    assert "money is 100.0000, and its tables come to 90" in unaccepted
    unexplained = last.replace(b"rolls_to_business_day", b"").rsplit(b",", 1)[0] + b","
    assert "unexplained is 0.0000, and its tables come to 1" in problems("differences.csv", last, unexplained)
    lone = problems("kinds.csv", b"2026-06-30,1,orders,10,10,10", b"2026-06-30,1,orders,10,0,0")
    assert "2026-06-30: no orders were compared" in lone
    assert "cannot be read: Invalid isoformat string" in problems("days.csv", b"2026-06-17", b"17 June")
    signed_otherwise = "are not those that were signed"
    assert signed_otherwise in problems("accepted.csv", b"agreed", b"argued")
    assert signed_otherwise in problems("drills.csv", b"nothing was lost", b"one was lost")
    assert signed_otherwise in problems("days.csv", b"2026-06-17/1", b"2026-06-17/2")
    assert "has not the columns" in problems("kinds.csv", b"pairs_count", b"pears")


def test_what_a_window_was_judged_with_stays_whatever_is_accepted_later_or_ended_within_its_days(
    store: PostgresStore, url: str, tmp_path: Path
):
    """One entry ended before the days did; two currencies of an earlier edition are gone; one difference is left."""
    with psycopg.connect(url) as connection:
        totals(connection, FIRST, 1, ("JPY", 500, 0))
        compared(connection, FIRST, edition=2, differences=4)
        totals(connection, FIRST, 2, ("EUR", 10_000, 0), ("USD", 0, 10_000))
        for kind, key, field, ours, theirs in (
            ("arr", "S-1", "amount", "100", "90"),
            ("arr", "S-2", "amount", "100", "90"),
            ("orders", "O-1", "currency", "EUR", "USD"),
        ):
            connection.execute(
                "INSERT INTO parity.differences VALUES "
                "(%s, 2, %s, %s, 1, %s, %s, %s, 'EUR', 10000, 10000, 'logic', '', '{}')",
                (FIRST, kind, key, field, ours, theirs),
            )
        early = [
            accepted(connection, *scope)
            for scope in (("arr", "S-1", "amount"), ("orders", "O-1", "currency"))
        ]
    seen = green(store)
    figures = {row["metric"]: row["value"] for row in seen.metrics if row["day"] == FIRST}
    assert (figures["totals"], figures["unexplained"], figures["money"]) == (0, 1, 90)
    assert seen.obstacles == []
    for role, person in (("controller", "ben"), ("revops", "rita"), ("it", "joe")):
        sign(store, seen.window_no, role=role, person=person, reason="seen")  # type: ignore[arg-type]
    make_key(tmp_path / "key.pem")
    files = seal(parity_pack(store, seen.window_no), key=tmp_path / "key.pem")
    (tmp_path / "pack").mkdir()
    for name, content in files.items():
        (tmp_path / "pack" / name).write_bytes(content)
    assert verify_pack(tmp_path / "pack").problems == []
    assert {f",{number}\r" in files["differences.csv"].decode() for number in early} == {True}

    with psycopg.connect(url) as connection:
        accepted(connection, "arr", "S-2", "amount")
    assert parity_pack(store, seen.window_no).items() <= files.items()
    assert judge_obstacles(url, seen.window_no) == []


def totals(connection: psycopg.Connection[Any], day: date, edition: int, *sums: tuple[str, int, int]) -> None:
    for currency, ours, theirs in sums:
        connection.execute(
            "INSERT INTO parity.totals VALUES (%s, %s, 'orders', %s, 1, 1, %s, %s)",
            (day, edition, currency, ours, theirs),
        )


def accepted(connection: psycopg.Connection[Any], kind: str, key: str, field: str) -> int:
    """An entry that was approved in its time, and ended by itself within the days."""
    made = connection.execute(
        "INSERT INTO parity.accepted_differences (kind, field, class, cause, key, owner, reason, maker, made_on, "
        "expires_on, checker, approved_at) "
        "VALUES (%s, %s, 'logic', '', %s, 'AR', '=known()', 'ann', %s, %s, 'ben', now()) RETURNING accepted_no",
        (kind, field, key, FIRST, FIRST + timedelta(days=3)),
    ).fetchone()
    assert made
    return int(made[0])


def test_a_day_compared_anew_since_is_signed_anew(store: PostgresStore, url: str):
    seen = green(store)
    with psycopg.connect(url) as connection:
        compared(connection, LAST - timedelta(days=3), edition=2)
    assert any("compared again since" in one for one in judge_obstacles(url, seen.window_no))
    anew = judged(store)
    assert (anew.window_no == seen.window_no, anew.signed, anew.obstacles) == (False, [], [])


def test_a_key_that_they_named_the_day_before_and_no_more_is_in_the_way_until_it_is_accepted(
    store: PostgresStore, url: str
):
    green(store)
    with psycopg.connect(url) as connection:
        compared(connection, LAST, edition=2, differences=3, excused=["legacy_error"])
        connection.execute(
            "INSERT INTO parity.differences SELECT %s, 2, 'invoices', 'INV-' || n, 1, 'key', 'there', NULL, 'SGD', 1, "
            "NULL, 'legacy_error', 'missed', '{\"since\": \"x\"}' FROM unnest(ARRAY[5, 500]) AS n",
            (LAST,),
        )
    gone = (
        f"{LAST}: 1 of their invoices of the day before are no longer in their answers: is the export whole?"
    )
    assert gone in judged(store).obstacles
    scope = register.Scope(kind="invoices", field="key", kind_of="legacy_error", cause="missed", key="INV-5")
    why = register.Why(owner="AR", reason="deleted there", expires_on=today(store) + timedelta(days=30))
    register.approve(store, register.propose(store, scope, why, maker="ann", policy=POLICY), checker="ben")
    assert gone not in judged(store).obstacles


def test_amounts_beyond_any_that_fit_are_judged_and_not_the_end_of_it(store: PostgresStore, url: str):
    with psycopg.connect(url) as connection:
        compared(connection, LAST, edition=2, differences=3)
        connection.execute(
            "INSERT INTO parity.differences SELECT %s, 2, 'orders', 'O-' || n, 1, 'amount', '1', '2', 'SGD', %s, %s, "
            "'logic', '', '{}' FROM generate_series(1, 2) AS n",
            (LAST, 2**62, -(2**62)),
        )
    assert f"{LAST}: unexplained is 2" in judged(store).obstacles


def test_a_kind_of_which_nothing_was_compared_is_in_the_way(store: PostgresStore, url: str):
    green(store)
    day = LAST - timedelta(days=4)
    with psycopg.connect(url) as connection:
        compared(connection, day, edition=2, kinds=KINDS[1:])
        connection.execute(
            "INSERT INTO parity.answers SELECT 'ours', day, edition, 'orders', key, seq FROM parity.answers_ours "
            "WHERE day = %s AND edition = 2 AND kind = 'arr'",
            (day,),
        )
        connection.execute("INSERT INTO parity.kinds VALUES (%s, 2, 'orders', 10, 0, 0)", (day,))
    said = f"{day}: no orders were compared: ours has 10, theirs 0, and no key is in both"
    assert judged(store).obstacles == [said]
    with psycopg.connect(url) as connection:
        compared(connection, day, edition=3)
    assert judged(store).obstacles == []


def test_a_rerun_of_an_earlier_edition_says_nothing_of_the_newest(store: PostgresStore, url: str):
    def reruns() -> object:
        return {
            row["value"] for row in judged(store).metrics if row["day"] == FIRST and row["metric"] == "reruns"
        }

    with psycopg.connect(url) as connection:
        compared(connection, FIRST, edition=2, again=False)
        connection.execute("INSERT INTO parity.reruns (day, edition, same) VALUES (%s, 1, false)", (FIRST,))
    assert reruns() == {None}
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO parity.reruns (day, edition, same) VALUES (%s, 2, true)", (FIRST,))
    assert reruns() == {100}


def test_a_day_compared_but_once_is_in_the_way_until_it_comes_to_the_same_once_more(
    store: PostgresStore, url: str
):
    green(store)
    with psycopg.connect(url) as connection:
        compared(connection, LAST, edition=2, again=False)
    assert judged(store).obstacles == [f"{LAST}: reruns is not measured"]
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO parity.reruns (day, edition, same) VALUES (%s, 2, true)", (LAST,))
    assert judged(store).obstacles == []


def test_invoices_are_timed_from_the_deal_won_on_both_paths_and_a_task_said_twice_counts(
    url: str,
):
    """The old path takes 1,000 seconds on a day of shadow; ours, writing on the next, 600."""
    zone, day = ZoneInfo("Asia/Singapore"), LAST - timedelta(days=1)
    noon = datetime.combine(day, time(12), zone)
    later = noon + timedelta(days=1)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute(
            "INSERT INTO delivery.deal_states VALUES ('D1', %s, true), ('D2', %s, true)", (noon, later)
        )
        connection.execute("INSERT INTO ops.batches OVERRIDING SYSTEM VALUE VALUES (0)")
        connection.execute(
            "INSERT INTO canonical.orders (native_id, version, place, row_hash, recorded_in, id, number, customer_id, "
            "opportunity_id, order_date, currency, amount_minor) "
            "VALUES ('O1', '1', 'x', 'x', 0, 'O1', 'SO-1', 'C', 'D1', %s, 'SGD', 1)",
            (day,),
        )
        connection.execute(
            "INSERT INTO canonical.invoices (native_id, version, place, row_hash, recorded_in, id, number, number_key, "
            "customer_id, order_id, issue_date, due_date, currency, net_minor, tax_minor, gross_minor) "
            "VALUES ('I1', '1', 'x', 'x', 0, 'I1', 'BILL-1', 'BILL1', 'C', 'O1', %s, %s, 'SGD', 1, 0, 1)",
            (day, day),
        )
        compared(connection, day, edition=2, also=("BILL-1", noon + timedelta(seconds=1000)))
        for key, kind, body in (
            ("i", "invoice", {"opportunity_id": "D2"}),
            ("l", "invoice", {"opportunity_id": "D2", "line": 2}),
            ("t1", "task", {"title": "call"}),
            ("t2", "task", {"title": "call"}),
        ):
            connection.execute(
                "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, "
                "decided_at, finished_at) VALUES (%s, %s, 'erp', 'about', %s, %s, false, 'confirmed', %s, %s)",
                (key, kind, Jsonb(body), str(body), later, later + timedelta(seconds=600)),
            )
        with PostgresStore(url, lambda: nullcontext(connection)).transaction() as tx:
            took = latencies(tx, [day, LAST], zone=zone)
        connection.rollback()
    nothing = {"status_latency_s": None, "invoice_latency_percent": None, "doubled_tasks": 0}
    assert took == {day: nothing, LAST: nothing | {"invoice_latency_percent": 60, "doubled_tasks": 1}}


def test_a_window_is_not_signed_by_an_entry_of_the_register_that_has_ended(store: PostgresStore, url: str):
    seen = green(store)
    assert seen.obstacles == []
    with store.transaction() as tx:
        [number] = [
            row["accepted_no"]
            for row in tx.rows("parity_register")
            if row["kind"] == "invoices" and not row["ended_at"]
        ]
    register.end(store, number, person="ann")
    assert f"entry {number} of the register has ended since" in judge_obstacles(url, seen.window_no)


def test_an_entry_that_is_over_is_ended_and_renewed_without_undoing_what_was_signed_by_it(
    store: PostgresStore, url: str
):
    window_no = signed(store)
    scope = register.Scope(kind="invoices", field="due_date", kind_of="logic", cause="rolls_to_business_day")
    why = register.Why(owner="AR", reason="agreed once more", expires_on=today(store) + timedelta(days=60))
    with store.transaction() as tx:
        [old] = [row for row in tx.rows("parity_register") if row["cause"] == scope.cause]
    number = old["accepted_no"]
    with pytest.raises(
        Rejected, match=f"entry {number} is for these already, until {old['expires_on']}: end it"
    ):
        register.propose(store, scope, why, maker="ann", policy=POLICY)
    with psycopg.connect(url) as connection:  # the months pass
        connection.execute("ALTER TABLE parity.accepted_differences DISABLE TRIGGER USER")
        connection.execute(
            "UPDATE parity.accepted_differences SET made_on = %s, expires_on = %s WHERE accepted_no = %s",
            (LAST - timedelta(days=9), LAST, number),
        )
        connection.execute("ALTER TABLE parity.accepted_differences ENABLE TRIGGER USER")
    register.end(store, number, person="ann")
    register.propose(store, scope, why, maker="ann", policy=POLICY)
    assert judge_obstacles(url, window_no) == []


def judge_obstacles(url: str, window_no: int) -> list[str]:
    with psycopg.connect(url) as connection:
        return [
            one
            for (one,) in connection.execute("SELECT * FROM parity.obstacles(%s)", (window_no,)).fetchall()
        ]
