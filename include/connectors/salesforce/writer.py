"""Writes to Salesforce by external id, every row's outcome accounted for.

Few rows by sObject Collections, many by a bulk job. Sending a row again changes nothing, because its key finds it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from simple_salesforce.format import format_soql

from include.connectors.salesforce import bulk
from include.connectors.salesforce.budget import Budget
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.refusals import row_refused
from include.connectors.salesforce.translate import TARGETS, Target
from include.connectors.shapes import a_count, objects
from include.connectors.wire import read_json
from include.ports import Fatal, Rejected, Retryable, Translated, Uncertain, Written

COLLECTION_ROWS_MAX = 200
BULK_FROM_ROWS = 2_000
INGEST = "jobs/ingest"
RACE_CODE = "DUPLICATE_VALUE"
"""Two writers who make the same key at once; the loser finds the winner's record when it asks again."""


class SalesforceWriter:
    """Upserts rows in canonical field names; `include/connectors/salesforce/translate.py` says where they go."""

    def __init__(self, client: SalesforceClient, *, bulk_from_rows: int = BULK_FROM_ROWS) -> None:
        self._client = client
        self._bulk_from_rows = bulk_from_rows

    @property
    def budget(self) -> Budget:
        """What Salesforce last said of the day's calls."""
        return self._client.budget

    def upsert(self, entity: str, rows: Sequence[Translated], *, client: str = "") -> list[Written]:
        """One outcome a row, in the order of the rows; Fatal for those that were not sent because nothing can be.

        `client`: who writes, as Salesforce's own logs then name it.
        Raises Fatal for a field that is not ours to write, before anything is sent; by bulk, Fatal also when that
        refuses us.
        """
        target = TARGETS[entity]
        theirs = [_theirs(entity, target, row) for row in rows]
        if len(theirs) >= self._bulk_from_rows:
            return _in_order(theirs, target, self._ingest(target, theirs))
        parts = _parts(theirs, target.key)
        written = [one for part in parts for one in self._collection(target, part, client)]
        return _in_order(theirs, target, written)

    def look(self, entity: str, keys: Sequence[str]) -> dict[str, str]:
        """Salesforce's id by our key, of those there are: what settles an uncertain write. Raises Retryable, Fatal."""
        target, found = TARGETS[entity], dict[str, str]()
        for start in range(0, len(keys), COLLECTION_ROWS_MAX):
            part = list(keys[start : start + COLLECTION_ROWS_MAX])
            inside = format_soql("FROM {:literal} WHERE {:literal} IN {}", target.sobject, target.key, part)
            spelt = {key.casefold(): key for key in part}
            asked = f"SELECT Id, {target.key} {inside}"
            for row in objects(self._client.query(asked), place="Salesforce", having=("Id", target.key)):
                key = spelt.get(str(row[target.key]).casefold())
                if key is not None:
                    found[key] = str(row["Id"])
        return found

    def others(self, entity: str, rows: Sequence[Translated], *, by: Sequence[str]) -> list[str | None]:
        """For each row Salesforce's id of one that is not ours and agrees with it in the fields `by`, None without one.

        The first of them narrows the search, and a row without it is alike to none. Raises Retryable, Fatal.
        """
        target = TARGETS[entity]
        names = [target.fields[name] for name in by]
        wanted = sorted({str(row[by[0]]) for row in rows if row.get(by[0])})
        found: dict[tuple[str, ...], str] = {}
        for start in range(0, len(wanted), COLLECTION_ROWS_MAX):
            part = wanted[start : start + COLLECTION_ROWS_MAX]
            inside = format_soql(
                "FROM {:literal} WHERE {:literal} IN {} AND {:literal} = null",
                *(target.sobject, names[0], part, target.key),
            )
            asked = f"SELECT Id, {', '.join(names)} {inside}"
            for row in objects(self._client.query(asked), place="Salesforce", having=("Id", *names)):
                found.setdefault(_spelt(row[name] for name in names), str(row["Id"]))
        return [found.get(_spelt(row.get(name) for name in by)) if row.get(by[0]) else None for row in rows]

    def _collection(self, target: Target, rows: Sequence[Mapping[str, Any]], client: str) -> list[Written]:
        written = self._send(target, rows, client)
        lost = [
            n
            for n, one in enumerate(written)
            if isinstance(one.stop, Rejected) and RACE_CODE in str(one.stop)
        ]
        for n, once_more in zip(
            lost, self._send(target, [rows[n] for n in lost], client) if lost else [], strict=True
        ):
            written[n] = once_more
        return written

    def _send(self, target: Target, rows: Sequence[Mapping[str, Any]], client: str) -> list[Written]:
        typed = [{"attributes": {"type": target.sobject}, **row} for row in rows]
        path = f"composite/sobjects/{target.sobject}/{target.key}"
        keys = [str(row[target.key]) for row in rows]
        response = None
        try:
            response = self._client.call(
                "PATCH", path, sure=False, json={"allOrNone": False, "records": typed}, headers=_named(client)
            )
            answers = read_json(response.text, place="Salesforce")
        except (Rejected, Fatal) as refused:  # the call as a whole: none of its rows is saved
            return [Written(key=key, stop=refused) for key in keys]
        except (Retryable, Uncertain) as stop:
            # An answer cut off in the middle is no answer: the rows may be saved.
            unread = isinstance(stop, Retryable) and response is not None
            kept = Uncertain(str(stop)) if unread else stop
            return [Written(key=key, stop=kept) for key in keys]
        if not isinstance(answers, list) or len(answers) != len(rows):
            lost = Uncertain(
                f"Salesforce answered for other than the {len(rows)} rows sent; look before sending again"
            )
            return [Written(key=key, stop=lost) for key in keys]
        return [_outcome(key, answer) for key, answer in zip(keys, answers, strict=True)]

    def _ingest(self, target: Target, rows: Sequence[Mapping[str, Any]]) -> list[Written]:
        asked = {
            "object": target.sobject,
            "operation": "upsert",
            "externalIdFieldName": target.key,
            "contentType": "CSV",
            "lineEnding": "LF",
        }
        keys = [str(row[target.key]) for row in rows]
        try:
            made = bulk.made_job(self._client.call("POST", INGEST, json=asked).text)
            path = f"{INGEST}/{bulk.job_id(made)}"
            names = list(dict.fromkeys(name for row in rows for name in row))
            taken = {"Content-Type": "text/csv; charset=UTF-8"}
            self._client.call("PUT", f"{path}/batches", data=bulk.write_csv(names, rows), headers=taken)
        except Retryable as stop:  # nothing is taken in before the job is closed
            return [Written(key=key, stop=stop) for key in keys]
        try:
            self._client.call("PATCH", path, sure=False, json={"state": "UploadComplete"})
            job = bulk.wait_for(self._client, path)
            stated = a_count(job.get("numberRecordsProcessed", 0), place="Salesforce's bulk job")
            return self._outcomes(target, path, keys, stated=stated)
        except (Retryable, Uncertain) as stop:
            lost = Uncertain(f"bulk job {path} was handed in and its outcome is not known ({stop})")
            return [Written(key=key, stop=lost) for key in keys]

    def _outcomes(self, target: Target, path: str, keys: Sequence[str], *, stated: int) -> list[Written]:
        """By the lists of rows saved, failed and never looked at; a row in none of them is uncertain."""
        told = {"successfulResults": ("sf__Id", "sf__Created"), "failedResults": ("sf__Error",)}
        saved, failed, left = (
            objects(
                bulk.read_csv(self._client.call("GET", f"{path}/{which}").text),
                place="Salesforce's bulk job",
                having=(target.key, *told.get(which, ())),
            )
            for which in (*told, "unprocessedrecords")
        )
        if len(saved) + len(failed) != stated:
            raise Retryable(f"it processed {stated:,} rows and lists {len(saved) + len(failed):,}")
        found = {
            row[target.key]: Written(
                key=row[target.key], native_id=row["sf__Id"], created=row["sf__Created"] == "true"
            )
            for row in saved
        }
        found |= {
            row[target.key]: Written(key=row[target.key], stop=_bulk_refusal(row["sf__Error"]))
            for row in failed
        }
        again = Retryable("Salesforce did not get to this row; trying again later")
        found |= {row[target.key]: Written(key=row[target.key], stop=again) for row in left}
        nowhere = Uncertain(f"bulk job {path} says nothing of this row; look before sending again")
        return [found.get(key, Written(key=key, stop=nowhere)) for key in keys]


