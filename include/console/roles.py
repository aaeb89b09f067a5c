"""Makes the console's roles and permissions in Airflow's user database: `python -m include.console.roles`.

Repeating it changes nothing. It adds only: what an administrator gave a role stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from include.console.permissions import RESOURCE, ROLES, SAID, SIGNING, May

MENU = (("can_read", "Plugins"), ("menu_access", "Plugins"))
"""Without these Airflow does not show the way to a plugin's pages."""
ASKING = (("DAG:approve_breaks", frozenset({May.APPROVE})), ("DAG:sign_parity", SIGNING))
"""DAGs whose tasks wait for an answer, and who may give one: whoever has one of these."""


def wanted() -> list[dict[str, Any]]:
    """Each role with its (action, resource) permissions, as Airflow's security manager takes them."""
    return [
        {"role": role, "perms": [*MENU, *_answer(allowed), *sorted((str(act), RESOURCE) for act in allowed)]}
        for role, allowed in ROLES.items()
    ]


def _answer(allowed: frozenset[May]) -> tuple[tuple[str, str], ...]:
    """Without these nobody may answer a task of a DAG that asks."""
    dags = [dag for dag, permissions in ASKING if permissions & allowed]
    things = (*dags, "HITL Detail") if dags else ()
    seen = (("menu_access", "HITL Detail"),) if dags else ()
    return (*(("can_read", thing) for thing in things), *(("can_edit", thing) for thing in things), *seen)


def make_roles() -> None:
    """Create what is missing. Needs Airflow's database, and its FAB auth manager."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import (  # noqa: PLC0415 - heavy
        get_application_builder,
    )

    with get_application_builder() as builder:
        builder.sm.bulk_sync_roles(wanted())


def held() -> dict[str, frozenset[str]]:
    """What each of Airflow's roles may do with the console. Needs Airflow's database, and its FAB auth manager."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import (  # noqa: PLC0415 - heavy
        get_application_builder,
    )

    with get_application_builder() as builder:
        return {
            role.name: frozenset(one.action.name for one in role.permissions if one.resource.name == RESOURCE)
            for role in builder.sm.get_all_roles()
        }


def beyond(held: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """A sentence for each role that may do with the console what it should not."""
    for role, may in sorted(held.items()):
        if many := sorted(may - set(map(str, ROLES.get(role, ())))):
            yield f"{role} may {', '.join(map(_said, many))}"


def lacking(held: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """A sentence for each role that may not do with the console what it should."""
    for role, allowed in ROLES.items():
        if few := sorted(set(map(str, allowed)) - held.get(role, frozenset())):
            yield f"{role} may not {', '.join(map(_said, few))}"


def _said(action: str) -> str:
    known = [said for one, said in SAID.items() if one == action]
    return known[0] if known else action


if __name__ == "__main__":
    make_roles()
    print(f"{len(ROLES)} roles may use the console")
