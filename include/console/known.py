"""Keeps who comes and what the console lets them do: the audit log tells it, and answers in Airflow are held to it.

A break can be given to whoever is known so.
"""

from time import monotonic

from fastapi import Request

from include.console.access import Someone
from include.console.permissions import May
from include.console.render import store_of
from include.domain.break_life import NotAllowed
from include.flows.ask_approvals import note_person

KEPT_S = 3600.0
"""Who was noted so lately is noted again only when something changed."""

_noted: dict[tuple[str, int], tuple[frozenset[May], float]] = {}


def note(request: Request, who: Someone) -> None:
    """A dependency of the pages: note who looks, when it is news."""
    name, now = (who.name, id(request.app)), monotonic()
    known, noted_at = _noted.get(name, (frozenset(), -KEPT_S))
    if known == who.may and now - noted_at < KEPT_S:
        return
    try:
        note_person(store_of(request), who.name, sorted(who.may))
    except NotAllowed:
        return  # history could not say who it is: they may look, and nothing else
    _noted[name] = (who.may, now)
