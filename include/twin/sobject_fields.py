"""The fields of the twin's sObjects: the standard ones, and those of include/salesforce_metadata."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

METADATA = Path(__file__).parents[1] / "salesforce_metadata"
NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}

NUMBER_TYPES = {"currency", "double", "percent", "int"}

STANDARD = {
    "Account": "Id Name Website BillingCountryCode CurrencyIsoCode OwnerId ParentId MasterRecordId",
    "Contact": "Id AccountId FirstName LastName Email Phone OwnerId MasterRecordId",
    "Opportunity": (
        "Id AccountId Name StageName IsClosed IsWon Amount CurrencyIsoCode CloseDate Type OwnerId Pricebook2Id"
    ),
    "OpportunityLineItem": (
        "Id OpportunityId ProductCode Quantity UnitPrice ListPrice TotalPrice CurrencyIsoCode"
    ),
    "Pricebook2": "Id Name IsActive IsStandard",
    "Task": "Id Subject WhatId WhoId OwnerId ActivityDate Priority Status Description",
    "Organization": "Id Name IsSandbox OrganizationType InstanceName",
    "User": "Id Username Name Email IsActive",
}
SYSTEM = "CreatedDate LastModifiedDate SystemModstamp IsDeleted"
REQUIRED = {
    "Account": ("Name",),
    "Contact": ("LastName",),
    "Opportunity": ("Name", "StageName", "CloseDate"),
    "OpportunityLineItem": ("OpportunityId", "Quantity"),
}
PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "OpportunityLineItem": "00k",
    "Pricebook2": "01s",
    "Lead": "00Q",
    "Task": "00T",
    "Organization": "00D",
}
CHILDREN = {
    ("Contact", "AccountId"): "Contacts",
    ("Opportunity", "AccountId"): "Opportunities",
    ("Account", "ParentId"): "ChildAccounts",
    ("OpportunityLineItem", "OpportunityId"): "OpportunityLineItems",
}
"""(child sObject, its reference) -> the relationship's name at the parent."""

_TYPES = {
    "Id": "id",
    "Amount": "currency",
    "Quantity": "double",
    "UnitPrice": "currency",
    "ListPrice": "currency",
    "TotalPrice": "currency",
    "CloseDate": "date",
    "ActivityDate": "date",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
    "IsClosed": "boolean",
    "IsWon": "boolean",
    "IsDeleted": "boolean",
    "IsSandbox": "boolean",
    "IsActive": "boolean",
    "IsStandard": "boolean",
    "StageName": "picklist",
    "Priority": "picklist",
    "Status": "picklist",
    "CurrencyIsoCode": "picklist",
    "Description": "textarea",
    "Email": "email",
    "Phone": "phone",
    "Website": "url",
}
_METADATA_TYPES = {
    "Text": "string",
    "Currency": "currency",
    "Number": "double",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Checkbox": "boolean",
    "Lookup": "reference",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
}
_REFERENCES = {
    "AccountId": "Account",
    "OpportunityId": "Opportunity",
    "Pricebook2Id": "Pricebook2",
    "ParentId": "Account",
    "MasterRecordId": "",
    "OwnerId": "User",
    "WhatId": "",
    "WhoId": "",
}
_READ_ONLY = {"Id", "IsClosed", "IsWon", "MasterRecordId", *SYSTEM.split()}
_TEXT_CHARS_MAX = 255
_LONG_CHARS_MAX = 32_000


@dataclass(frozen=True)
class Field:
    """`refers_to`: the sObject a reference names, empty when it may be any; `values`: of a restricted picklist."""

    name: str
    type: str
    length: int = _TEXT_CHARS_MAX
    unique: bool = False
    external_id: bool = False
    calculated: bool = False
    refers_to: str = ""
    children: str = ""
    values: tuple[str, ...] = ()

    @property
    def writable(self) -> bool:
        return not self.calculated and self.name not in _READ_ONLY

    @property
    def relationship(self) -> str:
        """What a query calls the parent: Account for AccountId, Invoice__r for Invoice__c."""
        if self.type != "reference":
            return ""
        return f"{self.name[:-3]}__r" if self.name.endswith("__c") else self.name.removesuffix("Id")


