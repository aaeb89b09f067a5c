"""Keeps who comes and what the console lets them do: the audit log tells it, and answers in Airflow are held to it.

A break can be given to whoever is known so.
"""

from contextlib import suppress

from fastapi import Request

from include.console.access import Someone
from include.console.render import store_of
from include.domain.break_life import NotAllowed
from include.flows.ask_approvals import note_person


def note(request: Request, who: Someone) -> None:
    """A dependency of the pages: note who looks, when it is news to the database.

    What this process noted before does not count: another one may have seen the same person with other roles since.
    """
    with suppress(NotAllowed):  # history could not say who it is: they may look, and nothing else
        note_person(store_of(request), who.name, sorted(who.may))
