"""R1, after the links: whom an unlinked record may be, what becomes of it, and the breaks."""

from collections.abc import Callable, Mapping

from include.domain.breaks import Break
from include.domain.identity import likeness
from include.flows.snapshot import Seen
from include.policy.identity import Identity
from include.ports import Row, Transaction

_SYSTEMS = {"account": "CRM account", "customer": "ERP customer"}
SHOWN_MAX = 5
"""Candidates an evidence names."""


def review_identities(tx: Transaction, seen: Seen, rules: Identity) -> list[Break]:
    """Decide every record's fate, keep the suggestions, and return the breaks."""
    _group_customers(tx, rules)
    _decide_fates(tx, rules)
    tx.run("keep_candidates", run_id=seen.run_id, candidates_max=rules.candidates_max)
    return [tell(row) for query, tell in _FINDINGS.items() for row in tx.rows(query)] + _missing(tx)


def _group_customers(tx: Transaction, rules: Identity) -> None:
    for table in ("customer_parents", "said_parents", "customer_groups"):
        tx.run(f"create_{table}")
    tx.run("fill_said_parents")
    tx.run("fill_customer_parents")
    tx.run("fill_customer_groups", generations_max=rules.generations_max)
    tx.run("analyse_groups")


def _decide_fates(tx: Transaction, rules: Identity) -> None:
    tx.run("create_party_fates")
    for known in ("linked", "unreadable", "duplicates", "contradicted", "owners_of_contradicted"):
        tx.run(f"note_{known}")
    tx.run("create_candidates")
    tx.run("propose_evident")
    for known in ("other_registrations", "in_review", "in_question"):
        tx.run(f"note_{known}")
    _note_related(tx, rules)
    _propose_alike_names(tx, rules)
    tx.run("note_in_review")
    tx.run("note_in_question")
    _note_related(tx, rules)
    tx.run("note_missing")


def _note_related(tx: Transaction, rules: Identity) -> None:
    """From generation to generation: a branch of a branch is related too."""
    for _ in range(rules.generations_max):
        if not tx.run("note_related"):
            return


def _propose_alike_names(tx: Transaction, rules: Identity) -> None:
    tx.run("create_blocks")
    tx.run("fill_blocks")
    tx.run("analyse_blocks")
    proposed = []
    for pair in tx.rows("pairs_to_compare", block_pairs_max=rules.block_pairs_max):
        score = likeness(pair["account_key"], pair["customer_key"])
        score -= rules.other_country_costs if pair["other_country"] else 0
        if score >= rules.review_score:
            proposed.append((pair["account_id"], pair["customer_id"], score))
    accounts, customers, scores = ([pair[place] for pair in proposed] for place in range(3))
    tx.run("fill_alike_names", accounts=accounts, customers=customers, scores=scores)


def _missing(tx: Transaction) -> list[Break]:
    """ID01 and ID02, unless nobody loaded the other system: what is nowhere is not missing from anywhere."""
    sides = {row["side"] for row in tx.rows("loaded_sides")}
    if len(sides) < len(_SYSTEMS):
        return []
    accounts = map(_missing_account, tx.rows("missing_accounts"))
    customers = map(_missing_customer, tx.rows("missing_customers"))
    return [*accounts, *customers]


def _missing_account(row: Row) -> Break:
    won = "has a Closed-Won opportunity and " if row["won"] else ""
    return Break(
        recon="R1",
        code="ID01",
        key=row["id"],
        evidence=f"CRM account {_named(row)} {won}has no customer in the ERP: none has its number, names it, or has a "
        "name like it.",
        severity="S2" if row["won"] else "S4",
    )


def _missing_customer(row: Row) -> Break:
    names = f"; it names account {row['refers_to']}, which is not there" if row["refers_to"] else ""
    return _break(
        "ID02",
        row["id"],
        f"ERP customer {_named(row)} has no account in the CRM: none has its number, names it, or has a name like it"
        f"{names}.",
    )


def _duplicate(row: Row) -> Break:
    shared = "registered number" if row["why"] == "number" else "name, domain, country and legal form"
    settled = (
        "" if row["settled"] else " Both are in use, so no link is posted for either without a decision."
    )
    return _break(
        "ID03" if row["side"] == "account" else "ID04",
        row["id"],
        f"{_SYSTEMS[row['side']]} {_named(row)} has the same {shared} as {row['standing_id']} "
        f"({row['standing_name']}), which is the one to keep.{settled}",
    )


def _contradicted(row: Row) -> Break:
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
        f"{row['customer_name']}, number ending {row['customer_number'] or 'unknown'}) to account {row['account_id']} "
        f"({row['account_name']}, number ending {row['account_number'] or 'unknown'}). Their registered "
        f"numbers contradict it.{owner} Nothing is posted to the customer until the link is mended.",
    )


def _in_review(row: Row) -> Break:
    candidates = row["candidates"]
    shown = "; ".join(
        f"{one['id']} ({one['name']}) by {one['why']}, {one['score']} of 100"
        for one in candidates[:SHOWN_MAX]
    )
    more = f"; and {len(candidates) - SHOWN_MAX} more" if len(candidates) > SHOWN_MAX else ""
    return _break(
        "ID06",
        row["id"],
        f"{_SYSTEMS[row['side']]} {_named(row)} may be {shown}{more}. None of it proves them one company.",
    )


def _related(row: Row) -> Break:
    other = f"{row['other_id']} ({row['other_name']})"
    how = {
        "parent": f"is recorded below {other}, with no number of its own and nothing like it in the other system",
        "second customer": f"is a second customer of CRM account {other}",
    }[row["why"]]
    return _break("ID07", row["id"], f"{_SYSTEMS[row['side']]} {_named(row)} {how}.")


def _unequal_parents(row: Row) -> Break:
    return _break(
        "ID07",
        row["account_id"],
        f"CRM account {row['account_id']} ({row['account_name']}) is customer {row['customer_id']}, whose parent is "
        f"{row['in_erp'] or 'none'} in the ERP and {row['in_crm'] or 'none'} by the CRM.",
    )


def _drifted(row: Row) -> Break:
    return _break(
        "ID08",
        row["customer_id"],
        f"Customer {row['customer_id']} ({row['name']}) and its account {row['account_id']} differ: {row['crm']} in "
        f"the CRM, {row['erp']} in the ERP.",
    )


def _named(row: Row) -> str:
    return f"{row['id']} ({row['name']})"


def _break(code: str, key: str, evidence: str) -> Break:
    return Break(recon="R1", code=code, key=key, evidence=evidence)


_FINDINGS: Mapping[str, Callable[[Row], Break]] = {
    "duplicate_parties": _duplicate,
    "contradicted_links": _contradicted,
    "parties_in_review": _in_review,
    "related_parties": _related,
    "unequal_parents": _unequal_parents,
    "drifted_links": _drifted,
}
"""Query -> what a row of it tells."""