def standard_field(name: str, sobject: str = "") -> Field:
    """A field known by its name alone: a standard one, or a column of a world."""
    kind = _TYPES.get(name) or ("reference" if name.endswith("Id") else "string")
    length = _LONG_CHARS_MAX if kind == "textarea" else _TEXT_CHARS_MAX
    refers_to = sobject if name == "MasterRecordId" else _REFERENCES.get(name, "")
    return Field(name, kind, length, refers_to=refers_to, children=CHILDREN.get((sobject, name), ""))


@cache
def deployed_fields() -> dict[str, dict[str, Field]]:
    """SObject -> its fields in include/salesforce_metadata; activities' are the tasks'."""
    return {
        "Task" if path.stem == "Activity" else path.stem: {field.name: field for field in _fields_of(path)}
        for path in sorted((METADATA / "objects").glob("*.object"))
    }


@cache
def granted() -> dict[str, frozenset[str]]:
    """SObject -> what the permission set of include/salesforce_metadata lets its user do (Create, Read, …)."""
    rights: dict[str, frozenset[str]] = {}
    for path in sorted((METADATA / "permissionsets").glob("*.permissionset")):
        for element in etree.parse(path).findall("m:objectPermissions", NAMESPACE):
            name = str(element.findtext("m:object", "", NAMESPACE))
            rights[name] = frozenset(
                what
                for what in ("Create", "Read", "Edit", "Delete")
                if element.findtext(f"m:allow{what}", "", NAMESPACE) == "true"
            )
    everybodys = frozenset({"Create", "Read", "Edit"})
    # Who may edit a deal may edit its lines; a task is anybody's who may edit tasks; the rest everybody may look up.
    rights |= {"OpportunityLineItem": everybodys | {"Delete"}, "Task": everybodys}
    return rights | dict.fromkeys(("Organization", "User"), frozenset({"Read"}))


def _fields_of(path: Path) -> Iterator[Field]:
    for element in etree.parse(path).findall("m:fields", NAMESPACE):

        def text(name: str, element: Any = element) -> str:
            return str(element.findtext(f"m:{name}", "", NAMESPACE))

        values = element.findall(".//m:value/m:fullName", NAMESPACE)
        yield Field(
            name=text("fullName"),
            type=_METADATA_TYPES[text("type")],
            length=int(text("length") or _TEXT_CHARS_MAX),
            unique=text("unique") == "true",
            external_id=text("externalId") == "true",
            calculated=bool(text("formula")),
            refers_to=text("referenceTo"),
            children=f"{text('relationshipName')}__r" if text("relationshipName") else "",
            values=tuple(str(value.text) for value in values),
        )


def describe_field(field: Field) -> dict[str, Any]:
    """The field as a describe call shows it."""
    kind, text = field.type, field.type not in NUMBER_TYPES | {"boolean", "date", "datetime"}
    soap = {"id": "tns:ID", "datetime": "xsd:dateTime", "boolean": "xsd:boolean", "date": "xsd:date"}
    return {
        "name": field.name,
        "label": field.name.removesuffix("__c").replace("_", " "),
        "type": kind,
        "soapType": soap.get(kind, "xsd:double" if kind in NUMBER_TYPES else "xsd:string"),
        "length": field.length if text else 0,
        "custom": field.name.endswith("__c"),
        "nillable": kind not in {"id", "boolean"},
        "filterable": kind != "textarea",
        "sortable": kind != "textarea",
        "groupable": kind not in NUMBER_TYPES | {"datetime", "textarea"},
        "aggregatable": True,
        "createable": field.writable,
        "updateable": field.writable,
        "calculated": field.calculated,
        "unique": field.unique,
        "caseSensitive": False,
        "externalId": field.external_id,
        "idLookup": kind == "id" or field.external_id,
        "restrictedPicklist": bool(field.values),
        "picklistValues": [
            {"value": value, "label": value, "active": True, "defaultValue": False} for value in field.values
        ],
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relationship or None,
    }
