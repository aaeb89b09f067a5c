"""Texts made to run, to hide or to break, in every field that a system or a person can set, as far as each goes.

One world has all of them in all its fields. It is read, tied out, published, mailed, shown, handed out and listed; then
people write the same texts wherever they may write. Each is there literally, or visibly cut, or quarantined with a
reason; none runs, and none is gone without a word.
"""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zipfile import ZipFile

import openpyxl
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from include.cli.main import app
from include.connectors.mail.client import compose
from include.connectors.world.translate import FILES
from include.domain.entities import ENTITIES, Kind
from include.flows.act_on_break import By
from include.flows.export_audit import verify_export
from include.flows.open_sealed import open_sealed
from include.flows.reasons import REASON_MAX
from include.flows.resolve_break import comment
from include.flows.seal_audit import seal_audit
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.ports import Rejected, Report
from include.report.spreadsheets import for_spreadsheets, unmarked
from include.report.words import line, visible
from include.signing import holds, signer_of
from include.store.postgres import As, PostgresStore
from include.vault.edge import Vault
from include.vault.keys import read_keyring
from tests.checks import assert_checks_hold
from tests.console.conftest import DAY, KEYS
from tests.console.people import Site, know_our_roles
from tests.console.test_access import TABLE
from tests.inert import CONSOLE, assert_inert
from tests.naughty import ALL, KEPT, RUN, SHOWN, TAG, UNSTORABLE, flat
from tests.report.conftest import FINANCE, Mailbag, tell
from tests.store.waiting import nobody_before

TEXTS = list(ALL.values())
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEYS_MAX = 255
ROWS: dict[str, Callable[[str, str], dict[str, str]]] = {
    "salesforce/Account.csv": lambda n, s: {
        "Id": f"A{n}", "Name": s, "Website": s, "BillingCountryCode": s, "TaxId__c": s,
        "ERP_Customer_Id__c": f"C{n}",
    },
    "salesforce/Contact.csv": lambda n, s: {
        "Id": f"P{n}", "AccountId": f"A{n}", "FirstName": s, "LastName": s, "Email": s, "Phone": s,
    },
    "salesforce/Opportunity.csv": lambda n, s: {
        "Id": f"O{n}", "AccountId": f"A{n}", "Name": s, "StageName": s, "IsClosed": "true", "IsWon": "true",
        "Amount": "10.00", "CurrencyIsoCode": "SGD", "CloseDate": "2026-06-01", "Type": s, "Approval_Level__c": s,
        "Product__c": s, "PO_Number__c": s, "Revenue_Flags__c": s, "Renewal_Key__c": s,
    },
    "erp/customers.csv": lambda n, s: {
        "id": f"C{n}", "name": s, "country": s, "currency": "SGD", "tax_id": s, "email": s, "crm_account_id": f"A{n}",
    },
    "erp/orders.csv": lambda n, s: {
        "id": f"S{n}", "number": s, "customer_id": f"C{n}", "order_date": "2026-06-01", "currency": "SGD",
        "amount": "10.00", "status": "done", "opportunity_id": f"O{n}",
    },
    "erp/invoices.csv": lambda n, s: {
        "id": f"I{n}", "number": s, "customer_id": f"C{n}", "issue_date": "2026-05-01", "due_date": "2026-05-31",
        "currency": "SGD", "gross": "10.00", "status": "posted", "order_id": f"S{n}",
    },
    "erp/credit_notes.csv": lambda n, s: {
        "id": f"K{n}", "number": s, "customer_id": f"C{n}", "issue_date": "2026-05-02", "currency": "SGD",
        "gross": "1.00",
    },
    "erp/amendments.csv": lambda n, s: {
        "id": f"M{n}", "subscription_id": f"U{n}", "sequence": "1", "type": s, "effective_date": "2026-05-01",
    },
    "payments/payments.csv": lambda n, s: {
        "id": s[:KEYS_MAX + 1] or "-", "customer_id": f"C{n}", "payer_text": s, "reference": s, "currency": "SGD",
        "amount": f"{1000 + int(n)}.00", "paid_on": "2026-06-01", "status": "succeeded",
    },
    "payments/attempts.csv": lambda n, s: {
        "id": f"E{n}", "payment_id": f"R{n}", "attempt_no": "1", "outcome": s, "decline_code": s,
        "occurred_at": "2026-06-01T00:00:00Z", "network_code": s, "advice_code": s, "scheme": s, "card": s,
    },
    "payments/payout_items.csv": lambda n, s: {
        "payout_id": f"T{n}", "payment_id": f"R{n}", "type": s, "currency": "SGD", "gross": "1.00", "net": "1.00",
    },
    "bank/lines.csv": lambda n, s: {
        "id": f"B{n}", "account": s, "value_date": "2026-06-02", "currency": "SGD", "amount": "5.00", "reference": s,
        "payer_text": s,
    },
}  # fmt: skip
"""File -> a row with a text in every field that holds text; a payment's id is the text itself."""

