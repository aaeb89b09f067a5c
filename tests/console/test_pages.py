"""What the pages show of a day that was tied out: whole, escaped, and with a policy that runs nothing else."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from fastapi import HTTPException

from include.console import break_page, kept, reports
from include.console.delivery import LATENCY_OF
from include.console.render import framed, sentence
from include.console.words import RULES_OF
from include.flows.explain_break import Explained
from include.flows.raise_alerts import raise_alerts
from include.flows.render_results import RESULTS
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Retryable, SealedValue
from include.store.postgres import PostgresStore
from include.vault.envelope import unseal
from include.vault.keys import read_keyring
from tests.canaries import Canaries
from tests.console.conftest import KEYS
from tests.console.people import Site, know_our_roles

DAY = date(2026, 6, 30)
REPORT = {
    "as_of": DAY,
    "run_id": "7",
    "subject": "2026-06-30 ties: <1> payment",
    "html": '<p style="margin:0">report "of" the day</p><script>alert(1)</script>',
    "published_at": datetime(2026, 7, 1, 2, 3, tzinfo=UTC),
    "sent_at": None,
    "mails": 3,
    "refused": 2,
    "uncertain": 1,
    "certificate_sha256": "c0ffee" * 10,
}
WEEK = {"edition": "weekly", "html": "<p>the week</p>"}
CHECKED = {
    "as_of": DAY,
    "run_id": "7",
    "checked_at": datetime(2026, 7, 1, 1, 2, tzinfo=UTC),
    "checking_s": Decimal("6.94"),
    "rendering_s": Decimal("1.06"),
    "not_held": ["credit_notes"],
    "pass": 1,
    "warn": 1,
    "fail": 0,
    "unjudged": 1,
}
VERDICTS = [
    {
        "expectation": "<b>one</b>",
        "verdict": "warn",
        "sentence": "3 <i>rows</i>",
        "observed": "3 of 9",
        "owner": "AR",
    },
    {
        "expectation": "two",
        "verdict": "pass",
        "sentence": "All is well.",
        "observed": "0 of 9",
        "owner": "AR",
    },
    {
        "expectation": "three",
        "verdict": "unjudged",
        "sentence": "Could not be judged: three.",
        "observed": "too little to judge by",
        "owner": "AR",
    },
]
PAGES = (
    "/",
    "/alerts",
    "/playbooks",
    "/breaks",
    "/breaks?show=closed&sort=value",
    "/breaks?sort=oldest&older=30&assignee=-",
    "/breaks?sort=key&q=PY_&severity=S3&owner=AR&recon=R3&state=OPEN&currency=SGD&code=CA16",
    *(f"/breaks?by={by}" for by in ("code", "owner", "assignee", "severity", "currency", "recon", "state")),
    "/parity",
    "/matches",
    "/matches?recon=R3&state=suggested",
    "/matches?rule=R3~P1",
    "/payouts",
    "/payouts?currency=sgd",
    "/ageing",
    "/ageing?currency=USD",
    "/arr",
    "/arr?month=2026-05-01",
    "/delivery",
    "/delivery?state=queued&target=erp",
    "/delivery/1",
    "/audit",
    "/audit?actor=policy",
    "/reports",
    "/quality",
)


class PlayedStore:
    """Answers named queries from a table."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self._answers = answers

    @contextmanager
    def transaction(self) -> Iterator["PlayedStore"]:
        yield self

    def rows(self, name: str, **_params: Any) -> list[dict[str, Any]]:
        return self._answers.get(name, [])

    def run(self, _name: str, **_params: Any) -> int:
        return 0

    def copy_out(self, name: str, **_params: Any) -> Iterator[bytes]:
        yield b"break_id,key,currency,amount\nb,=1+1,USD,-12.50\n" if name == "file_breaks" else b"currency\n"


@pytest.fixture(autouse=True)
def roles(monkeypatch: pytest.MonkeyPatch) -> None:
    know_our_roles(monkeypatch)


@pytest.fixture
def site(tied: PostgresStore) -> Site:
    return Site(lambda: tied)


@pytest.fixture
def played() -> Site:
    kept = {"list_reports": [REPORT], "report_of_day": [REPORT], "editions_of_day": [WEEK]}
    return Site(lambda: PlayedStore(kept))


