"""Fills an empty Tryton database: a company in Singapore, its chart of accounts, years, taxes, terms and products.

Run once, inside Tryton's own environment, by `make erp`. What it makes is named below and in docs/connectors.md.

    python setup_company.py TRYTOND_CONF DATABASE    (TIEOUT_ERP_KEY and TIEOUT_ERP_PASSWORD in the environment)
"""

import datetime as dt
import os
import sys
from decimal import Decimal
from typing import Any

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, create_tax, get_accounts
from trytond.modules.company.tests.tools import create_company, get_company

HOME_CURRENCY = "SGD"
# Units for one SGD and the smallest amount: round numbers, so that a conversion is checked in the head.
CURRENCIES = {
    "SGD": ("1", "0.01"), "USD": ("0.75", "0.01"), "EUR": ("0.65", "0.01"), "GBP": ("0.60", "0.01"),
    "AUD": ("1.15", "0.01"), "HKD": ("6", "0.01"), "JPY": ("115", "1"), "KRW": ("1000", "1"),
    "CNY": ("5.5", "0.01"), "INR": ("65", "0.01"), "IDR": ("12000", "0.01"), "MYR": ("3.3", "0.01"),
    "PHP": ("43", "0.01"), "THB": ("25", "0.01"), "VND": ("19000", "1"), "NZD": ("1.25", "0.01"),
}  # fmt: skip
PAID_IN = ("SGD", "USD", "EUR", "JPY")
GST = Decimal("0.09")
TERMS_DAYS = {"Immediate": 0, "Net 30": 30, "Net 60": 60}
RECURRENCES = {"Monthly": ("monthly", 1), "Quarterly": ("monthly", 3), "Yearly": ("yearly", 1)}
ROLE = "Tieout"


def main(configuration: str, database: str) -> None:
    config.set_trytond(database, config_file=configuration)
    _currencies()
    create_company(currency=HOME_CURRENCY)
    company = get_company()
    company.party.name = "Tieout Demo Pte. Ltd."
    company.party.save()
    create_chart(company)
    accounts = get_accounts(company)
    _years(company)
    _payments(company, accounts)
    _terms()
    _products(accounts)
    _user(company)


def _currencies() -> None:
    currency = Model.get("currency.currency")
    for code, (rate, rounding) in CURRENCIES.items():
        found = currency.find([("code", "=", code)])
        one = found[0] if found else currency(code=code, name=code, symbol=code)
        one.rounding, one.digits = Decimal(rounding), -Decimal(rounding).as_tuple().exponent
        if not one.rates:
            one.rates.new(date=dt.date(2000, 1, 1), rate=Decimal(rate))
        one.save()


def _years(company: Any) -> None:
    """Last year, this one and the next, each with its own sequences, as a bookkeeper opens them."""
    this_year = dt.datetime.now(dt.UTC).year
    for year in (this_year - 1, this_year, this_year + 1):
        fiscal_year = create_fiscalyear(company, today=(dt.date(year, 1, 1), dt.date(year, 12, 31)))
        fiscal_year.name = str(year)
        [sequences] = fiscal_year.invoice_sequences
        sequences.out_invoice_sequence = _sequence(company, f"INV-{year}-")
        sequences.in_invoice_sequence = _sequence(company, f"BILL-{year}-")
        sequences.out_credit_note_sequence = _sequence(company, f"CN-{year}-")
        sequences.in_credit_note_sequence = _sequence(company, f"BILLCN-{year}-")
        fiscal_year.click("create_period")


def _sequence(company: Any, prefix: str) -> Any:
    [kind] = Model.get("ir.sequence.type").find([("name", "=", "Invoice")], limit=1)
    sequence = Model.get("ir.sequence.strict")(name=prefix, sequence_type=kind, company=company)
    sequence.prefix, sequence.padding = prefix, 5
    sequence.save()
    return sequence


def _payments(company: Any, accounts: Any) -> None:
    """A payment journal a currency, with an account where money rests between the customer and the bank."""
    clearing = Model.get("account.account")(parent=accounts["payable"].parent, name="Payments Clearing")
    clearing.type, clearing.reconcile, clearing.deferral = accounts["payable"].type, True, True
    clearing.save()
    [cash] = Model.get("account.journal").find([("code", "=", "CASH")])
    for code in PAID_IN:
        [currency] = Model.get("currency.currency").find([("code", "=", code)])
        journal = Model.get("account.payment.journal")(
            name=f"Card {code}", currency=currency, company=company
        )
        journal.process_method, journal.clearing_journal, journal.clearing_account = "manual", cash, clearing
        journal.save()
    method = Model.get("account.invoice.payment.method")(name="Bank", journal=cash)
    method.credit_account = method.debit_account = accounts["cash"]
    method.save()


def _terms() -> None:
    for name, days in TERMS_DAYS.items():
        term = Model.get("account.invoice.payment_term")(name=name)
        term.lines.new(type="remainder").relativedeltas.new(days=days)
        term.save()
    for name, (frequency, interval) in RECURRENCES.items():
        rules = Model.get("sale.subscription.recurrence.rule.set")(name=name)
        for rule in list(rules.rules):
            rules.rules.remove(rule)
        rules.rules.new(freq=frequency, interval=interval)
        rules.save()


def _products(accounts: Any) -> None:
    """PLAN is taxed at home, EXPORT is not, PLAN-SUB is the service that subscriptions bill."""
    tax = create_tax(GST)
    tax.name = tax.description = "GST 9%"
    tax.save()
    plan = _product("PLAN", _category("Taxed", accounts, taxes=[tax]))
    _product("EXPORT", _category("Zero rated", accounts, taxes=[]))
    [monthly] = Model.get("sale.subscription.recurrence.rule.set").find([("name", "=", "Monthly")])
    service = Model.get("sale.subscription.service")(product=plan, consumption_recurrence=monthly)
    service.save()


def _category(name: str, accounts: Any, *, taxes: list[Any]) -> Any:
    category = Model.get("product.category")(name=name, accounting=True)
    category.account_revenue, category.account_expense = accounts["revenue"], accounts["expense"]
    category.customer_taxes.extend(taxes)
    category.save()
    return category


def _product(code: str, category: Any) -> Any:
    [unit] = Model.get("product.uom").find([("name", "=", "Unit")])
    template = Model.get("product.template")(name=code.title(), code=code, default_uom=unit, type="service")
    template.salable, template.account_category, template.list_price = True, category, Decimal(100)
    template.save()
    return template.products[0]


def _user(company: Any) -> None:
    """The integration's user, with the role of our module alone: what Tieout does, and no more."""
    user = Model.get("res.user")(name="Tieout", login="tieout", password=os.environ["TIEOUT_ERP_PASSWORD"])
    user.companies.append(company)
    user.company = company
    [role] = Model.get("res.group").find([("name", "=", ROLE)])
    user.groups.append(role)
    user.save()
    key = Model.get("res.user.application")(user=user, application="rest", key=os.environ["TIEOUT_ERP_KEY"])
    key.save()
    if key.state != "validated":
        key.click("validate")


if __name__ == "__main__":
    main(*sys.argv[1:])
