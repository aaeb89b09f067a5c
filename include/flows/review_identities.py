"""R1, after the links: whom an unlinked record may be, what becomes of it, and the breaks."""

from collections.abc import Callable, Mapping

from include.domain import identity_breaks
from include.domain.breaks import Break
from include.domain.identity import likeness
from include.flows.snapshot import Seen
from include.policy.identity import Identity
from include.ports import Row, Transaction

_SIDES = 2


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
    if len(sides) < _SIDES:
        return []
    accounts = map(identity_breaks.missing_account, tx.rows("missing_accounts"))
    customers = map(identity_breaks.missing_customer, tx.rows("missing_customers"))
    return [*accounts, *customers]


_FINDINGS: Mapping[str, Callable[[Row], Break]] = {
    "duplicate_parties": identity_breaks.duplicate,
    "contradicted_links": identity_breaks.contradicted,
    "parties_in_review": identity_breaks.in_review,
    "related_parties": identity_breaks.related,
    "unequal_parents": identity_breaks.unequal_parents,
    "drifted_links": identity_breaks.drifted,
}
"""Query -> what a row of it tells."""
