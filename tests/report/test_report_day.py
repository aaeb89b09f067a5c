import io
import re
from datetime import date
from typing import Any

import openpyxl
import psycopg
import pytest

from include.connectors.mail.client import MailPostman
from include.domain.recipients import Recipient, Scope
from include.flows import report_files
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.ports import Fatal, Rejected, Retryable, Uncertain
from include.store.postgres import PostgresStore
from tests.connectors.smtp import Mailbox, parsed, serving
from tests.report.conftest import DAY, FINANCE, Mailbag, tell

LEAD, REGION = Recipient(address="Lead@example.com"), Recipient(address="region@example.com")


@pytest.fixture
def database_url(reconciled_copy: str) -> str:
    return reconciled_copy


@pytest.fixture
def published(store: PostgresStore) -> PostgresStore:
    publish_run(store, as_of=DAY)
    return store


def test_the_subject_is_the_verdict_and_the_body_names_what_needs_somebody(published: PostgresStore):
    bag = Mailbag()
    tell(published, bag, link_to="https://airflow.example/tieout/breaks/")
    (report,) = bag.reports
    assert report.subject == (
        "2026-03-31 ties: 1 payment applied, 1 held, SGD 250.50 open, 1 needs somebody, 1 row quarantined"
    )
    assert "AR: Apply or refund" in report.text
    assert "https://airflow.example/tieout/breaks/" in report.text
    assert "Of 1 payment of the last 90 days applied by rule, 0 were taken back" in report.text
    assert "due_date" in report.text
    assert set(report.attachments) == {"2026-03-31-tie-out.xlsx", "2026-03-31-tie-out.html"}
    assert "ttached" not in report.text + report.html, "that is said by whoever knows whether there was room"


def test_a_run_is_sent_once_to_each_also_when_somebody_is_added(published: PostgresStore):
    bag = Mailbag()
    assert tell(published, bag, FINANCE).mailed == ("finance@example.com",)
    assert tell(published, bag, FINANCE, LEAD).mailed == ("lead@example.com",)
    assert tell(published, bag, LEAD, FINANCE).mailed == ()
    assert bag.to == ["finance@example.com", "Lead@example.com"]


def run_again(store: PostgresStore, *, rules: str, owner: str = "AR") -> None:
    """Run and publish the day by rules of that hash, by which unapplied cash is somebody's."""
    policy = load_policy()
    unapplied = policy.breaks.codes["CA01"].model_copy(update={"owner": owner})
    breaks = policy.breaks.model_copy(update={"codes": policy.breaks.codes | {"CA01": unapplied}})
    reconcile(store, as_of=DAY, policy=policy.model_copy(update={"sha256": rules * 64, "breaks": breaks}))
    publish_run(store, as_of=DAY)


def test_a_day_run_again_is_told_as_a_correction_of_what_was_mailed(published: PostgresStore):
    bag = Mailbag()
    first = tell(published, bag).run_id
    run_again(published, rules="b", owner="Payments")
    assert tell(published, bag).mailed == (FINANCE.address,)
    before, after = bag.reports
    assert after.subject == before.subject.replace(" ties:", " ties, corrected:")
    for body in (after.text, after.html):
        assert f"{first}, which was mailed before" in body
    assert "mailed before" not in before.text


def test_a_day_run_again_that_comes_to_the_same_is_mailed_to_nobody_who_has_it(published: PostgresStore):
    bag = Mailbag()
    tell(published, bag)
    run_again(published, rules="b")
    assert tell(published, bag).mailed == ()
    with published.transaction() as tx:
        [shown] = tx.rows("list_reports", limit=9)
    assert shown["sent_at"]
    # Who was added has it for the first time: to them it corrects nothing.
    assert tell(published, bag, FINANCE, LEAD).mailed == ("lead@example.com",)
    assert ["corrected" in report.subject for report in bag.reports] == [False, False]


