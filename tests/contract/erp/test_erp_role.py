"""The role that our module of Tryton gives our user: what the connector does, and nothing else."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from include.connectors.tryton.checks import KEPT, RIGHTS, checks
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.diagnosis import Answer, Verdict, ok
from include.local.erp import RunningErp
from include.local.secrets import load_secrets
from include.local.tryton import MODULE
from include.twin.erp_models import load_database
from include.twin.world import World
from tests.contract.erp.conftest import Erp, encoded, session_of
from tests.contract.erp.selling import customer, invoiced, order, paid


def test_the_role_of_the_module_grants_what_the_connector_does_and_no_more():
    database = load_database(World({}), lambda: datetime(2026, 11, 30, tzinfo=UTC))
    names = {"read": "perm_read", "write": "perm_write", "create": "perm_create", "delete": "perm_delete"}
    granted = {
        row["model"]: "".join(grant[0] for grant, name in names.items() if row[name])
        for row in database.table("ir.model.access").all()
    }
    assert granted == RIGHTS


def test_no_button_of_the_role_is_one_the_connector_never_presses():
    pressed = "".join(path.read_text() for path in (MODULE.parent / "connectors" / "tryton").glob("*.py"))
    tree = ast.parse((MODULE / "role.py").read_text())
    named = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    buttons = {"quote", "draft", "confirm", "bill", "post", "submit", "succeed", "account.payment.process"}
    assert buttons <= named
    assert all(f'"{button}"' in pressed for button in buttons)
    assert not named & {"cancel", "fail", "approve", "process"}


def asked(
    erp: Erp, *, check: str = "permissions", user: str = "", password: str = "", key: str = ""
) -> Answer:
    client = TrytonClient(erp.address, key=key or erp.key)
    wizards = TrytonWizards(erp.address, user=user or erp.user, password=password or erp.password)
    [found] = [one for one in checks(client, wizards, now=lambda: datetime.now(UTC)) if one.name == check]
    return found.ask()


@pytest.mark.parametrize("check", ["permissions", "permissions of the login"])
def test_the_doctor_finds_what_is_needed_and_no_more(erp: Erp, check: str):
    assert asked(erp, check=check) == ok("what is needed, and no more")


def test_a_user_of_other_groups_is_found_to_have_more(real: Erp):
    assert real.clerk
    clerk = asked(real, key=real.clerk.key)
    login = asked(real, check="permissions of the login", user=real.clerk.user, password=real.clerk.password)
    for answer in (clerk, login):
        assert "things more" in answer.said or "may not" in answer.said, answer.said
    assert login.verdict in {Verdict.WARN, Verdict.FAIL}


@pytest.mark.parametrize("model", KEPT)
def test_a_rule_beside_ours_that_opens_what_others_have_is_named(real: Erp, admin: str, model: str):
    """Ours itself is part of the module, which Tryton lets nobody change."""

    def told(method: str, *parameters: Any) -> Any:
        answer = real.rpc(f"model.{method}", *parameters, {}, session=admin).json()
        assert "result" in answer, answer
        return answer["result"]

    role = told("res.group.search", [["name", "=", "Tieout"]], 0, None, None)
    values = {"name": "All of them", "model": model, "global_p": False, "groups": [["add", role]]}
    made = told("ir.rule.group.create", [values])
    try:
        assert asked(real).said == f"our user may also change {model} of others"
    finally:
        told("ir.rule.group.delete", made)
    assert asked(real).verdict is Verdict.OK


BILLED = {name: f"{{{name}}}" for name in ("party", "invoice_address", "account", "journal", "currency")}
PAID = {"party": "{party}", "journal": 1, "amount": {"__class__": "Decimal", "decimal": "1"}}
REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "make itself a member of another group": ("POST", "res.user-res.group", {"user": 2, "group": 1}),
    "change what a role may": ("POST", "ir.model.access", {"model": "party.party", "perm_write": True}),
    "make a user": ("POST", "res.user", {"name": "x", "login": "x"}),
    "make a key": ("POST", "res.user.application", {"user": 1, "application": "rest"}),
    "rename a customer": ("PUT", "party.party/{party}", {"name": "Another"}),
    "delete a customer": ("DELETE", "party.party/{party}", {}),
    "put a customer on legal hold": ("POST", "party.party", {"name": "x", "legal_hold": True}),
    "change somebody else's order": ("PUT", "sale.sale/{theirs}", {"reference": "x"}),
    "take back somebody else's order": ("POST", "sale.sale/{theirs}/draft", {}),
    "quote somebody else's order": ("POST", "sale.sale/{theirs}/quote", {}),
    "confirm somebody else's order": ("POST", "sale.sale/{theirs}/confirm", {}),
    "bill a line of somebody else's order": ("POST", "sale.line/{their_line}/bill", {}),
    "take a line from somebody else's order": ("DELETE", "sale.line/{their_line}", {}),
    "tax a line of somebody else's order": (
        "POST",
        "sale.line-account.tax",
        {"line": "{their_line}", "tax": 1},
    ),
    "cancel an order": ("POST", "sale.sale/{sale}/cancel", {}),
    "delete an order": ("DELETE", "sale.sale/{sale}", {}),
    "change somebody else's draft invoice": ("PUT", "account.invoice/{their_invoice}", {"reference": "x"}),
    "take somebody else's draft invoice for its own": (
        *("PUT", "account.invoice/{their_invoice}"),
        {"tieout_key": "x"},
    ),
    "post somebody else's draft invoice": ("POST", "account.invoice/{their_invoice}/post", {}),
    "add a line to somebody else's draft invoice": (
        *("POST", "account.invoice.line"),
        {"invoice": "{their_invoice}", "type": "comment", "description": "x"},
    ),
    "tax a line of somebody else's draft invoice": (
        *("POST", "account.invoice.line-account.tax"),
        {"line": "{their_invoice_line}", "tax": 1},
    ),
    "make an invoice of a supplier": ("POST", "account.invoice", {"type": "in", "tieout_key": "x", **BILLED}),
    "make an invoice without a key": ("POST", "account.invoice", {"type": "out", **BILLED}),
    "cancel an invoice": ("POST", "account.invoice/{invoice}/cancel", {}),
    "say that an invoice is disputed": ("PUT", "account.invoice/{invoice}", {"disputed": True}),
    "say when an invoice will be paid": ("PUT", "account.invoice/{invoice}", {"promised_until": None}),
    "delete an invoice": ("DELETE", "account.invoice/{invoice}", {}),
    "change a payment": ("PUT", "account.payment/{payment}", {"reference": "x"}),
    "submit somebody else's payment": ("POST", "account.payment/{their_payment}/submit", {}),
    "mark somebody else's payment as succeeded": ("POST", "account.payment/{their_processed}/succeed", {}),
    "pay a supplier": ("POST", "account.payment", {"kind": "payable", "tieout_key": "x", **PAID}),
    "make a payment without a key": ("POST", "account.payment", {"kind": "receivable", **PAID}),
    "fail a payment": ("POST", "account.payment/{payment}/fail", {}),
    "book a move": ("POST", "account.move", {}),
    "change a price": ("POST", "product.list_price", {}),
    "attach a file": ("POST", "ir.attachment", {"name": "x"}),
    "write an amendment": ("POST", "sale.subscription.amendment", {"sequence": 9, "type": "x"}),
    "read who works there": ("GET", "company.employee", {}),
    "read bank accounts": ("GET", "bank.account", {}),
}


@pytest.fixture(scope="module")
def real(erp: Erp) -> Erp:
    """The real ERP; the twin knows no rights but those it tells of."""
    if erp.kind != "tryton":
        pytest.skip("the twin refuses nobody with its key")
    return erp


@pytest.fixture(scope="module")
def admin(real: Erp, tryton: RunningErp) -> str:
    """The session of the ERP's administrator."""
    return session_of(real, user="admin", password=load_secrets(tryton.home).admin_password)


