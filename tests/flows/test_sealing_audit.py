"""The audit log sealed, held to its seals whatever was done to it, and handed out with its proof."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from include.cli.audit import audit_app
from include.domain.audit_chain import Kind, Seal, events, leaf, leaves_of, line
from include.flows import export_audit as flow
from include.flows.export_audit import Wanted, export_audit, verify_export
from include.flows.seal_audit import anchor, read_blocks, seal_audit, sealed_until
from include.flows.verify_audit import AuditVerdict, verify_audit
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import NothingUsable, Rejected, Row
from include.signing import holds, signer_of
from include.store.postgres import PostgresStore
from tests.store.waiting import nobody_before

SEED, OTHER = "1" * 64, "2" * 64
SIGN = signer_of(SEED)
OURS = [SIGN(b"")[0]]
STRANGE = [
    "=1+1",
    "'quoted",
    "two\nlines",
    'a "b", c',
    "\t@cmd",
    "-12.50",
    "\N{SNOWMAN} \u202etxt",
    " ' ",
    "",
]
ROW = "INSERT INTO audit.events (actor, act, entity, why, op_key) VALUES (%s, 'break commented', %s, %s, %s)"


def write(url: str, *rows: tuple[str, str, str]) -> None:
    """Acts of one transaction: whose, about what, why."""
    with psycopg.connect(url) as connection:
        for number, (actor, entity, why) in enumerate(rows):
            connection.execute(ROW, (actor, entity, why, str(number)))


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    """Twenty-odd rows under seals of five."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        write(url, *(("ann", "breaks/1", why) for why in STRANGE))
        for number in range(4):
            write(url, ("ben", "breaks/2", f"again {number}"), ("program:lane", "invoices/1", "sent"))
        nobody_before(url)
        seal_audit(PostgresStore(url), sign=SIGN, rows_max=5)
        yield url