def test_a_part_of_the_books_is_corrected_only_where_it_is_another_itself(published: PostgresStore):
    bag = Mailbag()
    euros = Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})))
    local = Recipient(address="sg@example.com", scope=Scope(currencies=frozenset({"SGD"})))
    tell(published, bag, FINANCE, euros, local)
    run_again(published, rules="b", owner="Payments")  # of a break in SGD
    assert tell(published, bag, FINANCE, euros, local).mailed == (FINANCE.address, local.address)
    assert tell(published, bag, FINANCE, euros, local).mailed == ()
    # Who had no mail of the day yet is told of no correction.
    assert tell(published, bag, FINANCE, euros, LEAD).mailed == ("lead@example.com",)
    corrected = [to for to, report in zip(bag.to, bag.reports, strict=True) if "corrected" in report.subject]
    assert corrected == [FINANCE.address, local.address]


def test_whoever_was_told_otherwise_meanwhile_is_told_again_so_that_the_last_word_holds(
    published: PostgresStore,
):
    bag = Mailbag()
    run_again(published, rules="a")
    tell(published, bag, FINANCE, LEAD)
    run_again(published, rules="b", owner="Payments")
    second = tell(published, bag, FINANCE).run_id
    run_again(published, rules="a")
    refused: list[str] = []

    def refuse_once(to: str) -> None:
        if not refused:
            refused.append(to)
            raise Retryable("mail: did not answer")

    with pytest.raises(Retryable, match="did not answer"):
        tell(published, Mailbag(refuse_once), FINANCE, LEAD)
    assert tell(published, bag, FINANCE, LEAD).mailed == (FINANCE.address,)  # Lead has this already
    assert tell(published, bag, FINANCE, LEAD).mailed == ()
    assert ["corrected" in report.subject for report in bag.reports] == [False, False, True, True]
    assert f"{second}, which was mailed before" in bag.reports[-1].text
    for body in (bag.reports[-1].text, bag.reports[-1].html):
        assert re.search(
            r"Its figures are again those that you were mailed on \d{4}-\d\d-\d\d \d\d:\d\d\.", body
        )
    assert "are again" not in bag.reports[-2].text
    assert len({report.key for report in bag.reports}) == 4


def test_of_two_tasks_at_once_one_sends_and_holds_nothing_open_while_it_does(
    published: PostgresStore, database_url: str
):
    held: list[int] = []

    def look(_to: str) -> None:
        held.append(held_open(database_url))
        with pytest.raises(Retryable, match="somebody else is sending"):
            tell(PostgresStore(database_url), second)

    first, second = Mailbag(look), Mailbag()
    assert tell(PostgresStore(database_url), first).mailed == ("finance@example.com",)
    assert (held, second.reports) == ([0], [])
    assert tell(published, second).mailed == ()
    assert second.reports == []


