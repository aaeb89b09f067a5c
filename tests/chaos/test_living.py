"""What the live platform is judged by: who is struck when, and which payment says that it is back."""

from pathlib import Path
from time import monotonic

from include.local.home import Home
from tests.chaos import document
from tests.chaos.living import STRIKES, TWIN, Living, Payment, victims


def place(*payments: Payment) -> Living:
    return Living(Home(Path("nowhere")), "", {}, "", list(payments))


def payment(*, made: float, shown: float | None = None) -> Payment:
    return Payment({"id": f"ch_{made}"}, f"evt_{made}", made, shown=shown)


def test_every_victim_has_its_turn_and_the_twin_the_last_for_it_forgets() -> None:
    for seed in range(5):
        assert sorted(victims(seed)) == sorted(STRIKES)
        assert victims(seed)[-1] == TWIN
    assert victims(1) != victims(2), "the order falls by the seed"


def test_only_a_payment_made_after_a_strike_says_that_the_platform_is_back() -> None:
    assert place(payment(made=1, shown=9)).shown_since(5) is None
    assert place(payment(made=1, shown=9), payment(made=6), payment(made=7, shown=8)).shown_since(5) == 8


def test_a_payment_that_never_showed_has_waited_until_now() -> None:
    now = monotonic()
    paid = place(
        payment(made=now - 90, shown=now), payment(made=now - 80, shown=now - 78), payment(made=now - 60)
    )
    assert round(paid.longest(now - 85, now - 70)) == 2
    assert paid.longest(now - 85, now) >= 60


def test_the_table_says_what_never_came_back_and_what_was_not_run() -> None:
    struck = {"victim": "the scheduler", "how": "killed", "showed": None, "longest": 900.0}
    back = {"victim": "Postgres", "how": "killed", "showed": 4.2, "longest": 5.0, "measured": {"back": 3.1}}
    told = "\n".join(
        document._living(
            {"payments": 7, "late": 0, "alerts": [], "strikes": [struck, back], "not run": [TWIN]}
            | {"wrong": {"never showed again": ["the scheduler"]}}
        )
    )
    assert "| the scheduler | killed | never | 900.0 |  |" in told
    assert "| Postgres | killed | 4.2 | 5.0 | back 3.1 |" in told
    assert f"| {TWIN} | not run |" in told
    assert "**Not as promised**: never showed again" in told