TOLD = {
    "accounts": ("name", "website", "country", "tax_id"),
    "opportunities": (
        "name",
        "stage",
        "type",
        "approval_level",
        "product",
        "po_number",
        "revenue_flags",
        "renewal_key",
    ),
    "customers": ("name", "country", "tax_id"),
    "orders": ("number",),
    "invoices": ("number",),
    "credit_notes": ("number",),
    "amendments": ("type",),
    "payments": ("reference",),
    "attempts": ("outcome", "decline_code", "network_code", "advice_code", "scheme"),
    "payout_items": ("type",),
    "bank_lines": ("reference",),
}


IDS = [text for text in RUN.values() if TAG in text]
"""Texts that are the ids of what pages list: customers, payments that are matched, payouts."""

LISTED_ROWS: dict[str, Callable[[int, str], dict[str, str]]] = {
    "erp/customers.csv": lambda n, s: {"id": s, "name": f"Listed {n}", "currency": "SGD"},
    "erp/invoices.csv": lambda n, s: {
        "id": f"W{n}", "number": f"WN-{n}", "customer_id": s, "issue_date": "2026-04-01", "due_date": "2026-05-01",
        "currency": "SGD", "gross": f"{9000 + n}.00", "status": "posted",
    },
    "erp/subscriptions.csv": lambda n, s: {
        "id": f"V{n}", "customer_id": s, "start_date": "2026-06-01", "currency": "SGD", "quantity": "1",
        "unit_price": f"{500 + n}.00", "interval": "month", "status": "active",
    },
    "payments/payments.csv": lambda n, s: {
        "id": f"~{s}", "customer_id": s, "reference": f"WN-{n}", "currency": "SGD", "amount": f"{100 + n}.00",
        "paid_on": "2026-06-01", "status": "succeeded",
    },
    "payments/payouts.csv": lambda _, s: {
        "id": s, "currency": "SGD", "gross": "10.00", "fee": "0.00", "net": "10.00", "arrival_date": "2026-06-02",
        "status": "paid",
    },
}  # fmt: skip
"""Behind the rows above: each such customer has paid a part of an invoice, owes the rest, and subscribes."""


def write_world(folder: Path) -> Path:
    for name in {**ROWS, **LISTED_ROWS}:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        row, listed = ROWS.get(name), LISTED_ROWS.get(name)
        rows = [row(str(number), text) for number, text in enumerate(TEXTS)] if row else []
        rows += [listed(number, text) for number, text in enumerate(IDS)] if listed else []
        columns = list({column: 0 for one in rows for column in one})
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            table = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    return folder


@dataclass(frozen=True)
class Tied:
    """The world tied out: its database, its result files, and what was said while it was read."""

    url: str
    out: Path
    said: list[str]
    reports: list[Report] = field(default_factory=list)

    def rows(self, query: str, **named: sql.Identifier) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql.SQL(query).format(**named)).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def naughty(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tied]:
    folder = tmp_path_factory.mktemp("naughty")
    world, out = write_world(folder / "world"), folder / "out"
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        tied = Tied(url, out, [])
        vault = Vault(lambda: read_keyring(KEYS))
        reconcile_world(world, as_of=DAY, out=out, database_url=url, vault=vault, warn=tied.said.append)
        bag = Mailbag()
        tell(PostgresStore(url), bag, FINANCE, as_of=DAY, link_to="https://airflow.example/tieout/breaks/")
        tied.reports.extend(bag.reports)
        say_more(url)
        yield tied
        assert_checks_hold(url)