@pytest.fixture(scope="module")
def sold(real: Erp) -> dict[str, str]:
    party = customer(real).native_id
    sale = real.ledger().order(order(real, customer_id=party)).native_id
    invoice = invoiced(real, customer_id=party)
    payment = paid(real, invoice, "218.11").native_id
    values = {
        "party": int(party),
        "currency": 1,
        "lines": [["create", [{"type": "comment", "description": "x"}]]],
    }
    theirs = real.ask("POST", "sale.sale", json=values, fields=["lines"]).json()
    billed = real.only("account.invoice", [["id", "=", int(invoice.native_id)]], list(BILLED))
    billed = {name: billed[name] for name in BILLED}
    draft = real.ask(
        "POST", "account.invoice", json={"type": "out", **billed, "lines": values["lines"]}, fields=["lines"]
    ).json()
    return {
        **{name: str(one) for name, one in billed.items()},
        "party": party,
        "sale": sale,
        "invoice": invoice.native_id,
        "payment": payment,
        "theirs": str(theirs["id"]),
        "their_line": str(theirs["lines"][0]),
        "their_invoice": str(draft["id"]),
        "their_invoice_line": str(draft["lines"][0]),
        **paid_by_others(real, party),
    }


def paid_by_others(real: Erp, party: str) -> dict[str, str]:
    """Payments of a clerk's, as far as each came: made, submitted, processed."""
    values = {"kind": "receivable", **PAID, "party": int(party)}
    names = ("their_payment", "their_submitted", "their_processed")
    made = {name: real.ask("POST", "account.payment", json=values).json()["id"] for name in names}
    for name in names[1:]:
        assert real.ask("POST", f"account.payment/{made[name]}/submit", json={}).status_code == 200
    processed(real, made["their_processed"], session=real.session())
    return {name: str(one) for name, one in made.items()}


def processed(real: Erp, payment: int, *, session: str) -> Any:
    """What running the wizard over a payment is answered with."""
    context = {"company": 1, "active_model": "account.payment", "active_id": payment, "active_ids": [payment]}
    name = "wizard.account.payment.process"
    number, state, _end = real.rpc(f"{name}.create", context, session=session).json()["result"]
    return real.rpc(f"{name}.execute", number, {}, state, context, session=session).json()


