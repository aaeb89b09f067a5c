"""The twin's REST query: pages by locator, and records in the shape Salesforce gives them."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin import soql, soql_run
from include.twin.salesforce_org import Org, Refused, org_of, root_of
from include.twin.sobjects import Record
from include.twin.web import json_reply

PAGE_ROWS_MIN, PAGE_ROWS_MAX = 200, 2000
OPEN_LOCATORS_MAX = 50


def answer_of(org: Org, text: str, *, with_deleted: bool = False) -> soql_run.Answer:
    """The answer to a query. Raises MalformedQuery, QueryRefused, Refused."""
    query = soql.parse(text)
    return soql_run.run(query, org.scope(query.sobject), with_deleted=with_deleted)


def query(request: Request) -> Response:
    org = org_of(request)
    with_deleted = request.url.path.rstrip("/").endswith("queryAll")
    answer = answer_of(org, request.query_params.get("q", ""), with_deleted=with_deleted)
    locator = f"0r8{next(org.locators):012d}AAA"
    if len(answer.records) > _page_rows(request):
        org.answers[locator] = answer
        while len(org.answers) > OPEN_LOCATORS_MAX:
            org.answers.popitem(last=False)
    return _page(request, answer, locator, start=0)


def more(request: Request) -> Response:
    locator, _, start = request.path_params["locator"].rpartition("-")
    answer = org_of(request).answers.get(locator)
    if answer is None or not start.isdecimal() or int(start) >= len(answer.records):
        raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(request, answer, locator, start=int(start))


def shown(record: Record, answer: soql_run.Answer, root: str) -> dict[str, Any]:
    """A record of an answer: its fields, its parents as objects, its children as an answer of their own."""
    row = _attributes(record, answer.sobject, root)
    for path in answer.columns:
        value = path.value(record)
        if len(path.names) == 1:
            row[path.names[0]] = value
        else:
            _put(row, path.names, value)
    for name, children_of in answer.children.items():
        children = children_of(record)
        records = [shown(child, children, root) for child in children.records]
        row[name] = {"totalSize": len(records), "done": True, "records": records} if records else None
    return row


def _attributes(record: Record, sobject: str, root: str) -> dict[str, Any]:
    attributes = {"type": sobject}
    if sobject != "AggregateResult":
        attributes["url"] = f"{root}/sobjects/{sobject}/{record['Id'] or ''}"
    return {"attributes": attributes}


def _put(row: dict[str, Any], names: tuple[str, ...], value: Any) -> None:
    inside = row
    for name in names[:-1]:
        inside = inside.setdefault(name, {"attributes": {"type": name.removesuffix("__r")}})
    inside[names[-1]] = value


def _page(request: Request, answer: soql_run.Answer, locator: str, *, start: int) -> Response:
    end, root = start + _page_rows(request), root_of(request)
    page: dict[str, Any] = {"totalSize": answer.total, "done": end >= len(answer.records)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{root}/query/{locator}-{end}"
    page["records"] = [shown(record, answer, root) for record in answer.records[start:end]]
    return json_reply(page)


def _page_rows(request: Request) -> int:
    asked = re.search(
        r"batchSize\s*=\s*(\d{1,6})", request.headers.get("sforce-query-options", ""), re.IGNORECASE
    )
    return min(max(int(asked[1]), PAGE_ROWS_MIN), PAGE_ROWS_MAX) if asked else PAGE_ROWS_MAX
