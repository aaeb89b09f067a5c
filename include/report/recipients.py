"""Who gets the report, as somebody wrote it down: addresses, or a JSON list that says what each may see."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from include.domain.currencies import EXPONENTS
from include.domain.recipients import HOME_LOCALE, Recipient, Scope
from include.ports import Fatal

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_WHERE = "variable finance_recipients"


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("it is no mail address")
    return text


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError(f"{code} is no ISO 4217 currency")
    return code


def _locale(name: str) -> str:
    try:
        return str(Locale.parse(name))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{name} is no locale; write it like en_SG or de_DE") from None


Currency = Annotated[str, AfterValidator(_currency)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, AfterValidator(_address)]
    currencies: Annotated[frozenset[Currency] | None, Field(min_length=1)] = None
    countries: Annotated[frozenset[Country] | None, Field(min_length=1)] = None
    entities: Annotated[frozenset[str] | None, Field(min_length=1)] = None
    locale: Annotated[str, AfterValidator(_locale)] = HOME_LOCALE


_LIST = TypeAdapter(list[_Stated])


def read_recipients(
    stated: str, *, entities: Mapping[str, frozenset[str]] = MappingProxyType({})
) -> list[Recipient]:
    """`a@example.com, b@example.com`, or a JSON list such as
    `[{"address": "c@example.com", "currencies": ["EUR"], "countries": ["DE", "AT"], "locale": "de_DE"}]`.

    `entities` may be named instead of their countries (policy/reporting.yaml). Raises Fatal when nobody is named,
    somebody is named twice, or it says what cannot be read.
    """
    try:
        written = json.loads(stated) if stated.lstrip().startswith("[") else _addresses(stated)
        told = _LIST.validate_python([{"address": one} if isinstance(one, str) else one for one in written])
    except (ValidationError, ValueError) as error:
        raise Fatal(f"{_WHERE}: {_without_input(error)}") from None
    if not told:
        raise Fatal(f"{_WHERE} is empty; set it to addresses separated by commas, or to a JSON list")
    recipients = [_recipient(one, entities) for one in told]
    if len({one.mailbox for one in recipients}) < len(recipients):
        raise Fatal(f"{_WHERE} names an address twice; give each its whole scope once")
    return recipients


def _recipient(one: _Stated, entities: Mapping[str, frozenset[str]]) -> Recipient:
    countries = one.countries
    if one.entities is not None:
        if unknown := sorted(one.entities - set(entities)):
            raise Fatal(f"{_WHERE} names {', '.join(unknown)}, which policy/reporting.yaml does not list")
        countries = (countries or frozenset()).union(*(entities[name] for name in one.entities))
    scope = Scope(currencies=one.currencies, countries=countries)
    return Recipient(address=one.address, scope=scope, locale=one.locale)


def _addresses(stated: str) -> list[str]:
    return stated.replace(";", ",").replace(",", " ").split()


def _without_input(error: ValueError) -> str:
    """What is wrong and where, without the addresses that are right."""
    if not isinstance(error, ValidationError):
        return f"it is no JSON ({error})"
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"entry {'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found)