def filled(values: dict[str, Any], sold: dict[str, str]) -> dict[str, Any]:
    """The values with what was sold in their places; ids are numbers."""

    def told(value: Any) -> Any:
        text = value.format(**sold) if isinstance(value, str) else value
        return int(text) if isinstance(text, str) and text.isdecimal() else text

    return {name: told(value) for name, value in values.items()}


@pytest.mark.parametrize("what", REFUSED)
def test_our_user_may_not(real: Erp, sold: dict[str, str], what: str):
    method, place, values = REFUSED[what]
    us = replace(real, clerk=None)
    answer = us.ask(method, place.format(**sold), json=filled(values, sold))
    assert answer.status_code in {400, 403}, (answer.status_code, answer.text)
    if answer.status_code == 400:
        assert "not allowed" in answer.json()["message"]


@pytest.mark.parametrize("what", REFUSED)
def test_our_user_may_not_by_naming_other_groups(real: Erp, sold: dict[str, str], what: str):
    """Whatever a caller says of groups, none or all of them, Tryton asks which ones the user is in."""
    method, place, values = REFUSED[what]
    us = replace(real, clerk=None)
    for groups in ([], list(range(1, 400))):
        headers = {"X-Tryton-Context": encoded({"company": 1, "_groups": groups})}
        answer = us.ask(method, place.format(**sold), json=filled(values, sold), headers=headers)
        assert answer.status_code in {400, 403}, (answer.status_code, answer.text)
        assert answer.status_code == 403 or "not allowed" in answer.json()["message"], answer.text


def test_our_user_processes_no_payment_of_others(real: Erp, sold: dict[str, str]):
    us = replace(real, clerk=None)
    answer = processed(real, int(sold["their_submitted"]), session=us.session())
    assert "not allowed" in str(answer), answer
    assert "error" not in processed(real, int(sold["their_submitted"]), session=real.session())


@pytest.mark.parametrize(
    "wizard", ["party.erase", "party.replace", "account.invoice.credit", "account.move.cancel"]
)
def test_our_user_runs_no_wizard_but_its_own(real: Erp, sold: dict[str, str], wizard: str):
    us = replace(real, clerk=None)
    context = {"company": 1, "active_model": "account.invoice", "active_id": int(sold["invoice"])}
    for given in (context, {"company": 1}):
        answer = us.rpc(f"wizard.{wizard}.create", given, session=us.session())
        assert "not allowed" in answer.text, answer.text


def test_a_clerk_who_has_no_such_role_works_as_before(real: Erp, sold: dict[str, str]):
    renamed = real.ask("PUT", f"party.party/{sold['party']}", json={"name": "By a clerk"})
    assert renamed.status_code == 200


def test_a_row_that_was_switched_off_grants_nothing_whatever_the_caller_says(real: Erp, admin: str):
    def rows(method: str, *parameters: Any) -> Any:
        return real.rpc(f"model.ir.model.access.{method}", *parameters, {}, session=admin).json()["result"]

    us = replace(real, clerk=None)
    headers = {"X-Tryton-Context": encoded({"company": 1, "active_test": False})}
    found = rows("search", [["model", "=", "party.party"], ["group.name", "=", "Tieout"]], 0, None, None)
    assert len(found) == 1
    rows("write", found, {"active": False})
    try:
        refused = us.ask("POST", "party.party", json={"name": "x"}, headers=headers)
    finally:
        rows("write", found, {"active": True})
    assert (refused.status_code, us.ask("POST", "party.party", json={"name": "x"}).status_code) == (400, 200)
    assert "not allowed" in refused.json()["message"]


def test_an_administrator_makes_and_changes_what_is_others(real: Erp, admin: str, sold: dict[str, str]):
    """Tryton applies to administrators the rules of every group, ours with them."""

    def told(method: str, *parameters: Any) -> Any:
        answer = real.rpc(f"model.{method}", *parameters, {"company": 1}, session=admin)
        assert "result" in answer.json(), answer.text
        return answer.json()["result"]

    lines = [["create", [{"type": "comment", "description": "x"}]]]
    billed = filled({"type": "out", **BILLED}, sold)
    whole = {
        "sale.sale": ({"party": int(sold["party"]), "currency": 1}, int(sold["theirs"])),
        "account.invoice": (billed, int(sold["their_invoice"])),
    }
    for model, (values, theirs) in whole.items():
        [made] = told(f"{model}.create", [{**values, "lines": lines}])
        for one in (made, theirs):
            [row] = told(f"{model}.read", [one], ["lines"])
            changed = {"reference": "y", "lines": [["write", row["lines"], {"sequence": 9}]]}
            told(f"{model}.write", [one], changed)
            told(f"{model}.write", [one], {"lines": [["delete", row["lines"]], *lines]})
    [paid] = told("account.payment.create", [{"kind": "payable", **PAID, "party": int(sold["party"])}])
    told("account.payment.write", [paid], {"reference": "y"})