def _named(client: str) -> dict[str, str]:
    return {"Sforce-Call-Options": f"client={client}"} if client else {}


def _spelt(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(value or "").strip().casefold() for value in values)


def _theirs(entity: str, target: Target, row: Translated) -> dict[str, str | None]:
    if not row.keys() <= target.fields.keys():
        foreign = sorted(row.keys() - target.fields.keys())
        raise Fatal(f"Salesforce {entity}: {', '.join(foreign)} is not ours to write")
    written = {target.fields[name]: value for name, value in row.items()}
    if not written.get(target.key):
        raise Fatal(f"Salesforce {entity}: a row without {target.key} would be made again each time")
    return written


def _parts(rows: Sequence[Mapping[str, Any]], key: str) -> Iterator[list[Mapping[str, Any]]]:
    """Portions of a call each; none names a key twice, which Salesforce would refuse."""
    part: list[Mapping[str, Any]] = []
    keys: set[str] = set()
    for row in rows:
        if len(part) == COLLECTION_ROWS_MAX or str(row[key]).casefold() in keys:
            yield part
            part, keys = [], set()
        part.append(row)
        keys.add(str(row[key]).casefold())
    if part:
        yield part


def _in_order(rows: Sequence[Mapping[str, Any]], target: Target, written: Sequence[Written]) -> list[Written]:
    assert [str(row[target.key]) for row in rows] == [one.key for one in written]  # noqa: S101  # none may be lost
    return list(written)


def _outcome(key: str, answer: Any) -> Written:
    if not isinstance(answer, Mapping):
        return Written(
            key=key, stop=Uncertain("Salesforce's answer for this row is none; look at the record")
        )
    if answer.get("success") is True:
        return Written(key=key, native_id=str(answer.get("id")), created=answer.get("created") is True)
    errors = answer.get("errors")
    told = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []
    return Written(key=key, stop=row_refused(told))


def _bulk_refusal(text: str) -> Retryable | Rejected | Uncertain:
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    names = [name.strip() for name in fields.removesuffix("--").split(",") if name.strip()]
    return row_refused([{"statusCode": code, "message": message, "fields": names}])
