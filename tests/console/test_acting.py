"""Working on breaks and messages in the console: by its forms, with four eyes, and never over somebody else's work."""

import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from itsdangerous import TimestampSigner

from include.console import break_page as shown
from include.console import delivery as delivery_page
from include.console.forms import token_for
from include.console.words import RULES_OF
from include.domain.delivery import Message
from include.domain.side_by_side import Record
from include.flows.explain_break import Explained
from include.flows.export_audit import verify_export
from include.flows.put_message import put_message
from include.flows.reasons import REASON_MAX
from include.flows.seal_audit import seal_audit
from include.ports import Row, Transaction
from include.signing import holds, signer_of
from include.store.postgres import PostgresStore
from tests.console.conftest import message, parked_messages, waiting_messages
from tests.console.people import Site, know_our_roles
from tests.store.waiting import nobody_before


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


@pytest.fixture(scope="module")
def untouched(tied_url: str) -> Iterator[str]:
    """Breaks nobody has worked on, one after another; last those of which tests of pairing take the first."""
    with psycopg.connect(tied_url) as connection:
        found = connection.execute(
            "SELECT break_id::text FROM recon.break_lives WHERE state = 'OPEN' AND version = 1 "
            "AND amount_minor IS NOT NULL AND amount_sgd_minor IS NOT NULL ORDER BY code = 'CA16', key DESC, break_id"
        ).fetchall()
    return iter([break_id for (break_id,) in found])


def seen(site: Site, break_id: str) -> str:
    """The version that the page of a break puts into its forms."""
    found = re.search(r'name="seen" value="(\d+)"', site.get(f"/breaks/{break_id}", me="ann").text)
    assert found
    return found[1]


def act(site: Site, break_id: str, action: str, me: str, **fields: Any) -> Any:
    given = {"seen": seen(site, break_id), "reason": "a test"} | fields
    return site.post(f"/breaks/{break_id}/{action}", given, me=me)


def history(url: str, break_id: str) -> list[tuple[str, str]]:
    query = "SELECT action, actor_id FROM recon.break_events WHERE break_id = %s ORDER BY version"
    with psycopg.connect(url) as connection:
        return connection.execute(query, (break_id,)).fetchall()


def test_a_write_off_takes_two_people_and_history_shows_both(
    site: Site, untouched: Iterator[str], tied_url: str
) -> None:
    one = next(untouched)
    assert act(site, one, "propose", "ben", kind="write_off", reason="too small to chase").status_code == 303
    page = site.get(f"/breaks/{one}", me="ben").text
    assert "ben proposed it, and somebody else must check it" in page
    own = act(site, one, "approve", "ben")
    assert (own.status_code, "somebody else must check it" in own.text) == (422, True)
    assert act(site, one, "approve", "cat").status_code == 303
    assert act(site, one, "accept", "ben", reason="booked to 7420").status_code == 303
    assert history(tied_url, one)[1:] == [("proposed", "ben"), ("approved", "cat"), ("accepted", "ben")]
    audit = site.get("/audit", me="aud").text
    assert "too small to chase" in audit
    assert "booked to 7420" in audit


def test_who_saw_an_older_version_is_told_who_was_quicker_and_changes_nothing(
    site: Site, untouched: Iterator[str], tied_url: str
) -> None:
    one = next(untouched)
    version = seen(site, one)
    unknown = act(site, one, "assign", "ann", seen=version, to="cta")
    assert (unknown.status_code, "nobody called cta is known here" in unknown.text) == (422, True)
    site.get("/alerts", me="cat")  # whoever looks is known
    assert '<option value="cat">' in site.get(f"/breaks/{one}", me="ann").text
    assert act(site, one, "assign", "ann", seen=version, to="cat").status_code == 303
    late = act(site, one, "propose", "ben", seen=version, kind="accept", reason='it "stands"')
    assert (late.status_code, "was assigned by ann" in late.text) == (409, True)
    assert late.text.count('value="it &#34;stands&#34;"') == 1
    assert '<option value="accept" selected>' in late.text
    assert history(tied_url, one)[1:] == [("assigned", "ann")]