def say_more(url: str) -> None:
    """Messages about such ids, with what a system said of them, and alerts: what no world's file brings."""
    with psycopg.connect(url) as connection:
        connection.execute("SET tieout.actor = 'naughty'")
        for number, text in enumerate(IDS):
            connection.execute(
                "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only, state, "
                "reason, detail, finished_at) VALUES (%s, 'task', 'salesforce', %s, '{}', 'x', false, 'parked', "
                "'TARGET_REJECTED', %s, ops.clock())",
                (f"task:{number}", f"invoices/{text}", text),
            )
            connection.execute(
                "INSERT INTO ops.alerts (kind, about, severity, since, count, amounts, ids, dag_id, dag_run, detail, "
                "raised_at, seen_at) SELECT 'token_lost', %s, 'S2', at, 1, '{}', '{}', '', '', "
                "jsonb_build_object('why', %s::text), at, at FROM ops.clock() AS at",
                (text, text),
            )


@pytest.fixture
def site(naughty: Tied, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: PostgresStore(naughty.url, who=As("tieout_console", "test")))


def test_each_text_is_kept_to_the_letter_or_quarantined_with_a_reason(naughty: Tied) -> None:
    quarantined = {(entity, place): reasons for entity, place, reasons in naughty.rows(
        "SELECT entity, place, failures FROM canonical.quarantine"
    )}  # fmt: skip
    for entity, names in TOLD.items():
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        kept = {
            int(place.rpartition(" ")[2]): told
            for place, *told in naughty.rows(
                "SELECT place, {columns} FROM {table}",
                table=sql.Identifier("canonical", entity),
                columns=columns,  # type: ignore[arg-type]
            )
        }
        refused = {int(place.rpartition(" ")[2]) for of, place in quarantined if of == entity}
        at = 2
        for name, text in ALL.items():
            if at in kept:
                assert kept[at] == [text] * len(names), (entity, name)
            else:
                assert at in refused, (entity, name)
            assert (at in refused) == (name in UNSTORABLE or _no_id(entity, text)), (
                entity,
                name,
                quarantined,
            )
            at += 1 + text.encode(errors="surrogatepass").count(b"\n") * _texts_in(entity)
    assert all(reasons["failures"] for reasons in quarantined.values())


def _texts_in(entity: str) -> int:
    """How many cells of a row hold the text, each of which may span lines."""
    return sum(TAG in cell for cell in ROWS[FILES[entity]]("1", TAG).values())


def _no_id(entity: str, text: str) -> bool:
    """Whether the text stands where an id must be and is none."""
    return entity == "payments" and len(text) > KEYS_MAX


def test_what_is_personal_is_sealed_and_opens_to_the_letter(naughty: Tied) -> None:
    tokens = [token for (token,) in naughty.rows("SELECT token FROM vault.sealed")]
    vault = Vault(lambda: read_keyring(KEYS))
    opened = open_sealed(PostgresStore(naughty.url), vault.unseal, tokens, actor="ann", purpose="a test")
    blank = {text for text in KEPT.values() if not text.strip()}
    assert set(opened.values()) >= set(KEPT.values()) - blank


def keys_of_breaks(naughty: Tied) -> set[str]:
    return {key for (key,) in naughty.rows("SELECT key FROM recon.break_lives")}


def test_results_hold_each_text_as_it_came_and_for_spreadsheets_none_that_runs(naughty: Tied) -> None:
    content = (naughty.out / "breaks.csv").read_bytes()
    told = {row["key"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))}
    ids = {text for text in KEPT.values() if len(text) <= KEYS_MAX}
    assert ids <= told
    for path in naughty.out.glob("*.csv"):
        for row in csv.reader(io.StringIO(for_spreadsheets(path.read_bytes()).decode(), newline="")):
            for cell in row:
                start = cell.lstrip(" \u3000")[:1]
                assert start not in set("=+@|%\t\r\n\uff1d\uff0b\uff20"), cell
                assert start != "-" or cell[1:2].isdigit(), cell


def test_the_mail_shows_texts_and_runs_none(naughty: Tied) -> None:
    (report,) = naughty.reports
    page = assert_inert(report.html, ours={"meta", "style"})
    shown = [text for text in keys_of_breaks(naughty) if flat(line(text)) in page.text]
    assert len(shown) >= 5, "those that need somebody first are in the mail"
    message = compose(report, sender="tie@example.com", to=["finance@example.com"])
    parsed = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert set(map(str.lower, parsed.keys())) == {
        "from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type",
    }  # fmt: skip
    assert [parsed[name] for name in ("To", "Bcc")] == ["finance@example.com", None]
    plain = parsed.get_body(("plain",))
    assert plain is not None
    assert "\x1b" not in plain.get_content()
    assert [one for one in ("\u202e", "\u2066", "\u200b") if one in plain.get_content()] == []
    assert "49" not in {word.strip() for word in plain.get_content().split() if "7*7" in word}


