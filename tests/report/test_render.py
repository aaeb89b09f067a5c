import html
import re
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.currencies import EXPONENTS
from include.domain.identity_breaks import in_review
from include.domain.proofs import ControlTotal
from include.domain.recipients import Scope
from include.report import (
    AgingTotal,
    AmbiguousTotal,
    AppliedTotal,
    BreakTotal,
    OpenBreak,
    QualityVerdict,
    ReportFacts,
)
from include.report.figures import Figures
from include.report.render import render_report
from include.report.words import line
from tests.report import samples

QUIET = ReportFacts(
    run_id=UUID(int=7),
    as_of=date(2026, 6, 30),
    certificate_sha256="c0ffee",
    totals=[
        ControlTotal(recon="R3", side="invoice", currency="USD", loaded_minor=100, matched_minor=100),
        ControlTotal(recon="all", side="opportunity", currency="USD", loaded_count=2),
    ],
    applied=[AppliedTotal(rule="P1", currency="USD", payments=1812)],
    ambiguous=[],
    breaks=[],
    top=[],
    aging=[AgingTotal(currency="USD", bucket="1-30", invoices=3, open_minor=511985)],
    quarantined=[],
)
UNAPPLIED = OpenBreak(
    code="CA01",
    name="unapplied cash",
    key="PAY-1",
    currency="JPY",
    amount_minor=1234567,
    severity="S1",
    age_days=1,
    owner="AR",
    action="apply or refund",
    evidence="names nothing",
)
HELD = BreakTotal(
    code="CA01",
    name="unapplied cash",
    currency="JPY",
    breaks=7,
    amount_minor=1234567,
    held=7,
    held_minor=1234567,
)
BUSY = replace(
    QUIET,
    breaks=[HELD],
    top=[UNAPPLIED],
    ambiguous=[AmbiguousTotal(candidates=2, payments=7)],
    quarantined=["invoices.csv:3: due_date is missing"],
    totals=[*QUIET.totals, ControlTotal(recon="R3", side="payment", currency=None, quarantined_count=1)],
)


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split())


def test_a_quiet_day_is_short_and_asks_nothing_of_anybody():
    report = render_report(QUIET)
    assert report.subject == (
        "2026-06-30 ties: 1,812 payments applied, 0 held, USD 5,119.85 open, nothing needs anybody"
    )
    assert "Nothing needs anybody today" in report.text
    assert "Nothing needs anybody today" in report.html
    assert "3 invoices" in report.text
    for section in (
        "Does it tie?",
        "Open invoices by age",
        "What changed",
        "What needs whom",
        "How sure we are",
    ):
        assert section not in report.html
        assert section.upper() not in report.text


def test_a_day_of_which_nothing_is_loaded_vouches_for_nothing():
    nothing = replace(QUIET, nothing_loaded=True, totals=[], applied=[], aging=[])
    late = QualityVerdict(
        suite="freshness",
        expectation="complete",
        verdict="fail",
        sentence="Late.",
        observed="",
        owner="Integration",
    )
    for facts in (nothing, replace(nothing, quality=[late])):
        report = render_report(facts)
        assert report.subject == "2026-06-30 has nothing to tie: no row of any source is loaded"
        for body in (report.text, words_of(report.html)):
            assert "there is nothing to tie, and nothing that this mail could vouch for" in " ".join(
                body.split()
            )
            for reassuring in ("Nothing needs anybody", "every cent", "Every cent"):
                assert reassuring not in body


def test_a_part_s_text_says_as_its_page_does_what_is_in_no_part():
    part = Scope(currencies=frozenset({"USD"}))
    for facts in (BUSY, replace(BUSY, scope=part)):
        report = render_report(facts)
        for body in (report.text, words_of(report.html)):
            said = "What belongs to no currency or customer that can be told is in the report of the whole."
            assert (said in " ".join(body.split())) is not facts.scope.whole


