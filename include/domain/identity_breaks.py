"""What is told of a record that is nobody's, somebody's twice, or perhaps another's (R1): the breaks, in words.

`Facts` is a row of the query that found it, see sql/queries/review_identities.sql.
"""

from collections.abc import Mapping
from typing import Any

from include.domain.breaks import Break
from include.domain.shown import cut

Facts = Mapping[str, Any]

_SYSTEMS = {"account": "CRM account", "customer": "ERP customer"}
SHOWN_MAX = 5
"""Candidates an evidence names."""
NAME_SHOWN = 120
"""Characters of a name."""


def missing_account(row: Facts) -> Break:
    """ID01."""
    won = "has a Closed-Won opportunity and " if row["won"] else ""
    return Break(
        recon="R1",
        code="ID01",
        key=row["id"],
        evidence=f"CRM account {_named(row)} {won}has no customer in the ERP: none has its number, names it, or has a "
        "name like it.",
        severity="S2" if row["won"] else "S4",
    )


def missing_customer(row: Facts) -> Break:
    """ID02."""
    names = f"; it names account {row['refers_to']}, which is not there" if row["refers_to"] else ""
    return _break(
        "ID02",
        row["id"],
        f"ERP customer {_named(row)} has no account in the CRM: none has its number, names it, or has a name like it"
        f"{names}.",
    )


def duplicate(row: Facts) -> Break:
    """ID03, ID04."""
    shared = "registered number" if row["why"] == "number" else "name, domain, country and legal form"
    settled = (
        "" if row["settled"] else " Both are in use, so no link is posted for either without a decision."
    )
    return _break(
        "ID03" if row["side"] == "account" else "ID04",
        row["id"],
        f"{_SYSTEMS[row['side']]} {_named(row)} has the same {shared} as {row['standing_id']} "
        f"({quoted(row['standing_name'])}), which is the one to keep.{settled}",
    )


def contradicted(row: Facts) -> Break:
    """ID05."""
    speakers = [system for system, says in (("CRM", row["by_account"]), ("ERP", row["by_customer"])) if says]
    owner = (
        f" The customer's number is that of account {row['owner_account']}." if row["owner_account"] else ""
    )
    if row["owner_customer"]:
        owner += f" The account's number is that of customer {row['owner_customer']}."
    return _break(
        "ID05",
        row["customer_id"],
        f"Linked by the {' and the '.join(speakers)}: customer {row['customer_id']} ("
        f"{quoted(row['customer_name'])}, number ending {row['customer_number'] or 'unknown'}) to account "
        f"{row['account_id']} ({quoted(row['account_name'])}, number ending {row['account_number'] or 'unknown'}). "
        f"Their registered numbers contradict it.{owner} Nothing is posted to the customer until the link is mended.",
    )


def in_review(row: Facts) -> Break:
    """ID06."""
    candidates = row["candidates"]
    shown = "; ".join(
        f"{one['id']} ({quoted(one['name'])}) by {one['why']}, {one['score']} of 100"
        for one in candidates[:SHOWN_MAX]
    )
    more = f"; and {len(candidates) - SHOWN_MAX:,} more" if len(candidates) > SHOWN_MAX else ""
    return _break(
        "ID06",
        row["id"],
        f"{_SYSTEMS[row['side']]} {_named(row)} may be {shown}{more}. None of it proves them one company.",
    )


def related(row: Facts) -> Break:
    """ID07."""
    other = f"{row['other_id']} ({quoted(row['other_name'])})"
    how = {
        "parent": f"is recorded below {other}, with no number of its own and nothing like it in the other system",
        "second customer": f"is a second customer of CRM account {other}",
    }[row["why"]]
    return _break("ID07", row["id"], f"{_SYSTEMS[row['side']]} {_named(row)} {how}.")


def unequal_parents(row: Facts) -> Break:
    """ID07, where both sides say whose it is."""
    return _break(
        "ID07",
        row["account_id"],
        f"CRM account {row['account_id']} ({quoted(row['account_name'])}) is customer {row['customer_id']}, whose "
        f"parent is {row['in_erp'] or 'none'} in the ERP and {row['in_crm'] or 'none'} by the CRM.",
    )


def drifted(row: Facts) -> Break:
    """ID08."""
    return _break(
        "ID08",
        row["customer_id"],
        f"Customer {row['customer_id']} ({quoted(row['name'])}) and its account {row['account_id']} differ: "
        f"{row['crm']} in the CRM, {row['erp']} in the ERP.",
    )


def _named(row: Facts) -> str:
    return f"{row['id']} ({quoted(row['name'])})"


def quoted(name: str | None) -> str:
    """What others wrote, in marks: what looks like a figure in it is none."""
    return repr(cut(name, NAME_SHOWN)) if name else "no name"


def _break(code: str, key: str, evidence: str) -> Break:
    return Break(recon="R1", code=code, key=key, evidence=evidence)
