"""Personal data on its way through: nowhere in clear, the same results, and gone for good when it must be forgotten."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.connectors.world.client import WorldSource
from include.flows.erase_subject import Erased, approve_erasure, ask_erasure, erasures_done
from include.flows.land_records import land_records
from include.flows.open_sealed import open_sealed
from include.flows.pull_changes import pull_changes
from include.flows.retry_quarantined import retry_quarantined
from include.flows.sweep_rows import sweep_rows
from include.flows.wrap_anew import wrap_anew, wrapped_by
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Fatal, RawRecord, Rejected
from include.store.postgres import PostgresStore
from include.vault.edge import SealedSource, Vault, sealed
from include.vault.envelope import unwrap, wrap
from include.vault.keys import new_key, new_keys, read_keyring
from tests.canaries import Canaries
from tests.flows.conftest import Draw, Results, load_from, results

KEYS = new_keys()
CANARIES = (
    "Zuleika", "Quixano-Przybylski", "zuleika.q@canary-person.example", "+65 8123 4567",
    "zq.books@canary-books.example", "ZULEIKA QUIXANO PRZYBYLSKI", "Zuleika Quixano", "Quentin Oldacre",
    "fp Zq81", "DE44500105175407324931",
)  # fmt: skip
WORLD = {
    "accounts": "A1 Acme_Pte_Ltd - SG - C1 - SGD",
    "people": f"P1 A1 {CANARIES[0]} {CANARIES[1]} {CANARIES[2]} {CANARIES[3].replace(' ', '_')}\n"
    "P2 A1 Zuleika - - -",
    "customers": f"C1 Acme_Pte_Ltd {CANARIES[4]} SG - A1 - SGD -",
    "invoices": "I1 INV-1 C1 2026-02-01 2026-03-01 SGD 100.00 open\nI2 INV-2 C1 2026-02-01 2026-03-01 SGD 70.00 open\n"
    "I3 INV-3 C1 2026-02-01 2026-03-01 SGD 50.00 open\nI4 INV-4 C1 2026-02-01 2026-03-01 SGD 55.00 open",
    "paid": "R1 C1 INV-1 SGD 100.00 2026-03-02 succeeded ACME_PTE_LTD\n"
    "R2 C1 INV-2 SGD 60.00 2026-03-03 succeeded Zuleika_Quixano\n"
    "R3 C1 - SGD 50.00 2026-03-04 succeeded Acme_Private_Limited\n"
    "R4 - INV-4 SGD 55.00 2026-03-04 succeeded Quentin_Oldacre",
    "attempts": "E1 R9 I2 1 failed insufficient_funds 2026-03-01T00:00:00Z visa fp_Zq81",
    "bank_lines": "B1 DE44500105175407324931 2026-03-03 SGD 60.00 - ZULEIKA_QUIXANO_PRZYBYLSKI\n"
    "B2 DE44500105175407324931 2026-03-04 SGD 50.00 - ACME_PRIVATE_LIMITED",
}


def vault(keys: str = KEYS) -> Vault:
    return Vault(lambda: read_keyring(keys))


def behind(world: Path) -> SealedSource:
    return sealed(WorldSource(world), vault())


@pytest.fixture
def world(draw: Draw) -> Path:
    return draw(**WORLD)


@pytest.fixture
def clear(server_urls: DatabaseUrls, world: Path) -> Iterator[Results]:
    """What the same world gives with everything in clear."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url, PostgresStore(url).keeping() as store:
        load_from(WorldSource(world), store)
        found = Canaries(CANARIES).in_database(url)
        assert set().union(*found.values()) == set(CANARIES)  # who looks finds them where they are
        yield results(store, "2026-03-31")


def test_nothing_personal_is_kept_in_clear_and_no_result_changes(
    store: PostgresStore, world: Path, clear: Results
) -> None:
    load_from(behind(world), store)
    found = results(store, "2026-03-31")
    assert Canaries(CANARIES).in_database(store.url) == {}
    assert (found.matches, found.breaks, found.totals) == (clear.matches, clear.breaks, clear.totals)
    assert {code for code, _ in found.codes} & {"CA06", "CA16"}  # what depends on who paid is among them


