"""Words for figures of two sides."""

import pytest

from include.domain.shown import sums_apart


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (
            {"SGD": "1312345.5", "USD": "7"},
            {"SGD": "312.5", "USD": "7"},
            "sums: SGD 1,312,345.50 there, 312.50 here",
        ),
        ({"JPY": "100"}, {"": "-3"}, "sums: without currency 0 there, -3 here; JPY 100 there, 0 here"),
        ({"SGD": "90000"}, {"SGD": "0.123"}, "sums: SGD 90,000.00 there, 0.123 here"),
        ({"SGD": "7"}, {"SGD": "7"}, "the sums agree"),
        ({}, {}, "the sums agree"),
    ],
)
def test_sums_of_a_source_and_ours_are_told_where_they_differ(
    there: dict[str, str], here: dict[str, str], said: str
) -> None:
    assert sums_apart(there, here) == said
