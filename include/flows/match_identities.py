"""R1: says which account of the CRM is which customer of the ERP, and what about the others a person must decide."""

from collections.abc import Callable, Iterable
from typing import Any

from include.domain.breaks import Break
from include.domain.identity import registered_number, registrable_domain, salesforce_id
from include.domain.names import company_name
from include.flows.review_identities import review_identities
from include.flows.snapshot import Seen
from include.policy import Policy
from include.policy.identity import Identity
from include.ports import Transaction


def match_identities(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Link accounts and customers that are surely one company, and return a break for every record that needs someone.

    Leaves for the reconciliations after it: `identity_links`, the pairs posted; `held_customers`, to whom nothing may
    be posted; `customer_parents` and `customer_groups`, who belongs to whom.
    """
    rules = policy.identity
    _read_parties(tx, rules)
    _find_evidence(tx, rules)
    _find_duplicates(tx, rules)
    tx.run("create_identity_links")
    tx.run("create_considered")
    for evidence, rule in (("numbers", "strong_id"), ("cross_references", "cross_reference")):
        tx.run(f"consider_{evidence}")
        tx.run("link_considered", rule=rule)
        tx.run("forget_considered")
        tx.run("remove_linked")
    tx.run("link_by_name")
    tx.run("remove_linked")
    tx.run("keep_identity_links", run_id=seen.run_id)
    return review_identities(tx, seen, rules)


def _read_parties(tx: Transaction, rules: Identity) -> None:
    """Fill `parties` and `party_domains`; every distinct text is read once, however many records share it."""
    tx.run("create_salesforce_ids")
    _read(tx, "short_salesforce_ids", "salesforce_ids", "given id18", lambda text: [salesforce_id(text)])
    tx.run("create_read_names")
    _read(tx, "names_to_read", "read_names", "name key legal_form hint", _name)
    tx.run("create_read_numbers")
    _read_numbers(tx)
    tx.run("analyse_read_texts")
    tx.run("create_parties")
    tx.run("fill_parties")
    tx.run("forget_shared_numbers", bearers_max=rules.bearers_max)
    tx.run("forget_branch_numbers")
    tx.run("create_party_hosts")
    tx.run("fill_party_hosts")
    tx.run("create_read_hosts")
    _read(tx, "hosts_to_read", "read_hosts", "host domain", lambda host: _domain(host, rules))
    tx.run("analyse_hosts")
    tx.run("create_party_domains")
    tx.run("fill_party_domains")
    tx.run("analyse_parties")


def _read(
    tx: Transaction, query: str, table: str, columns: str, read: Callable[[str], list[Any] | None]
) -> None:
    texts = [row["text"] for row in tx.rows(query)]
    found = ((text, values) for text in texts if (values := read(text)) is not None)
    tx.copy_in(table, columns.split(), ([text, *values] for text, values in found))


def _name(text: str) -> list[Any]:
    name = company_name(text)
    return [name.key, list(name.legal_form), name.jurisdiction_hint]


def _domain(host: str, rules: Identity) -> list[Any] | None:
    domain = registrable_domain(host, free_mail=rules.free_mail)
    return [domain] if domain else None


def _read_numbers(tx: Transaction) -> None:
    def read() -> Iterable[list[Any]]:
        for row in rows:
            country, written = row["country"], row["written"]
            found = registered_number(written, country=country)
            if found:
                yield [country, written, found.scheme, found.number, found.entity, found.strong]

    rows = tx.rows("numbers_to_read")
    tx.copy_in("read_numbers", ["country", "written", "scheme", "number", "entity", "strong"], read())


def _find_evidence(tx: Transaction, rules: Identity) -> None:
    tx.run("create_same_numbers")
    tx.run("fill_same_numbers")
    tx.run("create_same_names")
    tx.run("fill_same_names", bearers_max=rules.bearers_max)
    tx.run("create_cross_references")
    tx.run("fill_cross_references")
    tx.run("analyse_pairs")
    tx.run("contradict_cross_references")
    tx.run("create_held_customers")
    tx.run("fill_held_customers")
    tx.run("refuse_contradicted")


def _find_duplicates(tx: Transaction, rules: Identity) -> None:
    tx.run("create_alike_groups")
    tx.run("fill_alike_by_number", bearers_max=rules.bearers_max)
    tx.run("fill_alike_by_name", bearers_max=rules.bearers_max)
    tx.run("create_alike")
    tx.run("analyse_alike")
    tx.run("fill_alike")
    for removal in ("refuse_duplicates", "forget_duplicates_numbers", "forget_duplicates_names"):
        tx.run(removal)