def test_the_workbook_has_texts_in_cells_of_text(naughty: Tied) -> None:
    (report,) = naughty.reports
    [name] = [name for name in report.attachments if name.endswith(".xlsx")] or [""]
    book = openpyxl.load_workbook(io.BytesIO(report.attachments[name]))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell.value
                assert cell.hyperlink is None
    keys = {str(row[3].value) for row in book["Breaks"].iter_rows(min_row=2)}
    ids = {visible(text) for text in KEPT.values() if len(text) <= KEYS_MAX} - {""}
    assert ids <= keys


PATHS = (
    "/", "/breaks", "/breaks?sort=key", "/breaks?by=owner", "/matches", "/matches?state=suggested", "/payouts",
    "/ageing", "/arr", "/delivery", "/reports", f"/reports/{DAY}", "/quality", "/parity", "/audit",
    "/audit?who=all", "/alerts",
)  # fmt: skip


LISTED = {
    "/": 5, "/breaks": 20, "/breaks?sort=key": 10, "/matches?state=suggested": 20, "/payouts": 20, "/ageing": 20,
    "/arr": 20, "/delivery": 20, "/audit?who=all": 20, "/alerts": 20,
}  # fmt: skip
"""Pages that list what has such an id -> how many of the texts stand there at least; the others say none of them."""