@contextmanager
def attacker(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may do everything, and what they did is taken back."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("SET session_replication_role = replica; SET timezone = UTC")
        yield connection
        connection.rollback()


def verified(connection: psycopg.Connection[Any], **given: Any) -> AuditVerdict:
    store = PostgresStore("", lambda: nullcontext(connection))
    return verify_audit(store, holds=holds, public_keys=OURS, **given)


def rows_of(connection: psycopg.Connection[Any], seal: int) -> list[int]:
    found = connection.execute("SELECT ids FROM audit.seals WHERE seal = %s", (seal,)).fetchone()
    return list(found["ids"])


def test_a_log_that_nobody_touched_holds(url: str) -> None:
    verdict = verify_audit(PostgresStore(url), holds=holds, public_keys=OURS)
    assert (verdict.found, verdict.rows, verdict.seals, verdict.unsealed) == ([], 18, 4, 0)


def test_a_block_is_what_the_domain_writes_of_its_rows(url: str) -> None:
    whole = {"seal": 1, "after_xid": "0", "after_id": 0, "through_xid": str(2**62), "through_id": 0}
    with PostgresStore(url).transaction() as tx:
        block = read_blocks(tx, [whole])[0]["lines"].encode()
    assert b"\n".join(map(line, events(block))) == block
    assert [one["why"] for one in events(block)][1 : len(STRANGE) + 1] == STRANGE


TAMPERED = {
    "a row is edited": ("UPDATE audit.events SET why = 'nothing' WHERE id = {row}", Kind.EDITED),
    "its moment is": ("UPDATE audit.events SET at = at + interval '1 us' WHERE id = {row}", Kind.EDITED),
    "whose it was is": ("UPDATE audit.events SET actor = 'bob', login = 'x' WHERE id = {row}", Kind.EDITED),
    "a row is deleted": ("DELETE FROM audit.events WHERE id = {row}", Kind.DELETED),
}


@pytest.mark.parametrize(("statement", "kind"), TAMPERED.values(), ids=TAMPERED)
@pytest.mark.parametrize("place", [0, 2, -1])
def test_what_is_done_to_a_row_is_found_and_the_row_is_named(
    url: str, statement: str, kind: Kind, place: int
) -> None:
    with attacker(url) as connection:
        row = rows_of(connection, 2)[place]
        connection.execute(statement.format(row=row).encode())
        assert [(one.kind, one.seal, one.event) for one in verified(connection).found] == [(kind, 2, row)]


def test_a_row_inserted_among_sealed_ones_is_named(url: str) -> None:
    with attacker(url) as connection:
        connection.execute(
            "INSERT INTO audit.events (id, xid, actor, act, entity, why) OVERRIDING SYSTEM VALUE "
            "SELECT 999, xid, 'ann', 'never done', 'breaks/1', 'forged' FROM audit.events WHERE id = 3"
        )
        assert [(one.kind, one.event) for one in verified(connection).found] == [(Kind.INSERTED, 999)]


def test_rows_that_changed_places_are_named(url: str) -> None:
    with attacker(url) as connection:
        connection.execute("ALTER TABLE audit.events ALTER id SET GENERATED BY DEFAULT")
        one, other = rows_of(connection, 2)[1:3]
        for was, now in ((one, -1), (other, one), (-1, other)):
            connection.execute("UPDATE audit.events SET id = %s WHERE id = %s", (now, was))
        found = verified(connection).found
        assert {(one.kind, one.event) for one in found} == {(Kind.REORDERED, one), (Kind.REORDERED, other)}


def test_an_end_that_is_cut_off_is_named(url: str) -> None:
    with attacker(url) as connection:
        connection.execute("DELETE FROM audit.events WHERE id = ANY (%s)", (rows_of(connection, 4),))
        assert [(one.kind, one.seal) for one in verified(connection).found] == [(Kind.TRUNCATED, 4)]


def test_an_end_that_is_cut_off_with_its_seals_is_found_by_what_was_kept_elsewhere(url: str) -> None:
    kept = json.loads(anchor(PostgresStore(url)) or "")
    with attacker(url) as connection:
        connection.execute("DELETE FROM audit.events WHERE id = ANY (%s)", (rows_of(connection, 4),))
        connection.execute("DELETE FROM audit.seals WHERE seal = 4")
        assert verified(connection).found == []
        assert [(one.kind, one.seal) for one in verified(connection, anchors=[kept]).found] == [
            (Kind.TRUNCATED, 4)
        ]


def test_an_emptied_log_is_found(url: str) -> None:
    kept = json.loads(anchor(PostgresStore(url)) or "")
    with attacker(url) as connection:
        connection.execute("TRUNCATE audit.events")
        assert {one.kind for one in verified(connection).found} == {Kind.TRUNCATED}
        connection.execute("TRUNCATE audit.seals")
        assert [one.kind for one in verified(connection, anchors=[kept]).found] == [Kind.TRUNCATED]


def sealed_anew(connection: psycopg.Connection[Any], seed: str) -> None:
    """The second seal made to fit its rows as they are now, with a key of somebody's."""
    row = connection.execute(
        'SELECT seals.*, to_char(sealed_at, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') AS sealed_at FROM audit.seals '
        "WHERE seal = 2"
    ).fetchone()
    store = PostgresStore("", lambda: nullcontext(connection))
    with store.transaction() as tx:
        block = read_blocks(tx, [row])[0]["lines"].encode()
    _, leaves = leaves_of(block)
    hashed = {"rows_sha256": leaf(block).hex(), "leaves_sha256": leaf(b"".join(leaves)).hex()}
    seal = Seal.of(row | hashed)
    public_key, signature = signer_of(seed)(seal.statement())
    connection.execute(
        "UPDATE audit.seals SET rows_sha256 = %s, leaves_sha256 = %s, leaves = %s, seal_sha256 = %s, public_key = %s, "
        "signature = %s WHERE seal = 2",
        (*hashed.values(), b"".join(leaves), seal.sha256(), public_key, signature),
    )


@pytest.mark.parametrize(("seed", "seals"), [(OTHER, {2, 3}), (SEED, {3})], ids=["another key", "our key"])
def test_a_seal_made_anew_is_found_by_its_key_and_by_the_next_one(
    url: str, seed: str, seals: set[int]
) -> None:
    with attacker(url) as connection:
        row = rows_of(connection, 2)[0]
        connection.execute("UPDATE audit.events SET why = 'rewritten' WHERE id = %s", (row,))
        sealed_anew(connection, seed)
        found = verified(connection).found
        assert {(one.kind, one.seal) for one in found} == {(Kind.FORGED, seal) for seal in seals}


FORGED = {
    "a signature is another": (
        "UPDATE audit.seals SET signature = repeat('0', 128) WHERE seal = 2",
        Kind.FORGED,
        {2},
    ),
    "it is none": ("UPDATE audit.seals SET signature = 'none' WHERE seal = 2", Kind.FORGED, {2}),
    "a seal says other rows": ("UPDATE audit.seals SET rows_sha256 = 'x' WHERE seal = 2", Kind.FORGED, {2}),
    "its list is another": ("UPDATE audit.seals SET leaves = leaves || 'x' WHERE seal = 2", Kind.FORGED, {2}),
    "a seal is gone": ("DELETE FROM audit.seals WHERE seal = 2", Kind.SEAL_MISSING, {3}),
    "the first is gone": ("DELETE FROM audit.seals WHERE seal = 1", Kind.SEAL_MISSING, {2}),
}


