"""Whose word counts: what we own we may write in the CRM; nothing else, and nothing anywhere else."""

from typing import Any

import pytest
import yaml

from include.domain.entities import ENTITIES, Kind
from include.domain.ownership import Ownership, UnknownField
from include.policy import FOLDER, load_policy
from include.ports import Fatal

OWNERSHIP = load_policy().field_ownership


@pytest.mark.parametrize(
    ("entity", "field", "owner"),
    [
        ("accounts", "owner_id", "salesforce"),
        ("accounts", "tax_id", "erp"),
        ("opportunities", "close_date", "salesforce"),
        ("opportunities", "erp_order_id", "tieout"),
        ("invoices", "gross", "erp"),
        ("payments", "payer_text", "bank"),
        ("payments", "paid_on", "bank"),
        ("payments", "fee", "payments"),
        ("subscriptions", "arr", "tieout"),
    ],
)
def test_a_field_has_one_owner(entity: str, field: str, owner: str) -> None:
    assert OWNERSHIP.owner(entity, field) == owner


def test_every_field_we_hold_has_an_owner() -> None:
    held = {(e.name, f.name) for e in ENTITIES.values() for f in e.fields if f.name != "id"}
    owned = {(entity, field) for entity, fields in OWNERSHIP.owners.items() for field in fields}
    assert held - owned == set()


@pytest.mark.parametrize("field", ["erp_order_id", "payment_status", "arr", "renewal_date", "rev_rec_flag"])
def test_what_is_recalculated_may_be_written_to_the_deal_in_the_crm(field: str) -> None:
    assert OWNERSHIP.may_write("salesforce", "opportunities", field)


@pytest.mark.parametrize("field", ["amount", "stage", "close_date", "currency"])
def test_what_the_crm_owns_is_not_ours_to_write(field: str) -> None:
    assert not OWNERSHIP.may_write("salesforce", "opportunities", field)


def test_a_task_may_be_written() -> None:
    assert OWNERSHIP.may_write("salesforce", "tasks", "subject")


def test_no_money_may_be_written_in_the_erp_and_nothing_else_either() -> None:
    money = [(e.name, f.name) for e in ENTITIES.values() for f in e.of_kind(Kind.MONEY)]
    assert not any(OWNERSHIP.may_write("erp", entity, field) for entity, field in money)
    assert not any(
        OWNERSHIP.may_write(system, entity, field)
        for system in ("erp", "payments", "bank")
        for entity, fields in OWNERSHIP.owners.items()
        for field in fields
    )


@pytest.mark.parametrize(("entity", "field"), [("opportunities", "colour"), ("wishes", "amount")])
def test_a_field_nobody_owns_is_refused(entity: str, field: str) -> None:
    with pytest.raises(UnknownField, match=f"nobody owns {entity}.{field}"):
        OWNERSHIP.may_write("salesforce", entity, field)


@pytest.mark.parametrize(
    ("system", "entity", "field", "says"),
    [
        ("salesforce", "opportunities", "amount", "is salesforce's: it must not be written"),
        ("erp", "invoices", "gross", "is erp's: it must not be written in erp"),
        ("erp", "invoices", "dunning_level", "in salesforce only, not in erp"),
    ],
)
def test_a_policy_that_writes_what_is_not_ours_is_refused(
    system: str, entity: str, field: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Ownership(OWNERSHIP.owners, {system: {entity: frozenset({field})}})


def test_a_wrong_ownership_file_is_named_on_load(tmp_path: Any) -> None:
    for path in FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rules = yaml.safe_load((tmp_path / "ownership.yaml").read_text())
    rules["writes"]["salesforce"]["opportunities"].append("amount")
    (tmp_path / "ownership.yaml").write_text(yaml.safe_dump(rules))
    with pytest.raises(Fatal, match=r"opportunities\.amount is salesforce's"):
        load_policy(tmp_path)