def test_a_quiet_day_says_of_how_many_currencies_it_shows_nothing():
    open_in = [
        AgingTotal(currency=currency, bucket="current", invoices=1, open_minor=100)
        for currency in ("AUD", "CNY", "EUR", "HKD", "INR", "JPY", "MYR", "SGD", "THB", "USD")
    ]
    report = render_report(replace(QUIET, aging=open_in))
    for body in (report.text, words_of(report.html)):
        assert "Of 2 more currencies, with fewer open invoices, nothing is shown here." in body


def test_where_nothing_recurs_the_mail_says_so():
    for facts in (samples.BUSY, replace(samples.BUSY, arr=[])):
        report = render_report(facts)
        for body in (report.text, words_of(report.html)):
            assert ("No recurring revenue." in body) is (not facts.arr)


def test_a_day_with_nothing_but_a_quarantined_row_is_not_quiet():
    total = ControlTotal(recon="R3", side="invoice", currency="USD", quarantined_count=1)
    report = render_report(replace(QUIET, totals=[total], quarantined=["orders.csv:3"]))
    for body in (report.text, words_of(report.html)):
        assert "Nothing needs anybody" not in body
        assert "mend the 1 row quarantined" in body


def test_a_country_whose_customers_rows_lie_in_quarantine_has_no_quiet_day():
    unread = BreakTotal(
        code="DQ01", name="schema/type invalid", currency="EUR", breaks=4, amount_minor=12_000_000, settled=1
    )
    of_germany = Scope(countries=frozenset({"DE"}))
    report = render_report(
        replace(QUIET, scope=of_germany, totals=[], breaks=[unread], quarantined=["invoices.csv:3: no date"])
    )
    assert report.subject.endswith("3 rows quarantined")
    for body in (report.text, words_of(report.html)):
        assert "Nothing needs anybody" not in body
        assert "mend the 3 rows quarantined" in body
        assert "3 rows quarantined: kept as received and counted, but not loaded." in body
        assert "invoices.csv:3: no date" in body
    settled = replace(unread, settled=4)
    assert "nothing needs anybody" in render_report(replace(QUIET, totals=[], breaks=[settled])).subject


def test_a_day_that_does_not_tie_says_so_first():
    total = ControlTotal(recon="R3", side="invoice", currency="USD", loaded_minor=100)
    report = render_report(replace(QUIET, totals=[total]))
    assert report.subject.startswith("2026-06-30 does not tie:")
    assert "do not rely on these figures" in report.text
    assert "Do not rely on these figures" in report.html


def test_totals_of_other_sides_are_told_only_where_they_are_not_proven():
    fine = ControlTotal(recon="R3", side="credit_note", currency="USD", loaded_minor=5, matched_minor=5)
    wrong = replace(fine, side="dispute", matched_minor=4)
    report = render_report(replace(QUIET, totals=[*QUIET.totals, fine, wrong]))
    assert "Disputes USD: NOT PROVEN" in report.text
    assert "Credit notes USD" not in report.text
    assert "Totals of credit notes, disputes are in the workbook" in report.text


def test_a_subject_with_many_currencies_counts_them():
    aging = [
        AgingTotal(currency=currency, bucket="current", invoices=2, open_minor=1)
        for currency in ("EUR", "SGD", "USD")
    ]
    assert "6 invoices in 3 currencies open" in render_report(replace(QUIET, aging=aging)).subject


@pytest.mark.parametrize(
    "fact",
    [
        "JPY 1,234,567",
        "PAY-1",
        "Apply or refund",
        "names nothing",
        "several open invoices fit equally well",
        "invoices.csv:3: due_date is missing",
        "1,812",
        "5,119.85",
        "c0ffee",
        "00000000-0000-0000-0000-000000000007",
        "2 opportunities",
    ],
)
def test_text_and_html_tell_the_same(fact: str):
    report = render_report(BUSY)
    assert fact in report.text
    assert fact in words_of(report.html)