def test_what_was_read_again_is_known_and_what_landed_is_what_a_sweep_finds(
    store: PostgresStore, world: Path
) -> None:
    load_from(behind(world), store)
    for entity in behind(world).entities:
        assert pull_changes(behind(world), store, entity=entity).new == 0

    class Listed(WorldSource):
        def listing(self, entity: str, *, until: object) -> list[RawRecord]:  # noqa: ARG002
            return list(self.fetch_page(entity, None).records)

        def rows(self, entity: str, native_ids: list[str]) -> list[RawRecord]:
            return [one for one in self.fetch_page(entity, None).records if one.native_id in native_ids]

    swept = sealed(Listed(world), vault())
    found = sweep_rows(swept, store, entity="contacts")  # type: ignore[arg-type]
    assert (found.listed, found.gone, found.repaired, found.refreshed) == (2, 0, 0, 0)


def test_a_row_that_cannot_be_read_says_why_and_nothing_of_whom(store: PostgresStore, draw: Draw) -> None:
    world = draw(
        people=f"P1 A1 {'Zuleika' * 2_000}\nP2 A1 Zuleika",
        bank_lines="B1 IBAN-Zuleika never SGD 1.00 - Zuleika",
    )
    path = world / "salesforce" / "Contact.csv"
    path.write_text(path.read_text() + "P3,A1,Zuleika\nP4,A1,Zu\0leika,,,\n")
    source = behind(world)
    complaints = []
    for entity in ("contacts", "bank_lines"):
        pull_changes(source, store, entity=entity)
        complaints += land_records(source, store, entity=entity).complaints
    assert len(complaints) == 4
    assert "longer than 10,000 characters" in complaints[0]
    assert "Zuleika" not in " ".join(complaints)
    assert Canaries(["Zuleika"]).in_database(store.url) == {}
    assert retry_quarantined(source, store, entity="contacts", reading="another") == 0


def tokens(store: PostgresStore, entity: str, native_id: str) -> list[str]:
    with store.transaction() as tx:
        return [row["token"] for row in tx.rows("tokens_of", entity=entity, native_id=native_id)]


def test_who_may_see_is_shown_and_put_on_record(store: PostgresStore, world: Path) -> None:
    load_from(behind(world), store)
    asked = tokens(store, "contacts", "P1")
    opened = open_sealed(store, vault().unseal, asked, actor="ann", purpose="a call")
    assert set(opened.values()) == set(CANARIES[:4])
    assert open_sealed(store, vault().unseal, [], actor="ben", purpose="nothing") == {}
    with psycopg.connect(store.url) as connection:
        noted = connection.execute("SELECT actor, purpose, opened FROM vault.openings").fetchall()
        assert noted == [("ann", "a call", 4)]
        with pytest.raises(psycopg.errors.RaiseException, match="is refused"):
            connection.execute("DELETE FROM vault.openings")


P1 = {"entity": "contacts", "native_id": "P1"}


def forget(store: PostgresStore) -> None:
    ask_erasure(store, vault().unseal, **P1, reason="asked for it", by="dpo")
    approve_erasure(store, vault().unseal, **P1, by="controller")


def told_by_the_index(store: PostgresStore, *names: str) -> set[str]:
    """In which tables who has the index's key finds what stands for a name, or says how it begins."""
    index = vault().index
    marks = [said(name) for name in names for said in (index.head, index.start)]
    marks += [index.alike("payer_text", name) for name in names]
    marks += [index.likeness("C1", name) for name in names]
    return set(Canaries([mark for mark in marks if mark]).in_database(store.url))


