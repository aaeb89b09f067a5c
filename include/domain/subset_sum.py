"""Small exact subset sums over minor units: is there another set of items that explains the same money?"""

from collections.abc import Sequence

NODES_MAX = 200_000
"""Work allowed per question, in visited partial sums and never in time: a time limit would not be deterministic."""


class BudgetSpent(Exception):
    """The question is larger than NODES_MAX partial sums; the answer is unknown and the money must be held."""


def small_subsets(amounts: Sequence[int], *, target: int, limit: int = 2) -> list[tuple[int, ...]]:
    """Up to `limit` subsets of two or three items that sum exactly to `target`, as index tuples into `amounts`.

    Amounts are positive minor units. Pairs come first, then triples, each in index order. Raises BudgetSpent.
    """
    found: list[tuple[int, ...]] = []
    nodes = len(amounts)
    position = {amount: [i for i, other in enumerate(amounts) if other == amount] for amount in set(amounts)}

    def complete(prefix: tuple[int, ...], rest: int) -> None:
        for last in position.get(rest, ()):
            if last > prefix[-1] and len(found) < limit:
                found.append((*prefix, last))

    for i, first in enumerate(amounts):
        complete((i,), target - first)
    for i, first in enumerate(amounts):
        nodes += len(amounts) - i
        if nodes > NODES_MAX:
            raise BudgetSpent(f"{len(amounts)} items need more than {NODES_MAX} partial sums")
        for j in range(i + 1, len(amounts)):
            complete((i, j), target - first - amounts[j])
    return found
