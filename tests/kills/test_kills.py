"""A process that runs a flow is killed in the middle; the next one ends with every effect there exactly once.

A sample: `python -m tests.chaos run --only kills` kills at every checkpoint of every flow, and
`python -m tests.bench run --only kills` puts back to every commit of the recipes.
"""

import random
from collections.abc import Iterator

import pytest

from include.local.databases import DatabaseUrls
from tests.kills.desk import RECIPES
from tests.kills.flows import FLOWS
from tests.kills.matrix import Cell, Matrix
from tests.kills.restores import Loss, difference, losses
from tests.kills.world import BILLED, OWNER, REFUSED, WON

SEED = 20260701
CELLS = {"closed_won": 2}
"""By flow; one where none is named."""

SAMPLED = [flow for flow in FLOWS if not flow.endswith((" erp", " payments"))]
"""Each takes seconds to be done undisturbed; what is done alike with three sources is killed here with one of them."""


@pytest.fixture(scope="module")
def matrix(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with Matrix(server_urls, tmp_path_factory.mktemp("kills")) as matrix:
        yield matrix


def there(matrix: Matrix, recipe: str, name: str, *words: str) -> int:
    return sum(all(word in row for word in words) for row in matrix.expected(recipe)[name])


def test_undisturbed_a_won_deal_has_one_order_one_invoice_and_its_reference(matrix: Matrix) -> None:
    assert there(matrix, "closed_won", "sale.sale", WON) == 1
    assert there(matrix, "closed_won", "account.invoice") == 4 + 1
    assert there(matrix, "closed_won", "Opportunity", WON, "'ERP_Order_Id__c': '1'") == 1
    assert there(matrix, "closed_won", "Task", REFUSED, OWNER) == 1


def test_undisturbed_a_payment_is_one_activity_and_shows_on_invoice_and_deal(matrix: Matrix) -> None:
    assert there(matrix, "payment_status", "Payment_Activity__c", "payments/ch_paid/I3") == 1
    assert there(matrix, "payment_status", "Payment_Activity__c", "refunds/re_part/I3") == 1
    assert there(matrix, "payment_status", "Invoice__c", "I3", "PARTIALLY_PAID") == 1
    assert there(matrix, "payment_status", "Opportunity", BILLED, "PARTIALLY_PAID") == 1


def test_undisturbed_declines_are_one_try_and_one_task_and_an_overdue_invoice_another(matrix: Matrix) -> None:
    assert there(matrix, "payment_failure", "payment_intents") == 1
    assert there(matrix, "payment_failure", "charges") == 5 + 1
    assert there(matrix, "payment_failure", "Task", "keeps failing") == 1
    assert there(matrix, "payment_failure", "Task") == 2


def test_undisturbed_subscriptions_are_told_once_and_the_one_that_renews_asks_for_a_step(
    matrix: Matrix,
) -> None:
    assert there(matrix, "subscription_change", "Subscription__c", "13650") == 2
    assert there(matrix, "subscription_change", "Task", "Subscription S1") == 1
    assert there(matrix, "subscription_change", "Task") == 1


@pytest.mark.parametrize("flow", SAMPLED)
def test_killed_anywhere_it_ends_as_if_nothing_had_happened(matrix: Matrix, flow: str) -> None:
    found = {
        str(cell): matrix.difference(cell) for cell in matrix.sample(SEED, flow, most=CELLS.get(flow, 1))
    }
    assert {cell: difference for cell, difference in found.items() if difference} == {}


def test_undisturbed_a_sweep_ends_what_is_gone_and_counts_what_is_late_or_changed(matrix: Matrix) -> None:
    counts = "'gone': 1, 'late': 1"
    assert there(matrix, "sweep salesforce", "swept", "'opportunities'", "'changed': 1", counts) == 1


@pytest.mark.parametrize(
    ("flow", "name", "rows"),
    [
        ("extract salesforce", "opportunities", 3),
        ("tie out", "runs", 2),
        ("mail", "mails", 2),
        ("watch", "mails", 2),
        ("tell landed", "Payment_Activity__c", 6),
        ("seal", "seals", 4),
        ("remove old", "removed", 13),
    ],
)
def test_undisturbed_a_flow_leaves_something_to_lose(matrix: Matrix, flow: str, name: str, rows: int) -> None:
    assert there(matrix, flow, name) == rows


@pytest.mark.parametrize(
    ("planted", "flow", "place", "hours"),
    [
        ("a random key for each attempt", "payment_failure", "after POST /v1/payment_intents", 1),
        ("marked as sent before it is sent", "closed_won", "before POST /erp/rest/model/sale.sale", 1),
        ("the message after the commit of its decision", "subscription_change", "after commit", 1),
        ("sent again without looking first", "payment_failure", "after POST /v1/payment_intents", 25),
        ("a mail under another Message-ID each time", "mail", "after .", 1),
        ("a mail under another Message-ID each time", "watch", "after .", 0.05),
    ],
)
def test_a_mistake_that_is_planted_is_found(
    matrix: Matrix, planted: str, flow: str, place: str, hours: float
) -> None:
    at = matrix.checkpoints(flow).index(place) + 1
    assert matrix.difference(Cell(flow, at, hours), planted=planted)


# --- the database is put back while other systems keep what they were told


@pytest.mark.parametrize("recipe", RECIPES)
def test_put_back_to_any_commit_it_ends_as_if_nothing_had_been_lost(matrix: Matrix, recipe: str) -> None:
    sample = random.Random(SEED).sample(losses(matrix, recipe), CELLS.get(recipe, 1))  # noqa: S311
    found = {str(loss): difference(matrix, loss) for loss in sample}
    assert {loss: difference for loss, difference in found.items() if difference} == {}


def test_put_back_unnoticed_a_card_is_charged_twice_once_keys_are_forgotten(matrix: Matrix) -> None:
    assert "charges" in difference(matrix, Loss("payment_failure", 0, 25), noted=False)