@pytest.mark.parametrize(("statement", "kind", "seals"), FORGED.values(), ids=FORGED)
def test_a_forged_seal_is_named(url: str, statement: str, kind: Kind, seals: set[int]) -> None:
    with attacker(url) as connection:
        connection.execute("ALTER TABLE audit.seals DROP CONSTRAINT seals_check1")
        connection.execute(statement.encode())
        assert {(one.kind, one.seal) for one in verified(connection).found} == {
            (kind, seal) for seal in seals
        }


def test_a_log_sealed_all_anew_is_found_by_what_was_kept_elsewhere(url: str) -> None:
    kept = json.loads(anchor(PostgresStore(url)) or "")
    with attacker(url) as connection:
        connection.execute("UPDATE audit.seals SET seal_sha256 = 'x' WHERE seal = 4")
        found = verified(connection, anchors=[kept]).found
        assert any("anchored elsewhere" in one.says for one in found)


def test_nothing_is_sealed_before_what_may_still_come_before_it(url: str) -> None:
    store = PostgresStore(url)
    with psycopg.connect(url) as slow:
        slow.execute(ROW, ("ann", "breaks/3", "slow", "1"))
        write(url, ("ben", "breaks/3", "quick"))
        assert seal_audit(store, sign=SIGN) == 0
        assert sealed_until(store)["unsealed"] == 1
        slow.rollback()  # the other tests know how many rows there are
    with attacker(url) as connection:
        assert verified(connection).unsealed == 1
    nobody_before(url)
    assert seal_audit(store, sign=SIGN) == 1
    assert seal_audit(store, sign=SIGN) == 0
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit.events WHERE id = (SELECT max(id) FROM audit.events)")
        connection.execute("DELETE FROM audit.seals WHERE seal = 5")


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("DROP TRIGGER events_are_append_only ON audit.events", "audit.events (events_are_append_only)"),
        ("ALTER TABLE audit.seals DISABLE TRIGGER ALL", "audit.seals (seals_are_append_only)"),
        ("DROP TRIGGER is_audited_on_update ON delivery.outbox", "delivery.outbox (is_audited_on_update)"),
    ],
)
def test_a_log_whose_triggers_are_gone_or_off_does_not_hold(
    server_urls: DatabaseUrls, statement: str, guard: str
) -> None:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        write(url, ("ann", "breaks/1", "why"))
        nobody_before(url)
        seal_audit(PostgresStore(url), sign=SIGN)
        assert run(url, "verify")[0] == 0
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())
        code, said = run(url, "verify")
        assert (code, f"unguarded: {guard} is gone or off" in said) == (1, True)


# --- handed out


@pytest.fixture
def handed_out(url: str, tmp_path: Path) -> Path:
    done = export_audit(PostgresStore(url), Wanted(actor="ann"), out=tmp_path / "ann")
    assert (done.rows, done.unsealed) == (len(STRANGE), 0)
    return tmp_path / "ann"


def test_what_is_handed_out_is_proven_without_the_database_and_runs_nowhere(handed_out: Path) -> None:
    verdict = verify_export(handed_out, holds=holds, public_keys=OURS)
    assert (verdict.found, verdict.rows) == ((), len(STRANGE))
    cells = (handed_out / "events.csv").read_text()
    assert "'=1+1" in cells
    assert ",=1+1" not in cells