@pytest.fixture
def checked() -> Site:
    """A day whose data was checked, and of which one page is kept."""

    class Paged(PlayedStore):
        def rows(self, name: str, **params: Any) -> list[dict[str, Any]]:
            if name == "quality_page" and params["path"] != "invoices.html":
                return []
            return super().rows(name, **params)

    answers = {
        "checked_days": [CHECKED],
        "quality_of_day": VERDICTS,
        "quality_paths": [{"path": "invoices.html"}],
        "quality_page": [{"body": b"<p>kept</p>"}],
    }
    return Site(lambda: Paged(answers))


def links(html: str, below: str) -> list[str]:
    found = re.findall(rf'href="/tieout({below}/[^"?]+)"', html)
    return list(dict.fromkeys(unescape(one) for one in found))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_nothing_in_it_needs_what_the_policy_forbids(site: Site, path: str) -> None:
    page = site.get(path, me="ben")
    assert page.status_code == 200
    assert page.text.rstrip().endswith("</html>")
    assert page.text.count("<h1") == 1
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page.text)
    assert re.findall(r"<script[^>]*>", page.text) == re.findall(r'<script src="[^"]+">', page.text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_what_the_navigation_shows_is_what_one_may_open(site: Site) -> None:
    assert 'href="/tieout/audit"' in site.get("/", me="aud").text
    assert 'href="/tieout/audit"' not in site.get("/", me="vic").text


def test_every_kind_of_break_has_a_page(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        found = connection.execute(
            "SELECT min(break_id::text) FROM recon.break_lives GROUP BY code"
        ).fetchall()
    for (break_id,) in found:
        page = site.get(f"/breaks/{break_id}", me="ann")
        assert page.status_code == 200
        assert "Side by side" in page.text
        assert re.search(r'href="/tieout/playbooks/\w+">playbook', page.text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("its items (2) are known", "Its items (2) are known"),
        ("the source's own sum", "The source's own sum"),
        ("py_909f could be for I7 too", "py_909f could be for I7 too"),
        ("payments/payments.csv, line 2: no amount", "payments/payments.csv, line 2: no amount"),
        ("12.00 SGD is left", "12.00 SGD is left"),
        ("invoice, by id or number", "Invoice, by id or number"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_large_letter_and_an_id_does_not(text: str, shown: str) -> None:
    assert sentence(text) == shown


def test_a_sentence_s_figures_stand_as_the_page_writes_all_others(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        found = connection.execute(
            "SELECT break_id, evidence, substring(evidence FROM '[1-9][0-9]{3,}\\.[0-9]{2} [A-Z]{3}') AS money "
            "FROM recon.breaks WHERE evidence ~ '[1-9][0-9]{3,}\\.[0-9]{2} [A-Z]{3}' LIMIT 5"
        ).fetchall()
    assert found
    for break_id, evidence, money in found:
        amount, currency = money.split()
        page = unescape(site.get(f"/breaks/{break_id}", me="ann").text)
        assert f"{currency} {Decimal(amount):,}" in page, evidence
        assert money not in page, evidence


@pytest.mark.parametrize(
    ("received", "recon", "said", "link"),
    [
        (("payments", "line 2"), "all", "There is no record of this row to show", True),
        (None, "all", "It is about reading as a whole", False),
        (None, "R3", "No record has this id now", False),
    ],
)
def test_a_break_without_a_record_says_why_and_leads_to_its_payload_where_one_was_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch, received: Any, recon: str, said: str, *, link: bool
) -> None:
    [first, *_] = links(site.get("/breaks?code=CA16", me="ann").text, "/breaks")
    told = break_page.show_break

    def shown(*given: Any) -> Any:
        found, history = told(*given)
        return found | {"recon": recon}, history

    monkeypatch.setattr(break_page, "show_break", shown)
    monkeypatch.setattr(break_page, "explain_break", lambda *_: Explained(received=received))
    page = site.get(first, me="ann").text
    assert said in page
    assert ('href="/tieout/records/payments/line%202">as received' in page) is link
    assert "/tieout/records/" not in site.get(first, me="vic").text


def test_a_held_payment_is_shown_beside_what_it_could_be_for_with_the_fact_that_would_decide(
    site: Site,
) -> None:
    [first, *_] = links(site.get("/breaks?code=CA16", me="ann").text, "/breaks")
    page = site.get(first, me="ann").text
    assert "The one fact that would decide</dt><dd>a reference naming the invoice" in page
    assert "Why it was not posted" in page
    assert "ERP invoice" in page
    [payload, *_] = links(page, "/records")
    received = site.get(payload, me="ann").text
    assert "payments.csv, line" in received
    assert "<code>payments/payments.csv, up to 50,000 rows after line 1</code>" in received


def test_who_may_not_trace_sees_neither_payloads_nor_personal_data(site: Site, tied_url: str) -> None:
    [first, *_] = links(site.get("/breaks?code=CA16", me="vic").text, "/breaks")
    assert links(site.get(first, me="vic").text, "/records") == []
    with psycopg.connect(tied_url) as connection:
        found = connection.execute(
            "SELECT '/breaks/' || break_id, payer_text FROM recon.break_lives "
            "JOIN canonical.payments ON native_id = key WHERE superseded_in IS NULL AND payer_key <> '' LIMIT 1"
        ).fetchall()
        found += connection.execute(
            "SELECT '/matches/' || match_id, payer_text FROM recon.matches "
            "JOIN canonical.payments ON native_id = side_a_id WHERE superseded_in IS NULL AND payer_key <> '' LIMIT 1"
        ).fetchall()
        [(before,)] = connection.execute("SELECT coalesce(max(opening_id), 0) FROM vault.openings").fetchall()
    assert len(found) == 2
    for path, stands in found:
        [payer] = held(tied_url, f"token = '{stands}'")
        assert payer in unescape(site.get(path, me="ann").text)
        assert payer not in unescape(site.get(path, me="vic").text)
    with psycopg.connect(tied_url) as connection:
        seen = connection.execute(
            "SELECT DISTINCT actor, purpose FROM vault.openings WHERE opening_id > %s", (before,)
        ).fetchall()
    assert {actor for actor, _ in seen} == {"ann"}  # who may not see it opened nothing
    assert {path[1:].replace("es/", " ").replace("s/", " ") for path, _ in found} <= {
        purpose for _, purpose in seen
    }


def test_no_page_shows_an_address_or_a_number_of_anybody(site: Site, tied_url: str) -> None:
    canaries = Canaries(held(tied_url, "field IN ('email', 'phone')"))
    named = [
        "breaks",
        "matches",
        "payouts",
        "ageing",
        "arr",
        "quality",
        "delivery",
        "alerts",
        "reports",
        "audit",
    ]
    pages = {path: site.get(f"/{path}", me="aud") for path in ("", *named)}
    assert {path for path, page in pages.items() if page.status_code == 200} >= {
        "",
        "breaks",
        "matches",
        "audit",
    }
    assert {path: found for path, page in pages.items() if (found := canaries.in_bytes(page.content))} == {}


def held(url: str, where: str) -> list[str]:
    """Sealed values in clear."""
    columns = "SELECT token, field, subject, kid, wrapped_key, envelope"
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"{columns} FROM vault.sealed WHERE {where}".encode()).fetchall()
    return [unseal(read_keyring(KEYS), SealedValue(*row)) for row in rows]


def test_a_payload_whose_key_is_away_shows_stand_ins_and_why(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TIEOUT_VAULT")
    with psycopg.connect(tied_url) as connection:
        [(native_id,)] = connection.execute("SELECT native_id FROM canonical.contacts LIMIT 1").fetchall()
    page = site.get(f"/records/contacts/{native_id}", me="ann")
    assert page.status_code == 200
    assert "Personal data stays sealed here" in page.text
    assert "pii1:" in page.text


def test_kind_and_currency_are_found_however_they_are_typed(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        [(code, currency)] = connection.execute(
            "SELECT code, currency FROM recon.break_lives WHERE is_open AND currency IS NOT NULL LIMIT 1"
        ).fetchall()
    exactly = links(site.get(f"/breaks?code={code}&currency={currency}", me="vic").text, "/breaks")
    assert exactly
    typed = f"/breaks?code=%20{code.lower()}&currency={currency.lower()}%20"
    assert links(site.get(typed, me="vic").text, "/breaks") == exactly


def test_the_pages_of_a_list_hold_every_break_once_in_the_order_asked_for(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.console.breaks.SHOWN", 4)
    for order in ("worst", "value", "oldest", "key"):
        found: list[str] = []
        said: set[str] = set()
        path = f"/breaks?sort={order}"
        while path:
            page = site.get(path, me="vic").text
            found += links(page, "/breaks")
            said |= set(re.findall(r"of ([\d,]+) shown", page))
            following = re.search(r'rel="next" href="([^"]+)"', page)
            path = f"/breaks{unescape(following[1])}" if following else ""
        with psycopg.connect(tied_url) as connection:
            row = connection.execute("SELECT count(*) FROM recon.break_lives WHERE is_open").fetchone()
        assert row
        assert len(found) == len(set(found)) == row[0]
        assert said == {f"{row[0]:,}"}, "every page says of how many it shows some"


def test_a_line_that_moves_while_somebody_reads_hides_none_of_those_behind_it(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.console.breaks.SHOWN", 4)
    everything = links(site.get("/breaks?sort=key", me="vic").text, "/breaks")
    page = site.get("/breaks?sort=oldest", me="vic").text
    found, moved = links(page, "/breaks"), links(page, "/breaks")[-1].rpartition("/")[2]
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    with psycopg.connect(tied_url, autocommit=True) as connection:
        [(was,)] = connection.execute(
            "SELECT since_on FROM recon.break_lives WHERE break_id = %s", (moved,)
        ).fetchall()
        move = "UPDATE recon.break_lives SET since_on = %s WHERE break_id = %s"
        connection.execute(move, ("2199-01-01", moved))
        try:
            while following:
                page = site.get(f"/breaks{unescape(following[1])}", me="vic").text
                found += links(page, "/breaks")
                following = re.search(r'rel="next" href="([^"]+)"', page)
        finally:
            connection.execute(move, (was, moved))
        [(count,)] = connection.execute("SELECT count(*) FROM recon.break_lives WHERE is_open").fetchall()
    assert len(everything) == 4
    assert len(set(found)) == count


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("/breaks", "breaks"),
        ("/matches?recon=R3", "matches"),
        ("/matches?q={id}", "matches"),
        ("/payouts", "payouts"),
        ("/delivery", "delivery"),
        ("/audit?who=all", "audit"),
    ],
)
def test_a_long_list_says_of_how_many_it_shows_some_and_of_very_many_that_there_are_more(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch, path: str, module: str
) -> None:
    with psycopg.connect(tied_url) as connection:
        [(id_, _)] = connection.execute(
            "SELECT side_b_id, count(*) FROM recon.matches GROUP BY side_b_id ORDER BY count(*) DESC LIMIT 1"
        ).fetchall()
    monkeypatch.setattr(f"include.console.{module}.SHOWN", 1)
    assert re.search(r"\b1 of [\d,]+ shown", site.get(path.format(id=id_), me="aud").text)
    monkeypatch.setattr("include.console.render.COUNTED_MAX", 1)
    assert "1 of more than 1 shown" in site.get(path.format(id=id_), me="aud").text


@pytest.mark.parametrize(
    ("state", "show"), [("RESOLVED", "closed"), ("accepted", "closed"), ("OPEN", "open")]
)
def test_a_state_says_whether_open_breaks_or_closed_ones_are_shown(site: Site, state: str, show: str) -> None:
    shown = site.get(f"/breaks?state={state}&show={'open' if show == 'closed' else 'closed'}", me="vic").text
    assert f'<option value="{show}" selected>' in shown


LONG = {
    "/arr": "SELECT 'month=' || month FROM recon.arr_bridge WHERE closing_minor <> opening_minor "
    "GROUP BY month HAVING count(*) > 1 ORDER BY month DESC LIMIT 1",
    "/ageing": "SELECT 'currency=' || currency FROM recon.open_invoices "
    "GROUP BY currency HAVING count(DISTINCT customer_id) > 1 ORDER BY currency LIMIT 1",
}
"""Page -> what of it has more than one line."""


@pytest.mark.parametrize("page", LONG)
def test_a_list_that_is_read_on_is_that_of_the_day_it_began_with(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr("include.console.ageing.CUSTOMERS_SHOWN", 1)
    monkeypatch.setattr("include.console.arr.MOVERS_SHOWN", 1)
    with psycopg.connect(tied_url) as connection:
        [(shown,)] = connection.execute(LONG[page].encode()).fetchall()
        [(run,)] = connection.execute(
            "SELECT run_id::text FROM recon.runs WHERE state = 'published' "
            "ORDER BY as_of DESC, computed_at DESC LIMIT 1"
        ).fetchall()
    text = site.get(f"{page}?{shown}", me="vic").text
    [following] = re.findall(r'rel="next" href="([^"]+)"', text)
    assert f"run={run}" in following
    assert "1 to 1 of" in text
    assert "2 to 2 of" in site.get(f"{page}{unescape(following)}", me="vic").text


def test_the_pages_of_matches_hold_every_leg_once(site: Site, tied_url: str) -> None:
    legs, path = 0, "/matches"
    while path:
        page = site.get(path, me="vic").text
        legs += page.count('<th scope="row"><a class="id"')
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = f"/matches{unescape(following[1])}" if following else ""
    with psycopg.connect(tied_url) as connection:
        row = connection.execute("SELECT count(*) FROM recon.matches").fetchone()
    assert row == (legs,)


def test_a_match_says_why(site: Site) -> None:
    [first, *_] = links(site.get("/matches?rule=R3~P1", me="vic").text, "/matches")
    assert "the payer named the invoices and paid their exact sum" in site.get(first, me="vic").text


def test_every_rule_that_matched_something_is_said_in_words(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        used = connection.execute(
            "SELECT recon, rule, min(match_id) FROM recon.matches GROUP BY 1, 2"
        ).fetchall()
    assert {recon for recon, _, _ in used} == {"R1", "R2", "R3", "R4", "R5"}
    assert [(recon, rule) for recon, rule, _ in used if rule not in RULES_OF[recon]] == []
    for recon, rule, match_id in used:
        page = unescape(site.get(f"/matches/{match_id}", me="vic").text)
        assert ": ".join(RULES_OF[recon][rule]) + "." in page


def test_a_payout_says_what_it_is_made_of(site: Site) -> None:
    [first, *_] = links(site.get("/payouts", me="vic").text, "/payouts")
    assert "What it is made of" in site.get(first, me="vic").text


def test_today_ties_and_says_what_needs_whom(site: Site) -> None:
    page = site.get("/", me="vic").text
    assert '<span class="verdict good">ties</span>' in page
    assert "/tieout/breaks?owner=AR" in page


def test_today_says_in_words_whether_each_source_keeps_its_promise(
    store: PostgresStore, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        for system, until, proven in (
            ("erp", "now", True),
            ("bank", "2026-01-01", True),
            ("fx", "infinity", False),
        ):
            connection.execute(
                "INSERT INTO ops.cursors (system, entity, position) VALUES (%s, 'things', '{}')",
                (system,),
            )
            connection.execute(
                "INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, "
                "source_amounts, held_amounts, proven, complete_until) "
                "VALUES (%s, 'things', '{}', 1, 1, '{}', '{}', '{}', %s, %s)",
                (system, proven, until),
            )
        connection.execute(
            "INSERT INTO recon.runs VALUES (gen_random_uuid(), '2026-06-30', 0, 0, '', '', 'refused')"
        )
    page = Site(lambda: store).get("/", me="vic").text
    named = ("erp", "bank", "fx", "salesforce", "payments")
    rows = {name: re.search(rf'<th scope="row">{name}</th>.*', page) for name in named}
    said = {name: re.sub("<[^>]+>", "", row[0]) if row else "" for name, row in rows.items()}
    assert re.search(r"the end of [0-9-]{10}: met$", said["erp"])
    assert re.search(r"not met things \d+ d behind$", said["bank"])
    assert said["fx"].endswith("not met no proof of things yet")
    for promised in ("salesforce", "payments"):
        assert said[promised].endswith("the end of each day: not met never read")
    assert "an expectation of its data failed" in page
    assert 'href="/tieout/quality/2026-06-30"' in page


def test_of_what_has_no_place_to_be_read_from_nothing_is_promised(
    store: PostgresStore, database_url: str
) -> None:
    now = datetime.now(UTC)
    raise_alerts(store, load_policy(), connected=["fx"], now=now)

    def said(name: str) -> str:
        row = re.search(rf'<th scope="row">{name}</th>.*', Site(lambda: store).get("/", me="vic").text)
        return re.sub("<[^>]+>", "", row[0]) if row else ""

    assert said("bank") == "banknever readnothing: no place to read it from is named"
    assert said("fx").endswith("the end of each day: not met never read")
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO ops.cursors (system, entity, position) VALUES ('fx', 'rates', '{}')")
    raise_alerts(store, load_policy(), now=now + timedelta(minutes=5))
    assert said("fx").endswith("nothing: no place to read it from is named")


def test_before_the_first_day_every_page_says_so(server_urls: Any) -> None:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        empty = Site(lambda: PostgresStore(url))
        for path in (
            "/",
            "/alerts",
            "/breaks",
            "/matches",
            "/payouts",
            "/ageing",
            "/arr",
            "/delivery",
            "/audit",
            "/reports",
        ):
            assert empty.get(path, me="ben").status_code == 200
        assert "No day was published yet" in empty.get("/", me="ben").text


def test_what_is_asked_for_and_not_there_is_404(site: Site) -> None:
    for path in (
        "/matches/R3-none",
        "/payouts/none",
        "/delivery/999",
        "/playbooks/..%2FREADME",
        "/static/app.py",
    ):
        assert site.get(path, me="ben").status_code == 404
    assert site.get("/records/secrets/1", me="ben").status_code == 404


def test_text_from_the_address_is_escaped(site: Site) -> None:
    page = site.get('/breaks?q="><script>alert(1)</script>', me="ann").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("path", ["/reports", f"/reports/{DAY}"])
def test_a_report_stands_in_a_frame_of_its_own(played: Site, path: str) -> None:
    page = played.get(path, me="vic").text
    assert (
        '<iframe title="2026-06-30 ties: &lt;1&gt; payment" src="/tieout/reports/2026-06-30/report.html">'
        in page
    )
    assert 'href="/tieout/reports/2026-06-30/breaks.csv"' in page


def test_the_mail_in_the_frame_runs_nothing_and_is_nobody(played: Site) -> None:
    policy = played.get(f"/reports/{DAY}/report.html", me="vic").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; ")


def test_a_link_in_the_frame_opens_outside_of_it_and_the_mail_is_otherwise_as_it_is_kept(
    played: Site,
) -> None:
    page = played.get(f"/reports/{DAY}/report.html", me="vic").text
    assert page == f'<base target="_blank">{REPORT["html"]}'
    head = "<!doctype html><html><head lang='en'>"
    assert bytes(framed(f"{head}<header>").body).decode() == f'{head}<base target="_blank"><header>'


@pytest.mark.parametrize("file", [name.removesuffix(".csv") for name in RESULTS])
def test_every_result_file_can_be_downloaded(played: Site, file: str) -> None:
    answer = played.get(f"/reports/{DAY}/{file}.csv", me="vic")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="2026-06-30-{file}.csv"'


def test_only_the_file_that_is_asked_for_is_made() -> None:
    asked: list[str] = []

    class Watched(PlayedStore):
        def copy_out(self, name: str, **params: Any) -> Iterator[bytes]:
            asked.append(name)
            return super().copy_out(name, **params)

    Site(lambda: Watched({"report_of_day": [REPORT]})).get(f"/reports/{DAY}/aging.csv", me="vic")
    assert asked == ["file_aging"]


def test_a_large_file_is_sent_as_it_is_read_and_only_so_many_at_once() -> None:
    read: list[int] = []

    class Large(PlayedStore):
        def copy_out(self, _name: str, **_params: Any) -> Iterator[bytes]:
            yield b"id\n"
            for number in range(3):
                read.append(number)
                yield b"%d\n" % number

    store = Large({"report_of_day": [REPORT]})
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(store=lambda: store)))
    sending = [reports.result_file(request, DAY, "matches") for _ in range(reports.DOWNLOADS_MAX)]
    assert (len(sending), read) == (8, []), "no further than the header"
    with pytest.raises(HTTPException, match="try again in a minute"):
        reports.result_file(request, DAY, "matches")
    del sending  # as where whoever reads goes away
    gc.collect()
    answer = Site(lambda: store).get(f"/reports/{DAY}/matches.csv", me="vic")
    assert answer.text == "id\r\n0\r\n1\r\n2\r\n"


def test_what_is_kept_of_a_run_may_be_pushed_out_while_somebody_else_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Racing(PlayedStore):
        def rows(self, name: str, **params: Any) -> list[dict[str, Any]]:
            kept.of_run(PlayedStore({}), "another", "raced")  # type: ignore[arg-type]
            return super().rows(name, **params)

    monkeypatch.setattr(kept, "KEPT_MAX", 0)
    racing: Any = Racing({"one": [{"row": 1}]})
    assert kept.of_run(racing, "one", "raced") == [{"row": 1}]


def test_a_downloaded_file_is_safe_in_a_spreadsheet(played: Site) -> None:
    assert "'=1+1,USD,-12.50" in played.get(f"/reports/{DAY}/breaks.csv", me="vic").text


def test_a_day_without_a_report_says_how_to_get_one() -> None:
    site = Site(lambda: PlayedStore({}))
    assert "No day was reported yet" in site.get("/reports", me="vic").text
    answer = site.get(f"/reports/{DAY}", me="vic")
    assert (answer.status_code, "run the dag tie_out" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (LATENCY_OF - 1, "4,999 confirmed in the last day, 95 of 100 within 0.9 s"),
        (
            LATENCY_OF,
            "5,000 or more confirmed in the last day (the newest tell how long it took), 95 of 100 within",
        ),
    ],
)
def test_of_many_messages_the_newest_tell_how_long_they_took(messages: int, said: str) -> None:
    latency = {"messages": messages, "p50_s": 0.3, "p95_s": 0.9}
    now = {"now": datetime(2026, 6, 30, tzinfo=UTC)}
    site = Site(lambda: PlayedStore({"console_latency": [latency], "console_now": [now]}))
    assert said in site.get("/delivery", me="vic").text


def test_a_day_says_whether_it_was_mailed_and_to_how_many_it_could_not(played: Site) -> None:
    page = played.get("/reports", me="vic").text
    assert "not mailed yet, 2 refused, of 1 nobody knows whether it came," in page


def test_a_mail_link_without_a_session_leads_through_the_login_and_back() -> None:
    site = Site(lambda: pytest.fail("nobody may ask the database"))
    answer = site.get("/breaks?code=CA16&sort=key")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    back = "%2Ftieout%2Fbreaks%3Fcode%3DCA16%26sort%3Dkey"
    assert f'href="/api/v2/auth/login?next={back}" target="_top"' in answer.text
    assert "'sha256-" in answer.headers["content-security-policy"]
    sent = site.post("/breaks/bulk", {})
    assert (sent.status_code, 'next=%2Ftieout%2F"' in sent.text) == (401, True)


@pytest.mark.parametrize(("path", "status"), [("/audit", 403), ("/nowhere", 404), ("/breaks/no-id", 422)])
def test_what_cannot_be_shown_is_a_page_with_a_sentence(played: Site, path: str, status: int) -> None:
    answer = played.get(path, me="vic")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "This page cannot be shown" in answer.text
    assert "auth/login" not in answer.text


def test_a_database_that_is_away_is_one_sentence() -> None:
    def away() -> PlayedStore:
        raise Retryable("Postgres: away")

    answer = Site(away).get("/", me="vic")
    assert (answer.status_code, answer.text) == (503, "Postgres: away\n")


def test_a_day_leads_to_the_week_that_ended_with_it(played: Site) -> None:
    edition = f"/reports/{DAY}/editions/weekly.html"
    assert f'href="/tieout{edition}"' in played.get(f"/reports/{DAY}", me="vic").text
    page = played.get(edition, me="vic")
    assert page.status_code == 200
    assert page.text.endswith("<p>the week</p>")
    assert page.headers["content-security-policy"].startswith("sandbox ")
    assert played.get(f"/reports/{DAY}/editions/restated.html", me="vic").status_code == 404


@pytest.mark.parametrize("path", ["/quality", f"/quality/{DAY}"])
def test_verdicts_are_told_with_what_they_cost_and_what_was_not_asked(checked: Site, path: str) -> None:
    page = checked.get(path, me="vic").text
    assert "1 of 2 expectations met, 1 not judged" in page
    assert "not judged</span>" in page
    assert "Rendering took 1.1 s of 8.0 s" in page
    assert "nothing of it is held or shown to us: credit notes" in page
    assert "not met</span>" in page
    assert 'href="/tieout/quality/2026-06-30/invoices.html"' in page


def test_what_a_verdict_says_is_shown_as_text(checked: Site) -> None:
    page = checked.get(f"/quality/{DAY}", me="vic").text
    assert "3 &lt;i&gt;rows&lt;/i&gt;" in page
    assert "<b>one" not in page


def test_a_page_that_was_written_is_served_as_it_is_kept(checked: Site) -> None:
    answer = checked.get(f"/quality/{DAY}/invoices.html", me="vic")
    assert (answer.status_code, answer.text) == (200, "<p>kept</p>")
    assert answer.headers["content-security-policy"].startswith("sandbox ")


@pytest.mark.parametrize(
    "name",
    ["..%2F..%2F..%2Fetc%2Fpasswd", "%2e%2e/%2e%2e/app", "orders.html", "invoices.html%00", "invoices"],
)
def test_no_other_name_leads_anywhere(checked: Site, name: str) -> None:
    assert checked.get(f"/quality/{DAY}/{name}", me="vic").status_code == 404


def test_before_the_first_check_the_page_says_when_there_will_be_one() -> None:
    site = Site(lambda: PlayedStore({}))
    assert "No day was checked yet" in site.get("/quality", me="vic").text
    assert site.get(f"/quality/{DAY}", me="vic").status_code == 404


@pytest.mark.parametrize("path", ["/ageing", "/arr?month={month}"])
def test_a_customer_who_is_named_can_be_opened_by_whoever_may_see_them(
    site: Site, tied_url: str, path: str
) -> None:
    path = path.format(month=month_of_loss(tied_url))
    [link, *_] = re.findall(r'href="/tieout(/records/customers/[^"]+)"', site.get(path, me="ann").text)
    assert site.get(link, me="ann").status_code == 200
    assert "/records/" not in site.get(path, me="vic").text


def test_what_a_customer_takes_away_is_below_zero_in_both_tables_of_the_bridge(
    site: Site, tied_url: str
) -> None:
    page = site.get(f"/arr?month={month_of_loss(tied_url)}", me="vic").text
    movers = page.partition("Whose revenue moved most")[2].partition("</table>")[0]
    rows = [re.findall(r'<td class="n">([^<]*)</td>', row) for row in movers.split("<tr>")[2:]]
    taken = [cell for row in rows for cell in row[4:6] if cell]
    assert taken
    assert all("\N{MINUS SIGN}" in cell for cell in taken)


def month_of_loss(url: str) -> str:
    """One in which a customer paid less than before."""
    with psycopg.connect(url) as connection:
        query = "SELECT month::text FROM recon.arr_bridge WHERE contraction_minor + churn_minor > 0 LIMIT 1"
        return str(connection.execute(query).fetchall()[0][0])


def test_the_matches_of_a_document_are_found_by_its_number(site: Site, tied_url: str) -> None:
    with psycopg.connect(tied_url) as connection:
        native_id, number = connection.execute(
            "SELECT native_id, number FROM canonical.invoices JOIN recon.matches ON side_b_id = native_id "
            "WHERE superseded_in IS NULL AND number <> native_id ORDER BY number LIMIT 1"
        ).fetchall()[0]
    by_id = site.get(f"/matches?q={native_id}", me="vic").text
    assert f">{native_id}<" in by_id
    assert site.get(f"/matches?q={number.lower()}", me="vic").text == by_id


def test_a_search_keeps_what_else_is_asked_for(site: Site) -> None:
    [payout] = re.findall(r"/payouts/(po_sgd_\w+)", site.get("/payouts", me="vic").text)[:1]
    found = site.get(f"/matches?q={payout}", me="vic").text
    assert f">{payout}<" in found
    assert f">{payout}<" not in site.get(f"/matches?q={payout}&recon=R3", me="vic").text
    assert f">{payout}<" not in site.get(f"/matches?q={payout}&state=suggested", me="vic").text
