"""The world's Salesforce files as sObjects: typed fields, system stamps, look-up by id."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from include.twin.soql import Value, stamp
from include.twin.world import Row, World, business_noon, parse_date, parse_instant, parse_number

Record = dict[str, Value]

STANDARD_FIELDS = {
    "Account": "Id Name Website BillingCountryCode CurrencyIsoCode OwnerId ParentId TaxId__c "
    "ERP_Customer_Id__c",
    "Contact": "Id AccountId FirstName LastName Email Phone",
    "Opportunity": "Id AccountId Name StageName IsClosed IsWon Amount CurrencyIsoCode CloseDate Type "
    "Discount_Percent__c Approval_Level__c Term_Months__c ERP_Order_Id__c Product__c List_Price__c OwnerId",
}
SYSTEM_FIELDS = "CreatedDate LastModifiedDate SystemModstamp IsDeleted"
LONG_ID_CHARS = 18
NUMBER_TYPES = {"currency", "double", "percent"}
# Stamps end this long before the twin's start: so all lie behind the horizon a careful reader takes, and none
# changes while the twin runs.
SETTLED = timedelta(minutes=10)
_BEGINNING = datetime(2000, 1, 1, 4, tzinfo=UTC)
_ID_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_STAMP = re.compile(r"[0-9]{4}-.{23}")
_TYPES = {
    "Id": "id",
    "Amount": "currency",
    "List_Price__c": "currency",
    "Discount_Percent__c": "percent",
    "Term_Months__c": "double",
    "CloseDate": "date",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
    "IsClosed": "boolean",
    "IsWon": "boolean",
    "IsDeleted": "boolean",
    "StageName": "picklist",
    "CurrencyIsoCode": "picklist",
    "Email": "email",
    "Phone": "phone",
    "Website": "url",
}


@dataclass(frozen=True)
class SObject:
    """`fields`: type by field name; `records` in the world's order; `by_id`: the first record of each id."""

    name: str
    fields: Mapping[str, str]
    records: Sequence[Record]
    by_id: Mapping[str, Record]

    def field(self, name: str) -> str | None:
        """The field's own spelling; None when there is no such field."""
        return next((field for field in self.fields if field.lower() == name.lower()), None)


def load_sobjects(world: World, *, now: datetime) -> dict[str, SObject]:
    """Every salesforce/X.csv as sObject X, by lower-case name; the standard objects always, perhaps empty."""
    names = {table.removeprefix("salesforce/") for table in world.tables if table.startswith("salesforce/")}
    latest = now - SETTLED
    return {
        name.lower(): _sobject(name, world.rows(f"salesforce/{name}"), latest=latest)
        for name in sorted(names | set(STANDARD_FIELDS))
    }


@lru_cache(maxsize=1 << 18)
def id_key(text: str) -> str:
    """An id without the last three of its 18 characters, which only check its capitals; other text as is."""
    return text[:15] if len(text) == LONG_ID_CHARS and long_id(text[:15]) == text else text


def long_id(text: str) -> str:
    """The 18-character form of a 15-character id."""
    chunks = (text[start : start + 5] for start in range(0, len(text), 5))
    return text + "".join(
        _ID_SUFFIX[sum(1 << i for i, char in enumerate(chunk) if "A" <= char <= "Z")] for chunk in chunks
    )


def comparison_key(field_type: str, value: Value) -> tuple[int, Any]:
    """Orders and equates values of a field as Salesforce does: ids by 15 characters, text without case.

    Garbage (text in a field of numbers or days) is a rank of its own: equal to nothing that a query can name.
    """
    if not isinstance(value, str):
        return (0, value)
    if field_type in {"id", "reference"}:
        return (0, id_key(value))
    if field_type in NUMBER_TYPES | {"boolean"}:
        return (1, value)
    if field_type in {"date", "datetime"}:
        well_formed = parse_date(value) if field_type == "date" else _STAMP.fullmatch(value)
        return (0 if well_formed else 1, value)
    return (0, value.casefold())


def describe(sobject: SObject, root: str) -> dict[str, Any]:
    url = f"{root}/sobjects/{sobject.name}"
    record_url = url + "/{ID}"
    return {
        "name": sobject.name,
        "label": sobject.name,
        "custom": sobject.name.endswith("__c"),
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "createable": False,
        "updateable": False,
        "deletable": False,
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": record_url},
    }


EXTERNAL_IDS = frozenset({"ERP_Customer_Id__c", "ERP_Order_Id__c"})
"""The fields an organisation marks as external ids, and as unique, for the ERP."""


def describe_field(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.removesuffix("__c").replace("_", " "),
        "type": kind,
        "soapType": {"id": "tns:ID", "datetime": "xsd:dateTime"}.get(
            kind,
            "xsd:double"
            if kind in NUMBER_TYPES
            else f"xsd:{kind}"
            if kind in {"boolean", "date"}
            else "xsd:string",
        ),
        "custom": name.endswith("__c"),
        "nillable": kind not in {"id", "boolean"},
        "filterable": True,
        "sortable": True,
        "groupable": kind not in NUMBER_TYPES | {"datetime"},
        "aggregatable": True,
        "createable": False,
        "updateable": False,
        "calculated": False,
        "externalId": name in EXTERNAL_IDS,
        "unique": name in EXTERNAL_IDS,
        "picklistValues": [],
        "referenceTo": [name.removesuffix("Id")] if kind == "reference" else [],
    }


def _sobject(name: str, rows: Sequence[Row], *, latest: datetime) -> SObject:
    standard = STANDARD_FIELDS.get(name, "Id").split()
    names = dict.fromkeys([*standard, *(column for row in rows for column in row), *SYSTEM_FIELDS.split()])
    fields = {field: _field_type(field) for field in names if field}
    records = [_record(row, fields, latest=latest) for row in rows]
    by_id = {id_key(str(record["Id"])): record for record in reversed(records) if record["Id"]}
    return SObject(name, fields, records, by_id)


def _field_type(name: str) -> str:
    return _TYPES.get(name) or ("reference" if name.endswith("Id") else "string")


def _record(row: Row, fields: Mapping[str, str], *, latest: datetime) -> Record:
    record = {name: _value(kind, row.get(name, "")) for name, kind in fields.items()}
    entered = business_noon(row.get("CloseDate", "")) or _BEGINNING
    changed = parse_instant(row.get("SystemModstamp") or row.get("LastModifiedDate", "")) or entered
    record["SystemModstamp"] = stamp(min(changed, latest))
    record["LastModifiedDate"] = record["LastModifiedDate"] or record["SystemModstamp"]
    record["CreatedDate"] = record["CreatedDate"] or stamp(min(entered, changed, latest))
    record["IsDeleted"] = record["IsDeleted"] or False
    return record


def _value(field_type: str, text: str) -> Value:
    """The text as the JSON value its field's type asks for; text that does not look right stays text."""
    if not text:
        return None
    if field_type in NUMBER_TYPES:
        number = parse_number(text)
        return text if number is None else number
    if field_type == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if field_type == "datetime":
        instant = parse_instant(text)
        return stamp(instant) if instant else text
    return text
