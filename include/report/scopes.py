"""The part of the books that a report is of, in words."""

from collections.abc import Iterable, Mapping

from include.domain.recipients import Scope

NAMED_IN_SUBJECT = 3
"""A subject line has room for the names of so many currencies or countries; of more it says how many."""

Entities = Mapping[str, frozenset[str]]
"""What policy calls a part of the books -> the countries of the customers it answers for."""


def in_words(scope: Scope, entities: Entities) -> str:
    """All of it, as in `EUR, USD; APAC: customers in AU, JP`; empty for all of the books."""
    parts = []
    if scope.currencies is not None:
        parts.append(_listed(scope.currencies))
    if scope.countries is not None:
        names = ", ".join(_entities_in(scope.countries, entities))
        parts.append(f"{names + ': ' if names else ''}customers in {_listed(scope.countries)}")
    return "; ".join(parts)


def in_subject(scope: Scope, entities: Entities) -> str:
    """The same in little: `EUR, USD; APAC`, `customers in 14 countries`."""
    parts = []
    if scope.currencies is not None:
        parts.append(_counted(scope.currencies, "currencies"))
    if scope.countries is not None:
        names = _entities_in(scope.countries, entities)
        rest = scope.countries.difference(*(entities[name] for name in names))
        parts += [", ".join(names)] if names else []
        parts += [f"customers in {_counted(rest, 'countries')}"] if rest or not names else []
    return "; ".join(parts)


def _entities_in(countries: frozenset[str], entities: Entities) -> list[str]:
    """Those that lie in the countries and in no other that does."""
    inside = {name: own for name, own in entities.items() if own and own <= countries}
    return sorted(name for name, own in inside.items() if not any(own < other for other in inside.values()))


def _counted(codes: frozenset[str], plural: str) -> str:
    return _listed(codes) if len(codes) <= NAMED_IN_SUBJECT else f"{len(codes)} {plural}"


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))