def test_an_export_with_a_limit_counts_no_further_and_says_at_least(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def until(store: PostgresStore, *, count_max: int | None = None) -> Row:
        asked.append(count_max)
        return sealed_until(store, count_max=count_max)

    monkeypatch.setattr(flow, "sealed_until", until)
    wanted = Wanted(entity="breaks/unsealed")
    with psycopg.connect(url) as connection:
        for row in range(4):
            connection.execute(ROW, ("ann", "breaks/unsealed", "row", str(row)))
    try:
        for most in (2, 5):
            export_audit(PostgresStore(url), wanted, out=tmp_path / str(most), rows_max=most)
        capped, whole = (
            json.loads((tmp_path / most / "manifest.json").read_text(encoding="utf-8")) for most in ("2", "5")
        )
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("DELETE FROM audit.events WHERE entity = 'breaks/unsealed'")
    assert (capped["unsealed_left_out"], capped["unsealed_left_out_at_least"]) == (None, 3)
    assert whole["unsealed_left_out"] == 4
    assert "unsealed_left_out_at_least" not in whole
    assert asked == [0, 0], "all that waits is counted for nobody"
    assert verify_export(tmp_path / "2", holds=holds).found == ()


def test_a_filter_by_time_leaves_out_the_rest(url: str, tmp_path: Path) -> None:
    done = export_audit(PostgresStore(url), Wanted(act="break", entity="breaks/2"), out=tmp_path / "b")
    assert done.rows == 4
    with pytest.raises(Rejected, match="more than 3 rows fit"):
        export_audit(PostgresStore(url), Wanted(entity="breaks/2"), out=tmp_path / "c", rows_max=3)
    with pytest.raises(NothingUsable, match="holds an export already"):
        export_audit(PostgresStore(url), Wanted(), out=tmp_path / "b")


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("events.csv", "two\nlines", "two lines", "is not what seal"),
        ("events.csv", ",ann,", ",bob,", "is not what seal"),
        ("seals.jsonl", '"rows":5', '"rows":6', "is not what was signed"),
        ("seals.jsonl", '"signature":"', '"signature":"00', "is not what was signed"),
    ],
)
def test_a_change_of_what_was_handed_out_is_found(
    handed_out: Path, file: str, old: str, new: str, says: str
) -> None:
    content = (handed_out / file).read_bytes()
    assert old.encode() in content
    (handed_out / file).write_bytes(content.replace(old.encode(), new.encode(), 1))
    found = verify_export(handed_out, holds=holds, public_keys=OURS).found
    assert any(says in one for one in found)
    assert any("not the file that was handed out" in one for one in found)


def hashed_anew(folder: Path, **said: Any) -> None:
    """The manifest made to fit the files as they are now: it is not signed."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= said | {
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("events.csv", "seals.jsonl")
        }
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_row_that_stands_twice_for_one_that_was_left_out_is_found(handed_out: Path) -> None:
    rows = (handed_out / "events.csv").read_bytes().split(b"\r\n")
    (handed_out / "events.csv").write_bytes(b"\r\n".join([*rows[:-2], rows[-3], b""]))
    hashed_anew(handed_out)
    found = verify_export(handed_out, holds=holds, public_keys=OURS).found
    assert [one for one in found if "stands there twice" in one] == list(found)
    assert len(found) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"actor": "ben"},
        {"actor": "ann", "entity": "breaks/9"},
        {"act": "run"},
        {"since": "2999-01-01T00:00:00+00:00"},
        {"until": "2000-01-01T00:00:00+00:00"},
        {"since": "never"},
    ],
)
def test_rows_that_do_not_fit_what_the_export_says_was_asked_for_are_found(
    handed_out: Path, asked: dict[str, str]
) -> None:
    assert verify_export(handed_out, holds=holds, public_keys=OURS).found == ()
    hashed_anew(handed_out, wanted=asked)
    found = verify_export(handed_out, holds=holds, public_keys=OURS).found
    assert len([one for one in found if "does not fit what was asked for" in one]) == len(STRANGE)


def test_an_export_signed_by_somebody_else_is_refused(handed_out: Path) -> None:
    found = verify_export(handed_out, holds=holds, public_keys=[signer_of(OTHER)(b"")[0]]).found
    assert any("none of those given" in one for one in found)


# --- from the command line


def run(url: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        audit_app, list(words), env={"TIEOUT_DATABASE_URL": url, "TIEOUT_AUDIT_SEED": SEED}
    )
    return done.exit_code, done.output


def test_the_command_line_tells_by_its_exit_code_whether_the_log_holds(url: str, tmp_path: Path) -> None:
    kept = tmp_path / "seal.json"
    assert run(url, "anchor", "--out", str(kept))[0] == 0
    code, said = run(url, "verify", "--anchor", str(kept))
    assert (code, "the audit log holds: 18 rows under 4 seals" in said) == (0, True)
    code, said = run(url, "verify", "--public-key", signer_of(OTHER)(b"")[0], "--json")
    assert (code, json.loads(said)["found"][0]["kind"]) == (1, "forged")
    kept.write_text(kept.read_text().replace('"rows":3', '"rows":4'))
    assert run(url, "verify", "--anchor", str(kept))[0] == 2


def test_whoever_names_no_key_is_told_that_nobody_vouched_for_it(url: str, handed_out: Path) -> None:
    """Anybody can seal rows of their own: by whose key they are sealed is what the reader knows."""
    said = "which nobody vouched for: give --public-key"
    for words, told in (((), True), (("--public-key", OURS[0]), False)):
        code, output = run(url, "verify-export", str(handed_out), *words)
        assert (code, said in output) == (0, told)
        _, output = run(url, "verify-export", str(handed_out), *words, "--json")
        assert json.loads(output)["keys_vouched_for"] is not told
