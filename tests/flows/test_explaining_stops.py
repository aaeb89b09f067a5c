"""What stops a day is said whatever a source states: currencies that are none, sums of any size, many keys."""

from typing import Any
from uuid import UUID

import pytest

from include.domain.money import Money
from include.flows.explain_stop import Stop, explain_stop


class Told:
    """A transaction in which one source could not be proven."""

    def __init__(self, **proof: Any) -> None:
        empty = {"source_count": 1, "held_count": 1, "missing": [], "source_amounts": {}, "held_amounts": {}}
        self._proof = {"system": "erp", "entity": "invoices", **empty, **proof}

    def rows(self, query: str, **_: Any) -> list[dict[str, Any]]:
        found = {"code": "DQ02", "key": "erp invoices", "proof_through": 1}
        return {"stopping_break": [found], "latest_proofs": [self._proof]}[query]


def explained(**proof: Any) -> Stop:
    told: Any = Told(**proof)
    stop = explain_stop(told, UUID(int=1), say=Money.__str__)
    assert stop
    return stop


@pytest.mark.parametrize(
    ("currency", "total", "said"),
    [
        ("SGD", "1234.5", "1234.50 SGD"),
        ("XXX", "5", "XXX 5"),
        ("sgd", "5", "sgd 5"),
        ("EUR", "10.005", "EUR 10.005"),
        ("SGD", "1999999999999998", "SGD 1,999,999,999,999,998.00"),
        ("", "5.5", "5.5"),
    ],
)
def test_a_sum_is_said_also_where_it_is_no_money_of_ours(currency: str, total: str, said: str) -> None:
    line = explained(source_amounts={currency: total}).lines[-1]
    assert (line.values[0], line.differs) == (said, True)


def test_of_more_missing_rows_than_a_proof_keeps_is_said_how_many_there_are() -> None:
    kept = [f"I{place:02} @ 1" for place in range(20)]
    many = explained(source_count=1_500, held_count=263, missing=kept)
    assert many.apart == f"missing are, the first 20 of 1,237: {', '.join(kept)}"
    assert explained(source_count=20, held_count=0, missing=kept).apart == f"missing are {', '.join(kept)}"
    assert explained().apart == ""