def test_the_html_needs_nothing_from_outside():
    html = render_report(BUSY).html
    assert not re.search(r"<(script|link|iframe|form)|https?:|url\(|@import", html)
    assert set(re.findall(r'<img src="([^",]+)', html)) <= {"data:image/png;base64"}


def test_what_comes_from_outside_is_text_in_every_template():
    hostile = replace(UNAPPLIED, key="{{ 7*7 }}<img src=x onerror=y>", evidence="\"'><script>x</script>")
    report = render_report(replace(BUSY, top=[hostile], quarantined=["<b>{{ 7*7 }}</b>"]))
    assert "{{ 7*7 }}&lt;img" in report.html
    assert not re.search(r"<(img src=x|script|b)\b", report.html)


def test_names_that_hide_turn_or_run_are_shown_as_harmless_text():
    name = '\u202e=HYPERLINK("x")\u200b<a href=//evil>\u05d0\u2066'
    report = render_report(replace(BUSY, top=[replace(UNAPPLIED, evidence=name, owner=name, name=name)]))
    for body in (report.html, report.text):
        assert not set("\u202e\u200b\u2066") & set(body)
        assert "\u05d0" in body
    assert "<a href=//evil" not in report.html


def test_a_currency_without_a_rate_is_said_and_its_money_is_shown():
    report = render_report(replace(BUSY, unrated=["TWD"], breaks=[replace(HELD, currency="TWD")]))
    for body in (report.text, words_of(report.html)):
        assert "No exchange rate is known for TWD" in body
        assert "TWD 12,345.67" in body


def test_a_chart_says_in_words_what_it_shows():
    assert (
        'alt="Share of open money by age. USD: 100.0\N{NO-BREAK SPACE}% 1 to 30 days."'
        in render_report(BUSY).html
    )


def test_a_line_from_outside_cannot_add_lines_or_turn_text_around():
    assert line("a\r\nSubject: b\u202ec\u200b\0 d") == "a Subject: bc d"
    assert len(line("x" * 1000)) == 240


def test_figures_beside_words_from_right_to_left_stay_in_their_order():
    hebrew = "\u05d0\u05d1\u05d2"
    isolate, end = "\u2068", "\u2069"
    assert line(f"{hebrew} 1,000.00 2,000.00 open") == f"{isolate}{hebrew}{end} 1,000.00 2,000.00 open"
    assert (
        line(f"{hebrew} {hebrew}, 7 {hebrew}") == f"{isolate}{hebrew} {hebrew}{end}, 7 {isolate}{hebrew}{end}"
    )
    assert line("ACME 1,000.00") == "ACME 1,000.00"
    html = render_report(replace(BUSY, top=[replace(UNAPPLIED, key=hebrew, owner=hebrew)])).html
    assert html.count(f"<bdi>{isolate}{hebrew}{end}</bdi>") == 2


@pytest.mark.parametrize("unseen", "\u3164\u115f\u1160\u034f\u2800\ufe0f\uffa0\U000e0101\u00ad\u200b")
def test_characters_that_show_as_nothing_do_not_arrive(unseen: str):
    assert line(f"IN{unseen}V{unseen}").replace(" ", "") == "INV"
    assert line(f"{unseen}{unseen}") == ""


