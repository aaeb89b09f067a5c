"""What `tieout doctor` asks Salesforce."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from include.connectors.salesforce.budget import STOP_SHARE
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.translate import CURRENCY, FIELDS, SOBJECTS, TARGETS, TURN_FIELD
from include.connectors.shapes import objects
from include.connectors.wire import server_date
from include.domain.diagnosis import Answer, Check, fail, ok, permissions, skew, warn
from include.ports import Stop

EXTERNAL_IDS = {target.sobject: target.key for target in TARGETS.values() if target.key.endswith("__c")}
"""By what a record is found again: two of them with one value would be one thing twice."""

WITH_TURNS = {target.sobject for target in TARGETS.values() if TURN_FIELD in target.fields.values()}
"""Whose rows say when they were taken to be written, so that none of them is overwritten by an older one."""
CREATED = {target.sobject for target in TARGETS.values() if target.key != "Id"}
EDITED = {target.sobject for target in TARGETS.values()}

OTHERS = {
    *(
        "Asset",
        "Attachment",
        "Campaign",
        "Case",
        "ContentDocument",
        "Contract",
        "Document",
        "EmailMessage",
        "Event",
    ),
    *("Individual", "Lead", "Note", "Order", "Quote"),
}
"""What companies keep in Salesforce beside what we read; every organisation's own objects are such, too."""

WITH_THEIR_DEAL = {"OpportunityLineItem"}
"""Who may edit the deal may edit these and take them out: Salesforce knows no right of their own."""

FREE_CALLS_WARN = 0.3
_LOGIN = "check key, secret and domain of the connection salesforce_api, and that its user is active"
_FEW = "let the permission set of our user read what is named"
_MANY = "take these from our user: the permission set of our metadata grants what is needed"


def checks(client: SalesforceClient, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, API version, permissions, external ids, clock and free API calls."""
    return [
        Check("connection", lambda: _connection(client), _LOGIN),
        Check("API version", lambda: _version(client), "ask for a version that is served", gate=True),
        Check("permissions", lambda: _permissions(client), _FEW),
        Check("external ids", lambda: _external_ids(client), "deploy the fields of our metadata"),
        Check("clock", lambda: skew(server_date(client.get("limits")[1], place="Salesforce"), now())),
        Check("free API calls", lambda: _free_calls(client), "wait for the reset, or buy more calls"),
    ]


def _connection(client: SalesforceClient) -> Answer:
    client.log_in()
    return ok("logged in")


def _version(client: SalesforceClient) -> Answer:
    version = client.version
    try:
        client.get("")
    except Stop as stop:
        return fail(
            f"API version {version} is not served ({stop})",
            "set the version in the extra of salesforce_api to one the organisation serves",
        )
    return ok(f"{version} is served")


def _permissions(client: SalesforceClient) -> Answer:
    few: dict[str, str] = {}
    many: list[str] = list(_out_of_scope(client))
    for entity, sobject in SOBJECTS.items():
        try:
            described, _ = client.get(f"sobjects/{sobject}/describe")
        except Stop as stop:
            few[sobject] = f"must not be read ({stop})"
            continue
        shown = {field["name"] for field in described["fields"]}
        if hidden := [name for name in FIELDS[entity] if name not in shown | {CURRENCY}]:
            few[sobject] = f"hides {', '.join(hidden)}"
        many += _beyond_need(described, sobject)
    return permissions(few=few, many=many, mend_few=_FEW, mend_many=_MANY)


def _beyond_need(described: Mapping[str, Any], sobject: str) -> Iterator[str]:
    """What our user may do with what we read, and does not."""
    if sobject not in WITH_THEIR_DEAL:
        needed = {"createable": CREATED, "updateable": EDITED, "deletable": set[str]()}
        words = {"createable": "create", "updateable": "edit", "deletable": "delete"}
        for flag, ours in needed.items():
            if described.get(flag) and sobject not in ours:
                yield f"{words[flag]} {sobject}"


def _out_of_scope(client: SalesforceClient) -> Iterator[str]:
    """What our user may read, and we do not."""
    listed, _ = client.get("sobjects")
    ours = {*SOBJECTS.values(), *EDITED}
    for one in objects(listed.get("sobjects"), place="Salesforce", having=("name",)):
        name = str(one["name"])
        if one.get("queryable") and name not in ours and (name in OTHERS or name.endswith("__c")):
            yield f"read {name}"


def _external_ids(client: SalesforceClient) -> Answer:
    wrong = [said for name in EXTERNAL_IDS for said in _wrong_with(client, name)]
    if wrong:
        return fail("; ".join(wrong), "in Setup, mark the field as External ID and Unique")
    return ok(f"{', '.join(f'{name}.{field}' for name, field in EXTERNAL_IDS.items())} are unique")


def _wrong_with(client: SalesforceClient, sobject: str) -> Iterator[str]:
    described, _ = client.get(f"sobjects/{sobject}/describe")
    fields: Mapping[str, Mapping[str, Any]] = {field["name"]: field for field in described["fields"]}
    if sobject in WITH_TURNS and TURN_FIELD not in fields:
        yield f"{sobject}.{TURN_FIELD} is not there, or hidden from us"
    name = EXTERNAL_IDS[sobject]
    field = fields.get(name)
    if field is None:
        yield f"{sobject}.{name} is not there, or hidden from us"
        return
    absent = [
        word for word, key in (("an external id", "externalId"), ("unique", "unique")) if not field.get(key)
    ]
    if absent:
        yield f"{sobject}.{name} is not {' and not '.join(absent)}"


def _free_calls(client: SalesforceClient) -> Answer:
    limits, _ = client.get("limits")
    calls = limits["DailyApiRequests"]
    free = calls["Remaining"] / max(1, calls["Max"])
    said = f"{calls['Remaining']:,} of {calls['Max']:,} daily calls are free"
    mend = "see in Setup, System Overview, who uses them; buy more, or wait for the reset"
    if free <= 1 - STOP_SHARE:
        return fail(f"{said}: reading has stopped, the rest is for people and writes", mend)
    return warn(said, mend) if free < FREE_CALLS_WARN else ok(said)