def test_a_person_who_must_be_forgotten_is_gone_and_the_books_stay(store: PostgresStore, world: Path) -> None:
    load_from(behind(world), store)
    before = results(store, "2026-03-31")
    names = ("Zuleika Quixano", "ZULEIKA QUIXANO PRZYBYLSKI")
    assert told_by_the_index(store, *names) == {
        *("raw.records", "canonical.payments", "canonical.bank_lines", "vault.sealed")
    }
    found = ask_erasure(store, vault().unseal, **P1, reason="asked for it", by="dpo", also=["payments/R2"])
    assert [one.record for one in found] == ["contacts/P1", "bank_lines/B1", "payments/R2"]
    with pytest.raises(Rejected, match="somebody else must approve"):
        approve_erasure(store, vault().unseal, **P1, by="dpo")
    assert approve_erasure(store, vault().unseal, **P1, by="controller") == Erased(6, 3)

    gone = [*tokens(store, "contacts", "P1"), *tokens(store, "payments", "R2")]
    assert open_sealed(store, vault().unseal, gone, actor="ann", purpose="curious") == {}
    assert list(
        open_sealed(store, vault().unseal, tokens(store, "contacts", "P2"), actor="ann", purpose="x").values()
    ) == ["Zuleika"]  # another person of the same first name
    kept_elsewhere = [json.loads(line) for line in erasures_done(store).splitlines()]
    assert [(one["records"], one["approved_by"]) for one in kept_elsewhere] == [
        (["bank_lines/B1", "contacts/P1", "payments/R2"], "controller")
    ]
    again = results(store, "2026-03-31")
    assert again.run.certificate_sha256 == before.run.certificate_sha256
    assert told_by_the_index(store, *names) == set()
    # The source sends it again: it stays as it is.
    fresh = draw_again(world)
    load_from(behind(fresh), store)
    assert open_sealed(store, vault().unseal, gone, actor="ann", purpose="curious") == {}


def test_what_is_said_later_of_somebody_forgotten_is_sealed_for_nobody(
    store: PostgresStore, world: Path
) -> None:
    load_from(behind(world), store)
    forget(store)
    path = world / "salesforce" / "Contact.csv"
    path.write_text(path.read_text() + "P1,A1,Zuleika,Married,,+65 8999 0000\n")
    load_from(behind(world), store)
    later = tokens(store, "contacts", "P1")
    assert len(later) == 4  # none but those that were there
    assert open_sealed(store, vault().unseal, later, actor="ann", purpose="curious") == {}
    other = tokens(store, "contacts", "P2")
    assert len(open_sealed(store, vault().unseal, other, actor="ann", purpose="a call")) == 1


def test_one_person_destroys_nothing_and_what_is_done_to_keys_is_told(
    store: PostgresStore, world: Path
) -> None:
    load_from(behind(world), store)
    ask_erasure(store, vault().unseal, **P1, reason="asked for it", by="dpo")
    with store.transaction() as tx:
        [erasure] = tx.rows("erasure_asked", entity="contacts", native_id="P1")
    with pytest.raises(Fatal, match="nobody approved erasure"), store.transaction() as tx:
        tx.rows("forget_records", erasure_id=erasure["erasure_id"])
    approve_erasure(store, vault().unseal, **P1, by="controller")
    ring = read_keyring(KEYS.replace("k1=", f"k2={new_key()} k1="))
    wrap_anew(store, lambda value: wrap(ring, unwrap(ring, value), value.token), kid=ring.kid)
    with psycopg.connect(store.url) as connection:
        told = connection.execute(
            "SELECT act, entity, after_sha256 = '' FROM audit.events WHERE act LIKE 'keys %' ORDER BY id"
        ).fetchall()
    assert told == [
        ("keys destroyed", f"erasures/{erasure['erasure_id']}", True),  # a hash could be guessed
        ("keys wrapped anew", "keys/k2", False),
    ]


def draw_again(world: Path) -> Path:
    path = world / "salesforce" / "Contact.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows), ""]))
    return world


APPROVES_ITSELF = (
    "INSERT INTO vault.erasures (entity, native_id, reason, asked_by, approved_by, approved_at, destroyed) "
    "VALUES ('contacts', 'P1', 'why', 'ann', 'ann', now(), 1)"
)