def test_a_form_that_does_not_say_what_was_seen_is_refused(site: Site, untouched: Iterator[str]) -> None:
    answer = act(site, next(untouched), "comment", "ann", seen="")
    assert (answer.status_code, "load it again" in answer.text) == (422, True)


def test_many_are_done_at_once_and_each_once_but_for_what_changed_meanwhile(
    site: Site, untouched: Iterator[str], tied_url: str
) -> None:
    first, second = next(untouched), next(untouched)
    chosen = [f"{one}:{seen(site, one)}" for one in (first, second)]
    twice = f"{first.upper()}:{int(seen(site, first)) + 1}"  # as the first act will leave it
    act(site, second, "comment", "ben")
    fields = {
        "chosen": [*chosen, twice, "nonsense"],
        "action": "assign",
        "to": "ann",
        "reason": "so that it is not lost",
    }
    answer = site.post("/breaks/bulk", fields, me="ann")
    assert (answer.status_code, "1 of 3 done" in answer.text) == (409, True)
    assert 'What you wrote: <span class="text">so that it is not lost' in answer.text
    assert history(tied_url, first)[1:] == [("assigned", "ann")]
    assert history(tied_url, second)[1:] == [("commented", "ben")]


def test_nothing_is_approved_in_bulk(site: Site) -> None:
    answer = site.post("/breaks/bulk", {"chosen": [], "action": "approve"}, me="ben")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://airflow.test.evil.example"},
        {"origin": "http://airflow.test", "sec-fetch-site": "same-site"},
        {"origin": "http://airflow.test", "sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused(site: Site, tied_url: str, headers: dict[str, str]) -> None:
    with psycopg.connect(tied_url) as connection:
        before = connection.execute("SELECT count(*) FROM recon.break_events").fetchone()
    one = history_free(tied_url)
    fields = {"seen": "1", "reason": "forged"}
    assert site.post(f"/breaks/{one}/comment", fields, me="ann", headers=headers).status_code == 403
    with psycopg.connect(tied_url) as connection:
        assert connection.execute("SELECT count(*) FROM recon.break_events").fetchone() == before


def history_free(url: str) -> str:
    with psycopg.connect(url) as connection:
        [break_id] = connection.execute(
            "SELECT break_id::text FROM recon.break_lives ORDER BY break_id DESC LIMIT 1"
        ).fetchone() or [""]
    return str(break_id)


def test_a_form_from_somebody_elses_page_is_refused(site: Site, tied_url: str) -> None:
    fields = {"seen": "1", "reason": "forged"}
    answer = site.post(f"/breaks/{history_free(tied_url)}/comment", fields, me="ann", token_of="ben")
    assert answer.status_code == 403


@pytest.mark.parametrize("hours", [11.99, 12.01])
def test_a_page_is_good_for_twelve_hours_and_what_was_typed_into_an_older_one_is_not_lost(
    site: Site, untouched: Iterator[str], monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    one, then = next(untouched), time.time() - hours * 3600
    version = seen(site, one)
    with monkeypatch.context() as earlier:
        earlier.setattr(TimestampSigner, "get_timestamp", lambda _: int(then))
        token = token_for("ann")
    fields = {"seen": version, "reason": "typed <for> long", "to": "ann", "token": token}
    answer = site.post_as_it_is(f"/breaks/{one}/assign", fields, me="ann")
    if hours < 12:
        assert answer.status_code == 303
    else:
        assert answer.status_code == 403
        assert "The page is too old or not yours: nothing was done" in answer.text
        assert "typed &lt;for&gt; long" in answer.text
        assert seen(site, one) == version


def test_what_was_held_back_waits_until_it_is_sent_again_and_both_acts_have_a_name(
    site: Site, tied: PostgresStore, tied_url: str
) -> None:
    with tied.transaction() as tx:
        [first] = waiting_messages(tx, "queued")
    chosen = {"chosen": [first] * 2, "reason": "the customer cancels"}
    assert site.post("/delivery/hold", chosen, me="adm").headers["location"].endswith("done=hold")
    assert "HELD_BACK" in site.get("/delivery?state=parked", me="vic").text
    assert site.post("/delivery/hold", chosen, me="adm").headers["location"].endswith("done=none")
    again = chosen | {"reason": "the customer stays"}
    assert site.post("/delivery/replay", again, me="adm").headers["location"].endswith("done=replay")
    with psycopg.connect(tied_url) as connection:
        acts = connection.execute(
            "SELECT action, actor_id, reason FROM delivery.acts WHERE message_id = %s ORDER BY act_id",
            (first,),
        ).fetchall()
        states = connection.execute(
            "SELECT state FROM delivery.outbox WHERE message_id = %s", (first,)
        ).fetchall()
    assert acts == [("parked", "adm", "the customer cancels"), ("replayed", "adm", "the customer stays")]
    assert states == [("uncertain",)]  # so that the target is looked at first
    assert "the customer cancels" in site.get("/audit", me="aud").text


def test_what_a_newer_message_says_by_now_is_not_said_to_be_on_its_way_again(
    site: Site, tied_url: str
) -> None:
    with PostgresStore(tied_url).transaction() as tx:
        for status in ("open", "paid"):
            about = {"kind": "invoice_status", "target": "salesforce", "subject": "invoices/I9"}
            put_message(
                tx, Message(key=f"status-{status}", body={"status": status}, newest_only=True, **about)
            )
            if status == "open":
                tx.rows("hold_messages", messages=[row["message_id"] for row in _about_i9(tx)])
        older = min(row["message_id"] for row in _about_i9(tx))
    sent = site.post("/delivery/replay", {"chosen": [older], "reason": "mended"}, me="adm")
    assert sent.headers["location"].endswith("done=replaced")
    assert "not said twice" in site.get("/delivery?done=replaced", me="adm").text


def test_more_than_policy_lets_people_send_again_is_refused_whole_and_the_page_says_what_to_do(
    site: Site, tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = delivery_page.rules()
    strict = whole.delivery.model_copy(update={"replayed_hourly_max": 1})
    monkeypatch.setattr(delivery_page, "rules", lambda: whole.model_copy(update={"delivery": strict}))
    chosen = parked_messages(tied, "queued", most=2)
    refused = site.post("/delivery/replay", {"chosen": chosen, "reason": "mended"}, me="adm")
    assert refused.status_code == 422
    assert "2 messages would be sent again" in refused.text
    with psycopg.connect(tied_url) as connection:
        query = "SELECT DISTINCT state FROM delivery.outbox WHERE message_id = ANY (%s)"
        assert connection.execute(query, (chosen,)).fetchall() == [("parked",)]


def test_what_one_asks_to_be_sent_another_sends_and_neither_can_do_both(
    site: Site, tied: PostgresStore, tied_url: str
) -> None:
    [first] = parked_messages(tied, "queued", "parked")
    chosen = {"chosen": [first], "reason": "the board <agreed>"}
    assert site.post("/delivery/ask", chosen, me="adm").headers["location"].endswith("done=ask")
    theirs = site.get("/delivery", me="adm").text
    assert "the board &lt;agreed&gt;" in theirs
    assert "Somebody else approves it" in theirs
    number = re.findall(r'name="replay" value="(\d+)"', theirs)[0]
    for who in ("adm", "oper"):
        refused = site.post("/delivery/approve", {"replay": number, "reason": "me too"}, me=who)
        assert refused.status_code == 403
    assert site.post("/delivery/ask", chosen, me="root").headers["location"].endswith("done=ask")
    later = re.findall(r'name="replay" value="(\d+)"', site.get("/delivery", me="root").text)[0]
    mine = site.post("/delivery/approve", {"replay": later, "reason": "me too"}, me="root")
    assert (mine.status_code, "somebody else approves it" in mine.text) == (422, True)
    assert site.post("/delivery/approve", {"replay": "9" * 17, "reason": "x"}, me="ben").status_code == 422
    assert site.post("/delivery/approve", {"reason": "x"}, me="ben").status_code == 422
    with psycopg.connect(tied_url) as connection:
        state = "SELECT state FROM delivery.outbox WHERE message_id = %s"
        assert connection.execute(state, (first,)).fetchall() == [("parked",)]
    approved = site.post("/delivery/approve", {"replay": number, "reason": "seen"}, me="ben")
    assert approved.headers["location"].endswith("done=replay")
    with psycopg.connect(tied_url) as connection:
        assert connection.execute(state, (first,)).fetchall() == [("uncertain",)]
    audit = site.get("/audit", me="aud").text
    assert ("replay asked for" in audit, "replay approved" in audit) == (True, True)


def asked_on_today(site: Site) -> int:
    found = re.search(r"([0-9]+) requests? to send messages again", site.get("/", me="vic").text)
    return int(found[1]) if found else 0


def test_what_is_asked_for_is_refused_or_withdrawn_with_a_reason_and_what_was_typed_stays_at_its_place(
    site: Site, tied: PostgresStore
) -> None:
    [first] = parked_messages(tied, "queued", "parked")
    chosen = {"chosen": [first], "reason": "go on"}
    before, numbers = asked_on_today(site), []
    for _ in range(3):
        site.post("/delivery/ask", chosen, me="adm")
        numbers.append(re.findall(r'name="replay" value="(\d+)"', site.get("/delivery", me="adm").text)[0])
    assert asked_on_today(site) == before + 3
    empty = site.post("/delivery/approve", {"replay": numbers[1], "reason": " "}, me="ben")
    assert (empty.status_code, "a reason is missing" in empty.text) == (422, True)
    for path in ("approve", "refuse", "withdraw"):
        lost = site.post(f"/delivery/{path}", {"replay": "9" * 17, "reason": "typed with care"}, me="root")
        assert lost.status_code == 422
        assert "nobody asked for a replay" in lost.text
        assert "You wrote: typed with care" in lost.text
    theirs = site.post("/delivery/withdraw", {"replay": numbers[1], "reason": "typed with care"}, me="root")
    assert "nobody else withdraws it" in theirs.text
    form = theirs.text.partition(f'name="replay" value="{numbers[1]}"')[2].partition("</form>")[0]
    assert 'value="typed with care"' in form
    assert theirs.text.count("typed with care") == 1
    refused = site.post("/delivery/refuse", {"replay": numbers[1], "reason": "not <yet>"}, me="ben")
    assert refused.headers["location"].endswith("done=replay+refused")
    withdrawn = site.post("/delivery/withdraw", {"replay": numbers[0], "reason": "mine"}, me="adm")
    assert withdrawn.headers["location"].endswith("done=replay+withdrawn")
    assert "not &lt;yet&gt;" not in site.get("/delivery", me="adm").text, "it was asked for again since"
    site.post("/delivery/refuse", {"replay": numbers[2], "reason": "not <yet>"}, me="ben")
    page = site.get("/delivery", me="adm").text
    assert "by ben: not &lt;yet&gt;" in page
    assert "Ask again" in page
    assert asked_on_today(site) == before
    audit = site.get("/audit", me="aud").text
    assert ("replay refused" in audit, "replay withdrawn" in audit) == (True, True)


def test_asking_for_messages_of_which_one_is_parked_no_more_says_that_some_were_asked_for(
    site: Site, tied: PostgresStore
) -> None:
    chosen = parked_messages(tied, "queued", "parked", most=2)
    first = site.post("/delivery/replay", {"chosen": chosen[:1], "reason": "mended"}, me="adm")
    assert first.headers["location"].endswith("done=replay")
    asked = site.post("/delivery/ask", {"chosen": chosen, "reason": "mended"}, me="adm")
    assert asked.headers["location"].endswith("done=some")
    assert "asks for 1 message to be sent again" in site.get("/delivery", me="adm").text


def test_whoever_approves_sees_all_that_was_asked_for_and_nothing_else(
    site: Site, tied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_page, "SHOWN", 4)
    with PostgresStore(tied_url).transaction() as tx:
        for number in range(900, 907):
            put_message(tx, message(number))
        chosen = waiting_messages(tx, "queued", most=7)
        tx.rows("hold_messages", messages=chosen)
    site.post("/delivery/ask", {"chosen": chosen[:6], "reason": "mended"}, me="adm")
    [link] = re.findall(
        r'<a href="/tieout(/delivery\?asked=\d+)">all 6</a>', site.get("/delivery", me="ben").text
    )
    first = site.get(link, me="ben").text
    assert "4 of 6 shown" in first
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    pages = first + site.get(f"/delivery{unescape(more)}", me="ben").text
    listed = re.findall(r'<th scope="row"><a href="/tieout/delivery/(\d+)"', pages)
    assert [int(one) for one in listed] == chosen[:6]
    assert "Nothing fits" in site.get(f"/delivery?asked={10**17}", me="ben").text


def _about_i9(tx: Transaction) -> list[Row]:
    waiting = {"states": ["queued", "parked"], "target": None, "subject": "invoices/I9"}
    return tx.rows("console_messages", **waiting, numbers=None, before=None, limit=9)


def test_who_acts_on_a_filtered_list_of_messages_comes_back_to_it(site: Site) -> None:
    shown = {"back": "?state=queued&target=erp", "reason": "a test"}
    to = site.post("/delivery/hold", shown, me="adm").headers["location"]
    assert to.endswith("/delivery?state=queued&target=erp&done=unchosen")
    for elsewhere in ("//evil.example/", "?state=nothing", "?before=x"):
        to = site.post("/delivery/hold", {"back": elsewhere, "reason": "a test"}, me="adm").headers[
            "location"
        ]
        assert to.endswith("/delivery?done=unchosen")
    refused = site.post("/delivery/hold", shown | {"chosen": ["1"], "reason": ""}, me="adm").text
    assert '<option value="queued" selected>' in refused
    assert "Nothing fits" in site.get("/delivery?target=nobody", me="vic").text


def test_more_than_anybody_reads_is_no_reason_and_the_page_says_how_long_it_may_be(
    site: Site, tied_url: str
) -> None:
    with psycopg.connect(tied_url) as connection:
        [one] = connection.execute(
            "SELECT max(break_id::text) FROM recon.break_lives WHERE is_open"
        ).fetchone() or [""]
    before = seen(site, one)
    differences = {"which": "invoices~amount~rounding~minor_unit", "owner": "AR", "until": "2099-01-01"}
    for path, fields, me in (
        (f"/breaks/{one}/comment", {"seen": before}, "ann"),
        ("/breaks/bulk", {"chosen": f"{one}:{before}", "action": "comment"}, "ann"),
        ("/delivery/hold", {"chosen": 1}, "adm"),
        ("/parity/accept", differences, "ann"),
    ):
        answer = site.post(path, {"reason": "x" * (REASON_MAX + 1), **fields}, me=me)
        assert answer.status_code in (409, 422), path
        assert "the reason has 2,001 characters, and 2,000 are kept" in answer.text, path
    assert seen(site, one) == before


def test_a_message_is_not_held_without_a_reason(site: Site) -> None:
    answer = site.post("/delivery/hold", {"chosen": ["1"], "reason": " "}, me="adm")
    assert (answer.status_code, "a reason is missing" in answer.text) == (422, True)
    assert 'value="1" checked' in answer.text


def test_candidates_that_together_make_up_the_item_are_said_to_be_one_set(
    site: Site, monkeypatch: pytest.MonkeyPatch, untouched: Iterator[str]
) -> None:
    def candidate(number: int, minor: int, together: int) -> dict[str, Any]:
        sides = {
            "side_a_id": "pay-1",
            "side_a_type": "payment",
            "side_b_id": f"I{number}",
            "side_b_type": "invoice",
        }
        counts = {"candidates": 24, "several": 24, "rivals": 0, "taken_by": None, "of_a": True}
        of_all = {"together_minor": together, "one_currency": True, "stated_minor": None, "residual_minor": 0}
        return (
            {"recon": "R3", "rule": "P4", "currency": "USD", "amount_minor": minor} | sides | counts | of_all
        )

    def record(entity: str, native_id: str, field: str, minor: int) -> Record:
        return Record(entity, native_id, "1", "a file", {field: minor, "currency": "USD"})

    def page(together: int) -> str:
        rows = [candidate(number, 1000000, together) for number in range(2)]
        found = [record("invoices", row["side_b_id"], "gross_minor", row["amount_minor"]) for row in rows]
        records = [record("payments", "pay-1", "amount_minor", 24000000), *found]
        monkeypatch.setattr(shown, "explain_break", lambda *_: Explained(records, rows))
        return site.get(f"/breaks/{one}", me="vic").text

    one, real = next(untouched), shown.show_break

    def as_payment(*given: Any) -> Any:
        found, history = real(*given)
        return found | {"key": "pay-1"}, history

    monkeypatch.setattr(shown, "show_break", as_payment)
    together, apart = page(24000000), page(24000001)  # of all 24, of which the page has two
    assert "one of a set of 24 that together make it up" in together
    assert 'amount <span class="mark s2">differs' not in together
    assert "<td>USD 240,000.00</td>" in together
    assert "one of 24 that fit" in apart
    assert 'amount <span class="mark s2">differs' in apart


def test_what_was_decided_is_handed_out_with_its_proof(
    site: Site, untouched: Iterator[str], tied_url: str, tmp_path: Path
) -> None:
    one = next(untouched)
    act(site, one, "comment", "ann")
    sign = signer_of("1" * 64)
    nobody_before(tied_url)
    seal_audit(PostgresStore(tied_url), sign=sign)
    assert "are sealed, by seal" in site.get(f"/audit?entity=breaks/{one}", me="aud").text
    answer = site.get(f"/audit/export.zip?entity=breaks/{one}&actor=ann", me="aud")
    assert answer.headers["content-type"] == "application/zip"
    zipfile.ZipFile(BytesIO(answer.content)).extractall(tmp_path)
    verdict = verify_export(tmp_path, holds=holds, public_keys=[sign(b"")[0]])
    assert (verdict.found, verdict.rows) == ((), 1)


def test_who_enters_the_console_is_in_the_audit_log_once_a_day(site: Site) -> None:
    for _ in range(2):
        site.get("/alerts", me="vic")
    page = site.get("/audit?actor=vic", me="aud").text
    assert page.count("console entered") == 1


def test_what_a_break_is_matched_with_elsewhere_is_named_by_that_reconciliations_rule(
    site: Site, untouched: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, real = next(untouched), shown.explain_break
    sides = {"side_a_id": "pay-1", "side_b_id": "I1", "match_id": "R3-1"}
    money = {"amount_minor": 100, "currency": "SGD", "residual_minor": 0, "residual_reason": ""}
    rules = [("R3", "P4"), ("R2", "order_names"), ("R5", "S1")]
    elsewhere = [{"recon": recon, "rule": rule, **sides, **money} for recon, rule in rules]
    monkeypatch.setattr(shown, "explain_break", lambda *given: replace(real(*given), matched=elsewhere))
    page = site.get(f"/breaks/{one}", me="vic").text
    told = re.search(r'id="matched">(.*?)</section>', page, re.DOTALL)
    assert told
    assert re.findall(r'class="soft">([^<]*)</span>', told[1]) == [
        RULES_OF[recon][rule][0] for recon, rule in rules
    ]