@pytest.mark.parametrize("path", PATHS)
def test_a_page_of_the_console_shows_texts_and_runs_none(site: Site, path: str) -> None:
    answer = site.get(path, me="ben")
    assert answer.status_code == 200
    page = assert_inert(answer.text, ours=CONSOLE)
    shown = sum(flat(text) in page.text for text in KEPT.values() if TAG in text)
    assert shown >= LISTED.get(path, 0)
    assert path in LISTED or not shown, "a page that shows texts is named above"
    assert {
        source for tag, attributes in page.tags if tag == "script" if (source := attributes.get("src"))
    } <= {source for source in page.values("src") if source.startswith("/tieout/static/")}
    assert not any(tag == "script" and not attributes.get("src") for tag, attributes in page.tags)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def breaks_with(naughty: Tied, some: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The break of each payment whose id is such a text."""
    found = dict(naughty.rows("SELECT key, min(break_id::text) FROM recon.break_lives GROUP BY key"))
    for text in some.values():
        if text in found:
            yield text, found[text]


def test_the_page_of_a_break_shows_its_text_to_the_letter(naughty: Tied, site: Site) -> None:
    seen, some = 0, RUN | dict(list(SHOWN.items())[:12])
    for text, break_id in breaks_with(naughty, some):
        answer = site.get(f"/breaks/{break_id}", me="ann")
        assert answer.status_code == 200, text
        assert flat(text) in assert_inert(answer.text, ours=CONSOLE).text, text
        seen += 1
    assert seen == len(some)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_a_browser_that_shows_the_pages_and_the_mail_runs_none_of_it(
    naughty: Tied, site: Site, tmp_path: Path
) -> None:
    """Also without the headers by which browsers refuse scripts; one page that does run shows that it would."""
    lists = [site.get(path, me="ben").text for path in ("/breaks", "/breaks?sort=key")]
    worst = {
        name: RUN[name] for name in ("a script that closes others", "an image", "a drawing", "an attribute")
    }
    breaks = [site.get(f"/breaks/{break_id}", me="ann").text for _, break_id in breaks_with(naughty, worst)]
    control = f"<html><head></head><body>{RUN['an image']}</body></html>"
    pages = [*lists, *breaks, naughty.reports[0].html, control]
    assert all("<head>" in page for page in pages)
    assert those_that_ran(str(CHROMIUM), pages, tmp_path) == {len(pages) - 1}


def those_that_ran(chromium: str, pages: Sequence[str], folder: Path) -> set[int]:
    """Which of the pages call what the texts call, each in a frame of one page that a browser opens."""
    frames = ""
    for number, page in enumerate(pages):
        hook = f"<head><script>window.{TAG} = () => parent.ran({number})</script>"
        frames += f'<iframe srcdoc="{escape(page.replace("<head>", hook, 1), quote=True)}"></iframe>'
    opened = folder / "pages.html"
    opened.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><script>found = new Set(); ran = n => found.add(n)</script>{frames}"
        "<script>addEventListener('load', () => setTimeout(() => {"
        "document.body.innerHTML = '<pre>' + [...found].join(' ') + '</pre>'}, 500))</script>",
        encoding="utf-8",
        errors="replace",
    )
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom",
        f"--user-data-dir={folder}/profile", opened.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout
    return {int(number) for number in dumped.partition("<pre>")[2].partition("</pre>")[0].split()}


ADDRESSES = (
    "/breaks?q={}", "/breaks?owner={}", "/breaks?assignee={}", "/breaks?code={}", "/breaks?currency={}",
    "/matches?q={}", "/payouts?q={}", "/audit?actor={}", "/audit?entity={}", "/records/payments/{}", "/records/{}/x",
    "/payouts/{}", "/matches/{}", "/playbooks/{}", "/static/{}", "/breaks/{}", "/reports/{}", "/delivery?subject={}",
    "/breaks?done={}",
)  # fmt: skip


def some_for(place: str, places: Sequence[str]) -> dict[str, str]:
    """Of all texts those whose turn it is at one of many places, and those that no database holds at each."""
    at = list(places).index(place)
    return {name: text for n, (name, text) in enumerate(ALL.items()) if n % len(places) == at} | UNSTORABLE


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_may_hold_anything(site: Site, address: str) -> None:
    for name, text in some_for(address, ADDRESSES).items():
        given = quote(text[:4_000].encode(errors="surrogatepass"), safe="")
        answer = site.get(address.format(given), me="adm")
        assert answer.status_code in {200, 303, 307, 404, 422}, (name, answer.status_code)
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert_inert(answer.text, ours=CONSOLE)


def test_what_people_write_is_kept_and_shown_to_the_letter_or_refused_with_a_word(
    naughty: Tied, site: Site
) -> None:
    _, break_id = next(breaks_with(naughty, {"one": RUN["a path"]}))
    for name, written in ALL.items():
        text = written if name != "half a character" else "a%ED%A0%BD"
        answer = site.post(
            f"/breaks/{break_id}/comment", {"seen": str(version(naughty, break_id)), "reason": text}, me="ann"
        )
        if name == "a NUL" or not text.strip() or len(text) > REASON_MAX:
            assert answer.status_code in {400, 422}, name
        else:
            assert answer.status_code == 303, (name, answer.text[-300:])
    history = [reason for (reason,) in naughty.rows(
        f"SELECT reason FROM recon.break_events WHERE break_id = '{break_id}' AND action = 'commented'"
    )]  # fmt: skip
    written = [*KEPT.values(), UNSTORABLE["too long"], "a%ED%A0%BD"]
    assert set(history) == {text.strip() for text in written if text.strip() and len(text) <= REASON_MAX}
    page = assert_inert(site.get(f"/breaks/{break_id}", me="ann").text, ours=CONSOLE)
    for text in history:
        assert flat(text) in page.text, text
    audit = assert_inert(site.get("/audit", me="aud").text, ours=CONSOLE)
    assert sum(flat(text) in audit.text for text in history) >= 20, "the newest of them"


def storable_by_a_browser(text: str) -> str:
    """A form cannot say half a character."""
    return text.encode(errors="replace").decode()


def version(naughty: Tied, break_id: str) -> int:
    [(found,)] = naughty.rows(f"SELECT version FROM recon.break_lives WHERE break_id = '{break_id}'")
    return int(found)


FORMS: dict[str, dict[str, Any]] = {
    "/breaks/{}/assign": {"reason": "why"}, "/breaks/{}/propose": {"kind": "accept"},
    "/breaks/{}/match": {"reason": "why"}, "/matches/{match}/unmatch": {},
    "/breaks/bulk": {"action": "comment"}, "/parity/accept": {}, "/parity/sign/controller": {},
    "/parity/accepted/1/approve": {}, "/parity/accepted/1/end": {}, "/delivery/replay": {"chosen": "99"},
    "/delivery/hold": {"chosen": "99"}, "/delivery/approve": {"replay": "99"},
    "/delivery/ask": {"chosen": "99"}, "/delivery/refuse": {"replay": "99"}, "/delivery/withdraw": {"replay": "99"},
}  # fmt: skip
FIELDS = ("to", "kind", "reason", "invoice", "other", "other_amount", "chosen", "action", "key", "cause", "owner",
          "until", "field", "class", "window", "subject", "back", "day", "seen", "expires_on", "edition",
          "content")  # fmt: skip


def test_every_form_of_the_console_is_tried() -> None:
    for method, path in TABLE:
        shape = re.compile(re.sub(r"{[^}]*}", ".+", path))
        assert method == "GET" or any(map(shape.fullmatch, FORMS)), path


@pytest.mark.parametrize("path", FORMS)
def test_a_form_may_say_anything(naughty: Tied, site: Site, path: str) -> None:
    _, break_id = next(breaks_with(naughty, {"one": RUN["a script"]}))
    [(match_id,), *_] = naughty.rows(
        "SELECT match_id FROM recon.matches WHERE recon = 'R3' AND state = 'posted'"
    )
    for name, text in some_for(path, tuple(FORMS)).items():
        given = storable_by_a_browser(text)
        fields = {**dict.fromkeys(FIELDS, given), "seen": str(version(naughty, break_id)), **FORMS[path]}
        where = path.format(break_id, match=match_id)
        answer = site.post(where, fields, me="root" if "delivery" in path else "ben")
        assert answer.status_code in {200, 303, 400, 404, 409, 413, 422}, (
            name,
            answer.status_code,
            answer.text[:200],
        )
        location = answer.headers.get("location", "")
        assert urlsplit(location).netloc == ""
        assert not location.startswith("//")
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert_inert(answer.text, ours=CONSOLE)


def test_an_export_of_the_audit_log_gives_back_each_text_and_holds(
    naughty: Tied, site: Site, tmp_path: Path
) -> None:
    store = PostgresStore(naughty.url)
    _, break_id = next(breaks_with(naughty, {"one": RUN["a formula"]}))
    texts = [text for text in KEPT.values() if text.strip() and len(text) <= REASON_MAX]
    for text in texts:
        comment(store, break_id, By(actor="cat", reason=text))  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        comment(store, break_id, By(actor="cat", reason="a\0b"))  # type: ignore[arg-type]
    nobody_before(naughty.url)
    seal_audit(store, sign=signer_of("1" * 64))
    packed = ZipFile(io.BytesIO(site.get("/audit/export.zip?actor=cat", me="aud").content))
    packed.extractall(tmp_path)
    table = csv.DictReader(io.StringIO((tmp_path / "events.csv").read_bytes().decode(), newline=""))
    whys = [row["why"] for row in table]
    assert {unmarked(why) for why in whys} >= set(texts)
    assert not [why for why in whys if why.lstrip(" ")[:1] in set("=+@|%\t\r\n")]
    assert verify_export(tmp_path, holds=holds).found == ()


def test_the_command_line_shows_texts_and_steers_no_terminal(
    naughty: Tied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_DATABASE_URL", naughty.url)
    steering = set(map(chr, [*range(9), 11, 12, *range(14, 32), *range(127, 160), 0x202E, 0x2066]))

    def tieout(*words: str) -> str:
        done = CliRunner().invoke(app, words)
        shown = done.output if done.exception is None else f"{done.output}{done.exception}"
        assert not steering & set(done.output), words
        return shown

    listed = tieout("breaks", "list", "--limit", "500")
    assert RUN["a script"] in listed
    assert r"\x1b]0;" in listed
    as_json = json.loads(tieout("breaks", "list", "--limit", "500", "--json"))
    assert {one["key"] for one in as_json} >= {text for text in KEPT.values() if len(text) <= KEYS_MAX}
    for _, break_id in breaks_with(naughty, {"a": RUN["a steered terminal"], "b": RUN["a header"]}):
        tieout("breaks", "show", break_id)
    tieout("audit", "show", "--limit", "200")
    tieout("audit", "show", "--limit", "200", "--json")
    for name in ("a steered terminal", "a query", "turned around"):
        tieout("breaks", "show", ALL[name])
        tieout("delivery", "list", "--subject", ALL[name])


def test_what_was_said_while_reading_names_places_and_no_text_that_steers(naughty: Tied) -> None:
    said = "\n".join(naughty.said)
    assert "longer than 10,000 characters" in said
    assert not {"\x1b", "\u202e"} & set(said)
    assert max(map(len, naughty.said)) < 2_000


def test_every_field_of_text_of_an_entity_is_tried() -> None:
    for entity, names in TOLD.items():
        tried = {field.name for field in ENTITIES[entity].fields if field.kind is Kind.TEXT and not field.pii}
        assert tried == set(names), entity