def test_a_mail_of_a_heavy_day_is_not_cut_off():
    currencies = sorted(EXPONENTS)[:120]
    busy, many = samples.BUSY, range(60)
    heavy = replace(
        busy,
        totals=[
            replace(one, currency=currency, loaded_count=number)
            for one in (busy.totals[0], busy.totals[3])
            for number, currency in enumerate(currencies)
        ],
        applied=[replace(one, currency=currency) for one in busy.applied for currency in currencies],
        breaks=[
            replace(busy.breaks[0], code=f"CA{number}", name="a kind of break", currency=currency, settled=0)
            for number in many
            for currency in currencies
        ],
        top=[replace(busy.top[3], evidence="x" * 300, assignee="mei.tan") for _ in range(10)],
        aging=[replace(one, currency=currency) for one in busy.aging[:5] for currency in currencies],
        changes=[replace(one, currency=currency) for one in busy.changes for currency in currencies],
        arr=[replace(busy.arr[0], currency=currency) for currency in currencies],
        quality=[busy.quality[0]] * 60 + [busy.quality[2]] * 100,
        quarantined=["y" * 300] * 20,
        ambiguous=[replace(one, currency=currency) for one in busy.ambiguous for currency in currencies],
        posted=samples.many_posted(currencies),
        unrated=currencies,
        restatement=replace(samples.RESTATEMENT, items=[*samples.RESTATEMENT.items] * 40),
        breaks_attached_max=1_000_000,
    )
    report = render_report(heavy)
    # Its pictures are parts of their own when it is mailed.
    sent = re.sub(r'src="data:[^"]+"', 'src="cid:1.0"', report.html)
    assert len(sent.encode()) < 100_000
    for body in (report.text, words_of(report.html)):
        assert "224 more lines, all proven; the workbook has them" in body
        assert "Of 112 more currencies, with fewer open invoices, nothing is shown here." in body
        assert "Of 112 more currencies, with fewer payments taken back, nothing is shown here." in body
        assert "and 116 more currencies" in body
        assert "and 108 more currencies: its breaks" in body
    assert "; the workbook lists all" in report.text
    cut = render_report(replace(heavy, breaks_attached_max=1_000)).text
    assert "the workbook lists the first 1,000 of all breaks" in cut
    assert "lists all" not in cut


def test_of_more_totals_than_are_shown_those_that_are_not_proven_come_first():
    fine = replace(QUIET.totals[0], loaded_count=9)
    wrong = replace(fine, matched_minor=99, currency="THB", loaded_count=1)
    report = render_report(replace(QUIET, totals=[fine] * 20 + [wrong]))
    assert "Invoices THB: NOT PROVEN" in report.text
    assert "5 more lines, all proven" in report.text


def test_the_same_facts_give_the_same_bytes():
    assert render_report(BUSY) == render_report(BUSY)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (0, "SGD", "0.00"),
        (-123456789, "SGD", "\N{MINUS SIGN}1,234,567.89"),
        (10**20 + 1, "SGD", "1,000,000,000,000,000,000.01"),
        (1234567, "JPY", "1,234,567"),
        (1234567, "KWD", "1,234.567"),
    ],
)
def test_money_is_exact_and_grouped(minor: int, currency: str, shown: str):
    assert Figures("en_SG").amount(minor, currency) == shown


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en_SG", "SGD \N{MINUS SIGN}1,234,567.89"),
        ("de_DE", "SGD \N{MINUS SIGN}1.234.567,89"),
        ("en_IN", "SGD \N{MINUS SIGN}12,34,567.89"),
        (
            "de_CH",
            "SGD \N{MINUS SIGN}1\N{RIGHT SINGLE QUOTATION MARK}234\N{RIGHT SINGLE QUOTATION MARK}567.89",
        ),
    ],
)
def test_money_is_grouped_as_its_reader_writes_it(locale: str, shown: str):
    assert Figures(locale).money(-123456789, "SGD") == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "pays 1234.50 SGD of 2000000 JPY, -12.00 EUR",
            "pays SGD 1.234,50 of JPY 2.000.000, EUR \N{MINUS SIGN}12,00",
        ),
        ("(1250.00 SGD open)", "(SGD 1.250,00 open)"),
        (
            "sums: SGD 1,312,345.50 there, JPY -312 here",
            "sums: SGD 1.312.345,50 there, JPY \N{MINUS SIGN}312 here",
        ),
        ("1,234 items at a discount of 12.5 percent", "1.234 items at a discount of 12,5 percent"),
        ("worth 32938.57 SGD at 1.3444 of 2026-05-01", "worth SGD 32.938,57 at 1,3444 of 2026-05-01"),
        ("SGD 1.250,00 and EUR 1.312.345,50, said already", None),
        ("its reference is 'PAY 1,250.00 SGD, 12.5 percent': what a payer wrote", None),
        ("the reference \"it's 1250.00 SGD\" and 'a long one of 1250.00 SGD…, cut", None),
        ("INV-1250.00 SGD, '1250.00 SGD', 1250 SGD, 1250.00 ABC", None),
        ("JPY 1,000,000,000,000,000 and 1999999999999998.00 SGD, more than any amount", None),
        ("order 2024.12 of customer 1234567, 2026-06-30, (1,000 Hills Ltd), ABC 1,250.00", None),
    ],
)
def test_figures_in_a_sentence_are_the_readers_and_nothing_else_is_touched(said: str, shown: str | None):
    assert Figures("de_DE").said(said) == (shown or said)
    break_ = replace(samples.BUSY.top[0], evidence=said)
    report = render_report(replace(samples.BUSY, top=[break_], locale="de_DE"))
    assert (shown or said) in report.text


