"""Wholes that are the sum of a few parts, where only one set of parts makes up each and no part is of two."""

from collections import Counter
from collections.abc import Mapping

from include.domain.subset_sum import BudgetSpent, exact_subsets

LIMIT = 2
"""Two explanations are as good as many: neither is shown."""


def only_sums(
    wholes: Mapping[str, int], parts: Mapping[str, int], *, most: int = 3
) -> dict[str, tuple[str, ...]]:
    """Whole -> the only set of two to `most` parts that adds up to it; amounts are positive minor units."""
    names = sorted(parts)
    amounts = tuple(parts[name] for name in names)
    found = {}
    for whole, target in sorted(wholes.items()):
        try:
            ways = exact_subsets(amounts, target=target, limit=LIMIT)
        except BudgetSpent:
            return {}
        if len(ways) == 1 and 1 < len(ways[0]) <= most:
            found[whole] = tuple(names[place] for place in ways[0])
    used = Counter(part for ways in found.values() for part in ways)
    return {whole: ways for whole, ways in found.items() if all(used[part] == 1 for part in ways)}
