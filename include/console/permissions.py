"""What can be allowed in the console, and which role may do what."""

from collections.abc import Mapping
from enum import StrEnum

RESOURCE = "Tie-out"


class May(StrEnum):
    """What can be allowed, by the name of its action."""

    READ = "can_read"  # all pages but the audit's
    WORK = "can_work"  # assign, comment, propose, carry out what was approved
    APPROVE = "can_approve"  # approve or reject what somebody else proposed
    DELIVER = "can_deliver"  # hold messages back, and send parked ones again
    TRACE = "can_trace"  # payloads as received, with the personal data in them
    AUDIT = "can_audit"  # who did what, and which days were published
    SIGN_CONTROLLER = "can_sign_controller"  # parity of the old path and ours, each for one of three roles
    SIGN_REVOPS = "can_sign_revops"
    SIGN_IT = "can_sign_it"


READER = frozenset({May.READ})
ROLES: Mapping[str, frozenset[May]] = {
    "Tie-out Viewer": READER,
    "Tie-out Analyst": READER | {May.WORK, May.TRACE},
    "Tie-out Controller": READER | {May.WORK, May.APPROVE, May.TRACE, May.AUDIT, May.SIGN_CONTROLLER},
    "Tie-out RevOps": READER | {May.WORK, May.TRACE, May.SIGN_REVOPS},
    "Tie-out Admin": READER | {May.DELIVER, May.TRACE, May.AUDIT, May.SIGN_IT},
    "Tie-out Auditor": READER | {May.TRACE, May.AUDIT},
    # Airflow's own: whoever may see its runs may see what they found, and who operates it may deliver.
    "Viewer": READER,
    "User": READER,
    "Op": READER | {May.DELIVER, May.TRACE},
    "Admin": frozenset(May),  # Airflow gives its administrators every permission there is
}
"""Role -> what it may do. The roles are made by `python -m include.console.roles`."""

SIGNING = frozenset({May.SIGN_CONTROLLER, May.SIGN_REVOPS, May.SIGN_IT})

ACTING = SIGNING | {May.WORK, May.APPROVE, May.DELIVER}
"""What history keeps a name for."""

SAID: Mapping[May, str] = {
    May.READ: "read the console",
    May.WORK: "work on breaks",
    May.APPROVE: "approve or reject proposals",
    May.DELIVER: "hold messages back or send them again",
    May.TRACE: "see payloads as received",
    May.AUDIT: "see the audit page",
    May.SIGN_CONTROLLER: "sign parity as controller",
    May.SIGN_REVOPS: "sign parity for RevOps",
    May.SIGN_IT: "sign parity for IT",
}


def refusal(permission: May) -> str:
    """What is missing, and which roles have it."""
    roles = " or ".join(role for role in ROLES if role.startswith(RESOURCE) and permission in ROLES[role])
    return f"you may not {SAID[permission]}; it takes the role {roles}"