MONEY = st.sampled_from(
    ["1000 JPY", "SGD 1,250.00", "1250.00 SGD", "1,234 rows", "12.5 percent", "'", '"', "\\", "…"]
)


@given(st.lists(st.one_of(MONEY, st.text(max_size=9)), max_size=8).map(" ".join))
def test_a_name_is_never_written_as_money_whatever_it_is(name: str):
    """Three times it is named, so that no mark of one name is taken for another's."""
    row = {"side": "account", "id": "001A", "name": name, "candidates": []}
    row["candidates"] = [{"id": "C1", "name": name, "why": "name", "score": 90}] * 2
    said = in_review(row).evidence
    assert Figures("de_DE").said(said) == said
    assert Figures("de_DE").said(f"{said} Pays 1250.00 SGD.") == f"{said} Pays SGD 1.250,00."


def test_marks_that_never_close_are_read_past_and_keep_no_figure_behind_them():
    """A mark is looked for so far and no further: with twenty thousand of them it took minutes."""
    assert (
        Figures("de_DE").said(" 'a" * 20_000 + " pays 1234.50 SGD") == " 'a" * 20_000 + " pays SGD 1.234,50"
    )


def test_a_share_is_rounded_half_up():
    shown = Figures("en_SG")
    assert [shown.percent(1, 2000), shown.percent(1, 3), shown.percent(5, 5)] == [
        "0.1\N{NO-BREAK SPACE}%",
        "33.3\N{NO-BREAK SPACE}%",
        "100.0\N{NO-BREAK SPACE}%",
    ]


def test_a_figure_the_sentence_says_is_not_said_again():
    said = samples.BUSY.quality[0]
    unsaid = replace(said, sentence="Some lines are old.", observed="3 of 9")
    report = render_report(replace(samples.BUSY, quality=[said, unsaid]))
    for body in (report.text, words_of(report.html)):
        assert said.sentence in body
        assert "(2026-06-25)" not in body
        assert "Some lines are old. (3 of 9)" in body


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("en_SG", ("1,234,567 of 1,495", "0 against -11,111.5")),
        ("de_DE", ("1.234.567 of 1.495", "0 against \u221211.111,5")),
    ],
)
def test_what_was_found_of_the_data_is_figured_as_its_reader_writes_numbers(
    locale: str, shown: tuple[str, str]
):
    found = replace(
        samples.BUSY.quality[0],
        sentence="1,234,567 of 1,495 rows lack a name.",
        sentence_figured="{1234567} of {1495} rows lack a name.",
        observed="SGD 2026-06-20: 0 against -11,111.5",
        observed_figured="SGD 2026-06-20: {0} against {-11111.5}",
    )
    report = render_report(replace(samples.BUSY, quality=[found], locale=locale))
    for body in (report.text, words_of(report.html)):
        for words in shown:
            assert words.replace("-", "\u2212") in body
        assert "SGD 2026-06-20: 0" in body