DESTROYS = "UPDATE vault.sealed SET wrapped_key = NULL, destroyed_in = {}"
ERASURES = (
    "INSERT INTO vault.erasures (erasure_id, entity, native_id, reason, asked_by, approved_by, approved_at, destroyed) "
    "OVERRIDING SYSTEM VALUE VALUES (8, 'contacts', 'P7', 'why', 'ann', NULL, NULL, NULL), "
    "(9, 'contacts', 'P8', 'why', 'ann', 'ben', now(), 0)"
)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM vault.sealed",
        "UPDATE vault.sealed SET envelope = ''",
        "UPDATE vault.sealed SET subject = 'contacts/other'",
        "DELETE FROM vault.erasures",
        "INSERT INTO vault.erasure_records VALUES (9, 'contacts', 'P1', 'decided', false)",
        APPROVES_ITSELF,
        "UPDATE vault.sealed SET wrapped_key = NULL",
        "UPDATE vault.sealed SET wrapped_key = '\\x03'",
        "UPDATE vault.sealed SET wrapped_key = '\\x', kid = 'k2'",
        DESTROYS.format(9),  # decided, and of somebody else
        DESTROYS.format(8),  # asked for, and of somebody else
        APPROVES_ITSELF.replace("'ann', now", "'ANN ', now"),
        APPROVES_ITSELF.replace("'ann', now", "'run', now"),
    ],
)
def test_the_database_itself_keeps_what_is_sealed(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(ERASURES.encode())
        connection.execute(
            "INSERT INTO vault.sealed (token, field, subject, kid, wrapped_key, envelope) "
            "VALUES ('pii1:a', 'email', 'contacts/P1', 'k1', '\\x01', '\\x02')"
        )
        with pytest.raises((psycopg.errors.RaiseException, psycopg.errors.CheckViolation)):
            connection.execute(statement.encode())


def test_the_commands_ask_twice_before_they_destroy_and_rotate_what_is_left(
    store: PostgresStore, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_from(behind(world), store)
    index, old = KEYS.split()
    monkeypatch.setenv("TIEOUT_DATABASE_URL", store.url)
    monkeypatch.setenv("TIEOUT_VAULT_KEYS", f"{index} k2={new_key()} {old}")

    def tieout(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        return done.output if not done.exception else str(done.exception)

    person = ("shred", "contacts/P1", "--as")
    assert "say why" in tieout(*person, "dpo")
    assert "bank_lines/B1  the same name" in tieout(*person, "dpo", "--dry-run")
    but = ("--except", "bank_lines/B1")
    assert "cannot be spared" in tieout(*person, "dpo", "--reason", "x", "--except", "contacts/P1")
    assert "not among what was found" in tieout(*person, "dpo", "--reason", "x", "--except", "contacts/P2")
    assert tieout(*person, "dpo", "--reason", "asked for it", *but).endswith("approves with --approve\n")
    assert "asked for already" in tieout(*person, "ben", "--reason", "asked for it")
    assert "somebody else must approve" in tieout(*person, "DPO ", "--approve")
    assert "needs a --reason" in tieout(*person, "ben", "--end")
    assert tieout(*person, "DPO ", "--end", "--reason", "too early").startswith(
        "withdrawn: nothing is destroyed"
    )
    assert "nobody asked" in tieout(*person, "ben", "--end", "--reason", "twice")
    assert tieout(*person, "dpo", "--reason", "asked for it", *but).endswith("approves with --approve\n")
    assert "is for asking" in tieout(*person, "ben", "--approve", *but).replace("are for", "is for")
    seen = tieout(*person, "ben", "--approve", "--dry-run")
    assert [line.split()[-1] for line in seen.splitlines()[1:]] == ["destroyed", "spared", "spared"]
    assert "4 values of 1 records are destroyed" in tieout(*person, "ben", "--approve")
    assert "nobody asked" in tieout(*person, "ben", "--approve")
    assert "is no record" in tieout("shred", "nothing", "--as", "dpo", "--reason", "x")
    left = wrapped_by(store)["k1"]
    assert tieout("keys", "rotate") == f"{left} values are now wrapped by k2\n"
    assert json.loads(tieout("keys", "list", "--json")) == {"k2": left}
    assert tieout("keys", "new", "k3").startswith("k3=")
    assert read_keyring(tieout("keys", "new")).kid == "k1"


def test_keys_are_rotated_in_portions_and_the_old_one_is_needed_no_more(
    store: PostgresStore, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.flows.wrap_anew.AT_ONCE", 3)
    load_from(behind(world), store)
    held = wrapped_by(store)["k1"]
    index, old = KEYS.split()
    fresh = f"k2={new_key()}"
    ring = read_keyring(f"{index} {fresh} {old}")
    assert wrap_anew(store, lambda value: wrap(ring, unwrap(ring, value), value.token), kid=ring.kid) == held
    assert wrapped_by(store) == {"k2": held}
    asked = tokens(store, "contacts", "P1")
    alone = vault(f"{index} {fresh}")
    assert len(open_sealed(store, alone.unseal, asked, actor="ann", purpose="x")) == 4
    with pytest.raises(Fatal, match="lack k2"):
        open_sealed(store, vault().unseal, asked, actor="ann", purpose="x")
