"""The scorer of the benchmarks, on truths and results small enough to count by hand."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.bench.score import Score, ratio, score
from tests.bench.show import as_text, figure
from tests.bench.truth import read_results, read_truth

FILES = {
    "payments": ("payments/payments.csv", "id,currency,paid_on,status"),
    "links": ("truth/links.csv", "recon,side_a_id,side_b_id,amount"),
    "unmatchable": ("truth/unmatchable.csv", "recon,side_id,reason"),
    "true_breaks": ("truth/breaks.csv", "recon,code,key,amount"),
    "kinds": ("truth/faults.csv", "recon,kind,key"),
    "rates": ("fx/rates.csv", "date,from,to,rate"),
    "matches": ("matches.csv", "recon,rule,side_a_id,side_b_id,currency,amount,state"),
    "breaks": ("breaks.csv", "recon,code,key"),
}


Scored = Callable[..., Score]


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    """Score a world and results drawn as lines of cells; both lie in one folder."""

    def draw(**texts: str) -> Score:
        for name, (path, header) in FILES.items():
            lines = [
                ",".join(line.split()).replace("-,", ",") for line in texts.get(name, "").strip().splitlines()
            ]
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text("\n".join([header, *lines, ""]))
        (tmp_path / "certificate.json").write_text('{"as_of": "2026-06-30"}')
        return score(read_truth(tmp_path), read_results(tmp_path))

    return draw


def test_a_pair_is_right_whichever_side_is_called_a(scored: Scored) -> None:
    found = scored(
        links="R3 p1 i1 10.00\nR3 p2 i2 5.00",
        matches="R3 P1 p1 i1 SGD 10.00 posted\nR3 P1 i2 p2 SGD 5.00 posted",
    ).links["R3"]
    assert (found.posted, found.right, found.exact, found.precision, found.recall) == (2, 2, 2, 1, 1)


def test_suggestions_are_not_postings(scored: Scored) -> None:
    found = scored(links="R3 p1 i1 10.00", matches="R3 P4 p1 i9 SGD 10.00 suggested").links["R3"]
    assert (found.posted, found.precision, found.recall) == (0, None, 0)


def test_precision_by_value_weighs_pairs_in_singapore_dollars_at_the_last_rate_of_the_day(
    scored: Scored,
) -> None:
    found = scored(
        links="R3 p1 i1 10.00\nR3 p2 i2 100",
        matches="R3 P1 p1 i1 USD 10.00 posted\nR3 P4 p2 i9 JPY 100 posted",
        rates="2026-06-29 USD SGD 1.10\n2026-06-30 USD SGD 1.30\n2026-07-01 USD SGD 9\n2026-06-30 JPY SGD 0.01",
    ).links["R3"]
    assert found.precision == Decimal("0.5")
    assert (found.posted_value, found.right_value) == (14, 13)


def test_value_is_not_told_when_a_rate_is_missing(scored: Scored) -> None:
    found = scored(
        links="R3 p1 i1 1\nR3 p2 i2 1",
        matches="R3 P1 p1 i1 USD 1 posted\nR3 P1 p2 i2 SGD 1 posted",
        rates="2026-06-30 JPY SGD 0.01",
    ).links["R3"]
    assert found.precision_by_value is None


def test_a_wrong_pair_names_its_rule_and_what_is_true(scored: Scored) -> None:
    result = scored(
        links="R3 p1 i1 10.00", unmatchable="R3 p2 duplicate", matches="R3 P5 p2 i1 SGD 10.00 posted"
    )
    [wrong] = result.links["R3"].wrong
    assert wrong.posted.rule == "P5"
    assert wrong.truly == ("p2 is duplicate", "i1 - p1", "p2 - nothing")
    assert result.links["R3"].by_rule == {"P5": (1, 1)}


def test_a_right_pair_that_nobody_could_know_is_luck_and_not_recall(scored: Scored) -> None:
    result = scored(
        payments="p1 SGD 2026-06-01 succeeded\np2 SGD 2026-06-01 succeeded",
        links="R3 p1 i1 10.00\nR3 p2 i2 10.00",
        unmatchable="R3 p1 ambiguous\nR3 p2 ambiguous",
        matches="R3 P4 p1 i1 SGD 10.00 posted",
    )
    assert (result.links["R3"].right, result.links["R3"].lucky, result.links["R3"].matchable) == (1, 1, 0)
    assert result.cash.withheld == Decimal("0.5")
    assert result.cash.unmatchable == {"ambiguous": (2, 1)}


def test_coverage_counts_payments_received_up_to_the_day(scored: Scored) -> None:
    cash = scored(
        payments="""
            p1 SGD 2026-06-01 succeeded
            p2 SGD 2026-06-01 succeeded
            stray SGD 2026-06-01 succeeded
            failed SGD 2026-06-01 failed
            late SGD 2026-07-01 succeeded
        """,
        links="R3 p1 i1 10.00\nR3 p1 i2 5.00\nR3 p2 i3 1.00",
        kinds="R3 partials p1\nR3 exact p2",
        unmatchable="R3 stray no_counterpart",
        matches="R3 P1 p1 i1 SGD 10.00 posted",
    ).cash
    assert (cash.received, cash.matchable, cash.posted, cash.whole) == (3, 2, 1, 0)
    assert cash.coverage == Decimal("0.5")
    assert cash.kinds == {"exact": (1, 0), "partials": (1, 1)}
    assert figure(cash.coverage_of_all) == "0.333333"


def test_codes_are_compared_by_what_is_wrong_and_quality_breaks_are_left_out(scored: Scored) -> None:
    result = scored(
        true_breaks="R3 CA04 p1 1.00\nR3 CA04 p2 1.00\nR3 CA05 p3 1.00\nR1 ID01 c1",
        breaks="R3 CA04 p1\nR3 CA04 p9\nR3 CA01 p3\nR3 DQ05 p1",
    )
    cash = result.codes["R3"]
    assert {code: (one.right, one.invented, one.missed) for code, one in cash.items()} == {
        "CA01": (0, 1, 0),
        "CA04": (1, 1, 1),
        "CA05": (0, 0, 1),
    }
    assert cash["CA04"].f1 == Decimal("0.5")
    assert result.macro_f1("R3") == Decimal("0.25")  # CA01 is not in the truth
    assert result.macro_f1("R1") == 0
    assert figure(result.macro_f1()) == "0.166666"


def test_a_reconciliation_without_truth_is_not_scored(scored: Scored) -> None:
    result = scored(links="R3 p1 i1 10.00", matches="R1 NAME a1 c1 SGD 0 posted")
    assert list(result.links) == ["R3"]


def test_a_ratio_is_never_rounded_up_to_one() -> None:
    assert ratio(10**12 - 1, 10**12) < 1
    assert figure(ratio(999_999_999, 1_000_000_000)) == "0.999999"


def test_the_text_shows_every_figure(scored: Scored) -> None:
    text = "\n".join(
        as_text(
            scored(
                payments="p1 SGD 2026-06-01 succeeded",
                links="R3 p1 i1 10.00",
                true_breaks="R3 CA04 p1 1.00",
                matches="R3 P1 p1 i2 SGD 10.00 posted",
            )
        )
    )
    assert "wrong by P1: p1 - i2 10.00 SGD" in text
    assert "precision 0.000000 by count" in text
    assert "macro-F1" in text


def test_results_without_matches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a folder of results"):
        read_results(tmp_path)


def test_truth_of_a_world_without_truth_is_empty(tmp_path: Path) -> None:
    assert read_truth(tmp_path).links == {}