def test_a_verdict_whose_figures_were_not_kept_apart_has_them_as_its_reader_writes_them_too():
    found = replace(samples.BUSY.quality[0], sentence="1,234 of 1,495 rows lack a name.", sentence_figured="")
    report = render_report(replace(samples.BUSY, quality=[found], locale="de_DE"))
    assert "1.234 of 1.495 rows" in report.text


ENTITIES = {
    "APAC": frozenset({"AU", "JP", "SG", "IN"}),
    "ANZ": frozenset({"AU", "NZ"}),
    "Japan": frozenset({"JP"}),
}


@pytest.mark.parametrize(
    ("countries", "subject", "body"),
    [
        ("AU JP SG IN", "APAC", "APAC: customers in AU, IN, JP, SG"),
        ("AU JP SG IN DE", "APAC; customers in DE", "APAC: customers in AU, DE, IN, JP, SG"),
        ("DE FR", "customers in DE, FR", "customers in DE, FR"),
        ("AT BE CH DE", "customers in 4 countries", "customers in AT, BE, CH, DE"),
    ],
)
def test_the_subject_names_a_part_of_the_books_as_policy_does(countries: str, subject: str, body: str):
    scope = Scope(currencies=frozenset({"EUR"}), countries=frozenset(countries.split()))
    report = render_report(replace(BUSY, scope=scope, entities=ENTITIES))
    assert report.subject.startswith(f"2026-06-30 (EUR; {subject}) ties: ")
    for said in (report.text, words_of(report.html)):
        assert f"EUR; {body}" in said


def test_only_who_sees_the_whole_is_told_that_nothing_is_quarantined():
    clean = replace(BUSY, quarantined=[], totals=QUIET.totals)
    part = replace(clean, scope=Scope(currencies=frozenset({"USD"})))
    for facts, told in ((clean, True), (part, False)):
        report = render_report(facts)
        for body in (report.text, words_of(report.html)):
            assert ("none is quarantined" in body) is told


@pytest.mark.parametrize(
    "fact",
    [
        "Of 6,916 payments of the last 90 days applied by rule, 2 were taken back",
        "0.03 % by count",
        "0.01 % by value in SGD",
        "2: SGD 1,340.00 of SGD 5,120,040.20",
        "1 of 2 expectations of the data hold",
        "1 could not be judged yet: the newest day's volume as before",
        "Not asked, because nothing of it is held or shown to us: contacts, extract fx",
    ],
)
def test_how_sure_we_are_is_told_by_what_was_seen(fact: str):
    report = render_report(samples.BUSY)
    for body in (report.text, words_of(report.html)):
        assert fact in " ".join(html.unescape(body).split())


def test_a_quiet_day_says_what_could_not_be_judged():
    quiet = render_report(samples.QUIET)
    assert "nothing needs anybody" in quiet.subject
    assert "1 of what is expected of the data could not be judged yet" in quiet.text
    for body in (quiet.text, words_of(quiet.html)):
        assert "nothing of it is held or shown to us: contacts, extract fx" in body


def test_what_a_person_matched_is_decided_and_not_applied_by_rule():
    applied = [
        AppliedTotal(rule="P1", currency="JPY", payments=2, amount_minor=3000),
        AppliedTotal(rule="manual", currency="JPY", payments=1, amount_minor=1000),
    ]
    held = replace(HELD, breaks=1, amount_minor=1000, held=1, held_minor=1000)
    report = render_report(replace(QUIET, applied=applied, breaks=[held]))
    assert (
        "JPY 3,000 applied, 1,000 held: 50.0\N{NO-BREAK SPACE}% by count, 60.0\N{NO-BREAK SPACE}% by value"
        in report.text
    )
    assert "3 payments applied, 1 held" in report.subject