def held_open(database_url: str) -> int:
    """How many of the others hold a transaction open, or a lock on a row."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' AND xact_start IS NOT NULL"
    )
    with psycopg.connect(database_url) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return int(row[0])


def test_of_two_who_saw_a_mail_wait_one_begins_it_whatever_became_of_the_lock(
    published: PostgresStore, database_url: str
):
    def begun_by_another(_to: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE recon.mailings SET state = 'called', attempts = attempts + 1")

    bag = Mailbag(begun_by_another)
    with pytest.raises(Retryable, match="somebody else began"):
        tell(published, bag, LEAD, FINANCE)
    # Finance comes first by name; Lead's was begun by another between the look and the try.
    assert bag.to == ["finance@example.com"]
    assert states(database_url) == {"finance@example.com": ("sent", 2), "lead@example.com": ("called", 1)}
    assert outcomes(database_url) == ["sent"]


def test_a_try_has_one_number_and_one_outcome(published: PostgresStore, database_url: str):
    tell(published, Mailbag())
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO recon.mail_attempts (run_id, edition, recipient, attempt, outcome, detail) "
            "SELECT run_id, edition, recipient, attempt, 'uncertain', '' FROM recon.mail_attempts"
        )


def states(database_url: str) -> dict[str, tuple[str, int]]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT recipient, state, attempts FROM recon.mailings").fetchall()
    return {recipient: (state, attempts) for recipient, state, attempts in rows}


def outcomes(database_url: str) -> list[str]:
    query = "SELECT outcome FROM recon.mail_attempts ORDER BY called_at"
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]


def test_one_who_is_refused_keeps_nobody_else_waiting_and_is_seen(
    published: PostgresStore, database_url: str
):
    def refuse(to: str) -> None:
        if to == "Lead@example.com":
            raise Rejected("mail: refused the recipient (550)")

    bag = Mailbag(refuse)
    with pytest.raises(Rejected, match=r"1 of 3 recipients did not get their mail.*refused the recipient"):
        tell(published, bag, LEAD, FINANCE, REGION)
    assert sorted(bag.to) == ["finance@example.com", "region@example.com"]
    assert states(database_url)["lead@example.com"] == ("refused", 1)
    assert tell(published, Mailbag(), LEAD, FINANCE, REGION).mailed == ("lead@example.com",)
    with published.transaction() as tx:
        assert tx.rows("report_of_day", as_of=DAY)[0]["sent_at"]


def test_an_address_that_is_refused_leaves_the_report_mailed_and_is_counted(published: PostgresStore):
    def refuse(to: str) -> None:
        if to == LEAD.address:
            raise Rejected("mail: refused the recipient (550)")

    with pytest.raises(Rejected):
        tell(published, Mailbag(refuse), LEAD, FINANCE)
    with published.transaction() as tx:
        [day] = tx.rows("list_reports", limit=1)
    assert day["sent_at"]
    assert (day["mails"], day["refused"]) == (2, 1)


def test_who_is_no_longer_to_be_told_keeps_no_report_from_being_mailed(published: PostgresStore):
    def stall(to: str) -> None:
        if to == LEAD.address:
            raise Retryable("mail: greylisted")

    def mailed() -> bool:
        with published.transaction() as tx:
            return tx.rows("report_of_day", as_of=DAY)[0]["sent_at"] is not None

    with pytest.raises(Retryable):
        tell(published, Mailbag(stall), LEAD, FINANCE)
    assert not mailed()
    tell(published, Mailbag(), FINANCE)
    assert mailed()


def test_an_error_nobody_foresaw_stops_one_mail_and_is_recorded(published: PostgresStore, database_url: str):
    def stumble(to: str) -> None:
        if to == LEAD.address:
            raise ValueError("private")

    bag = Mailbag(stumble)
    with pytest.raises(Rejected, match=r"1 of 3 .*could not be made or sent \(ValueError\)"):
        tell(published, bag, LEAD, FINANCE, REGION)
    assert sorted(bag.to) == ["finance@example.com", "region@example.com"]
    assert states(database_url)["lead@example.com"] == ("refused", 1)


def test_a_mail_that_waits_is_told_anew_to_who_answers_for_another_part_now(published: PostgresStore):
    def stall(_to: str) -> None:
        raise Retryable("mail: greylisted")

    with pytest.raises(Retryable):
        tell(published, Mailbag(stall), FINANCE)
    bag = Mailbag()
    tell(published, bag, Recipient(address=FINANCE.address, scope=Scope(currencies=frozenset({"EUR"}))))
    (report,) = bag.reports
    assert "(EUR) ties" in report.subject
    assert not re.search(r"\b250\b", report.text + report.html.partition("</style>")[2])


def test_a_mail_whose_fate_is_unknown_goes_out_again_as_the_same_message(
    published: PostgresStore, database_url: str
):
    lost: list[str] = []
    bag = Mailbag()

    def drop(to: str) -> None:
        if not lost:
            lost.append(to)
            raise Uncertain("mail: took the message and did not confirm it")

    first = Mailbag(drop)
    seen: list[str] = []
    sending = first.send
    first.send = lambda report, *, to: (seen.append(report.key), sending(report, to=to))  # type: ignore[method-assign,func-returns-value]
    with pytest.raises(Retryable, match="1 of 1 recipients"):
        tell(published, first)
    assert states(database_url) == {"finance@example.com": ("uncertain", 1)}
    tell(published, bag)
    assert [report.key for report in bag.reports] == seen
    assert outcomes(database_url) == ["uncertain", "sent"]


def test_of_a_mail_that_was_lost_twice_a_person_is_asked(published: PostgresStore, database_url: str):
    asked: list[str] = []

    def lose(to: str) -> None:
        asked.append(to)
        raise Uncertain("mail: took the message and did not confirm it")

    for _ in range(2):
        with pytest.raises(Retryable, match="did not confirm"):
            tell(published, Mailbag(lose))
    with pytest.raises(Rejected, match="ask whether it came"):
        tell(published, Mailbag(lose))
    assert len(asked) == 2
    assert states(database_url) == {"finance@example.com": ("uncertain", 2)}
    with published.transaction() as tx:
        assert tx.rows("list_reports", limit=1)[0]["uncertain"] == 1


def test_a_server_too_slow_to_confirm_is_not_waited_for_by_everybody(published: PostgresStore):
    asked: list[str] = []

    def lose(to: str) -> None:
        asked.append(to)
        raise Uncertain("mail: took the message and did not confirm it")

    with pytest.raises(Retryable, match="3 of 3"):
        tell(published, Mailbag(lose), LEAD, FINANCE, REGION)
    assert len(asked) == 2


def test_a_database_that_goes_away_while_a_mail_is_made_has_tried_nothing(
    published: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    def away(*_args: object) -> dict[str, bytes]:
        raise psycopg.OperationalError("the connection is closed")

    monkeypatch.setattr(report_files.Files, "of", away)
    with pytest.raises(Retryable, match="Postgres"):
        tell(published, Mailbag())
    assert states(database_url) == {"finance@example.com": ("queued", 0)}
    monkeypatch.undo()
    assert tell(published, Mailbag()).mailed == ("finance@example.com",)


class Whimsical(Mailbox):
    """On its first day it refuses Lead, and loses the answer to Region after it took the mail."""

    def __init__(self) -> None:
        super().__init__()
        self.first_day = True

    async def handle_RCPT(  # noqa: N802  # the name aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.first_day and address == LEAD.address:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the name aiosmtpd calls
        answer = await super().handle_DATA(server, session, envelope)
        if self.first_day and envelope.rcpt_tos == [REGION.address]:
            server.transport.close()
        return answer


def test_over_the_wire_everybody_gets_theirs_and_a_repeat_is_the_same_message(published: PostgresStore):
    mailbox = Whimsical()
    with serving(mailbox) as server:
        postman: Any = MailPostman(server)
        with pytest.raises(
            Retryable, match=r"2 of 3 recipients.*refused the recipient \(550\).*did not confirm it"
        ):
            tell(published, postman, LEAD, FINANCE, REGION)
        mailbox.first_day = False
        assert tell(published, postman, LEAD, FINANCE, REGION).mailed == (
            "lead@example.com",
            "region@example.com",
        )
    got = [(envelope.rcpt_tos[0], parsed(envelope)) for envelope in mailbox.received]
    assert sorted(to for to, _ in got) == sorted(
        [LEAD.address, FINANCE.address, REGION.address, REGION.address]
    )
    first, second = (message for to, message in got if to == REGION.address)
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])
    assert len({message["Message-ID"] for _, message in got}) == 3


def test_a_server_that_is_away_is_not_asked_for_everybody(published: PostgresStore):
    asked: list[str] = []

    def stall(to: str) -> None:
        asked.append(to)
        raise Retryable("mail: did not answer")

    with pytest.raises(Retryable, match="3 of 3 recipients did not get their mail"):
        tell(published, Mailbag(stall), LEAD, FINANCE, REGION)
    assert len(asked) == 2
    with pytest.raises(Retryable):
        tell(published, Mailbag(stall), LEAD, FINANCE, REGION)
    assert set(asked) == {one.address for one in (LEAD, FINANCE, REGION)}
    with published.transaction() as tx:
        assert tx.rows("report_of_day", as_of=DAY)[0]["sent_at"] is None


def test_a_report_goes_out_later_as_it_was_kept(published: PostgresStore):
    def refuse(_to: str) -> None:
        raise Fatal("mail: refused the login")

    with pytest.raises(Fatal, match="login"):
        tell(published, Mailbag(refuse), LEAD, FINANCE)
    with published.transaction() as tx:
        kept = tx.rows("report_of_day", as_of=DAY)[0]
    bag = Mailbag()
    tell(published, bag)
    assert kept["sent_at"] is None
    assert bag.reports[0].html == kept["html"]


def test_whoever_answers_for_a_part_sees_that_part_in_her_own_figures(published: PostgresStore):
    bag = Mailbag()
    euros = Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})), locale="de_DE")
    nowhere = Recipient(address="jp@example.com", scope=Scope(countries=frozenset({"JP"})))
    local = Recipient(address="sg@example.com", scope=Scope(currencies=frozenset({"SGD"})), locale="de_DE")
    tell(published, bag, euros, nowhere, local)
    reports = dict(zip(bag.to, bag.reports, strict=True))
    for one in (euros, nowhere):
        assert not re.search(r"\b250\b", reports[one.address].text)
        assert "P2" not in reports[one.address].text
    assert "(EUR) ties" in reports["eu@example.com"].subject
    assert "SGD 250,50" in reports["sg@example.com"].subject
    assert "33,00" in reports["sg@example.com"].text
    # What a sheet does not have of countries, it says.
    [book] = [file for name, file in reports["jp@example.com"].attachments.items() if name.endswith(".xlsx")]
    sheets = openpyxl.load_workbook(io.BytesIO(book))
    assert sheets["Matches"]["A1"].value.startswith("Money matched to invoices of these customers")
    assert sheets["Control totals"]["A1"].value.startswith("Totals are proven for the whole")


def test_a_break_is_told_in_its_readers_figures_by_mail_and_in_the_workbook(
    published: PostgresStore, database_url: str
):
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE recon.breaks SET evidence = 'names INV-1 and is 1250.50 SGD over'")
    bag = Mailbag()
    german = Recipient(address="de@example.com", locale="de_DE")
    tell(published, bag, FINANCE, german)
    figures = {FINANCE.address: "SGD 1,250.50 over", german.address: "SGD 1.250,50 over"}
    for address, report in zip(bag.to, bag.reports, strict=True):
        [book] = [file for name, file in report.attachments.items() if name.endswith(".xlsx")]
        cells = openpyxl.load_workbook(io.BytesIO(book))["Breaks"].iter_rows(values_only=True)
        assert figures[address] in report.text
        assert figures[address] in report.html
        assert any(figures[address] in str(cell) for row in cells for cell in row)


def test_figures_of_the_data_s_quality_are_told_to_who_sees_the_whole(
    published: PostgresStore, database_url: str
):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO recon.quality_results (run_id, suite, expectation, place, verdict, sentence, observed, owner) "
            "SELECT run_id, 'drift', 'money is as before', 0, 'warn', 'Not as before: USD: 81 against 79.', "
            "'USD: 81 against 79', 'AR' FROM recon.runs"
        )
    bag = Mailbag()
    euros = Recipient(address="eu@example.com", scope=Scope(currencies=frozenset({"EUR"})))
    tell(published, bag, FINANCE, euros)
    reports = dict(zip(bag.to, bag.reports, strict=True))
    for body in (reports[FINANCE.address].text, reports[FINANCE.address].html):
        assert "81 against 79" in body
    for body in (reports[euros.address].text, reports[euros.address].html):
        assert "81 against 79" not in body
        assert "money is as before" in body


def test_a_run_that_is_not_published_is_not_reported(store: PostgresStore):
    with pytest.raises(Fatal, match="no run of 2026-03-31 is published"):
        tell(store, Mailbag())
    with pytest.raises(Fatal, match="reconcile and publish the day first"):
        tell(store, Mailbag(), as_of=date(2026, 1, 1))


def test_markup_in_an_id_arrives_as_text(published: PostgresStore):
    bag = Mailbag()
    tell(published, bag)
    assert "<script" not in bag.reports[0].html
    assert "&lt;script&gt;P2" in bag.reports[0].html
