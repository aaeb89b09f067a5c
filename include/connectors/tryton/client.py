"""Tryton's REST API: searches and writes with a key, within limits, and its refusals in our words.

Read in Tryton 8.2 (trytond/protocols/rest.py) and seen on a running one: a business rule is a 400 with JSON; 401,
403, 404 and 500 are pages of HTML, an unknown field among the last; what the key's user may not read is left out of
the answer without a word.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests

from include.connectors.shapes import a_count, an_object, objects
from include.connectors.tryton.refusals import refused_reading, refused_writing, unanswered
from include.connectors.wire import TIMEOUT_S, bounded_session, read_json, server_date
from include.ports import Away, Fatal, Retryable, Uncertain

_REDIRECT, _BROKEN = 300, 500

GRANTS = ("read", "write", "create", "delete")
"""What a user may do with a model, in Tryton's words."""

Record = Mapping[str, Any]


class TrytonClient:
    """One database of a Tryton server. `address` ends with the database's name: https://erp.example/erp.

    `company` is the id of the company to work for; a database with one company needs none.
    """

    def __init__(self, address: str, *, key: str, company: int | str | None = None) -> None:
        self.address = address.rstrip("/")
        self._named_company = company
        self.writes = 0
        """Answered, none of which Tryton undid."""
        self._session = bounded_session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def path(self, model: str) -> str:
        """Where the model's records are."""
        return f"{self.address}/rest/model/{model}"

    @cached_property
    def company(self) -> int:
        """The company we work for. Raises Fatal when there are several and none is named; Retryable."""
        if self._named_company is not None:
            return int(self._named_company)
        found = self._records(self._get("company.company", {"f": "id"}, context={}), "company.company")
        if len(found) != 1:
            raise Fatal(
                f"the ERP has {len(found)} companies this user may see; name one in the extra of erp_api: company"
            )
        return a_count(found[0]["id"], place="ERP company.company")

    def server_now(self, model: str) -> datetime:
        """The server's clock, UTC. Raises Retryable, Fatal."""
        return server_date(self._get(model, {"f": "id", "s": 1}).headers, place=f"ERP {model}")

    def series(self) -> str:
        """The server's series, such as 8.2; it tells strangers too. Raises Retryable, Fatal."""
        parts = urlsplit(self.address)
        base = parts._replace(path=f"{parts.path.rpartition('/')[0]}/rpc/").geturl()
        question = {"id": 1, "method": "common.server.version", "params": []}
        try:
            with bounded_session() as stranger:  # without our key
                response = stranger.post(base, json=question, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise Retryable(f"ERP /rpc/ did not answer ({type(error).__name__})") from None
        if not response.ok:
            raise Fatal(f"ERP /rpc/ answered {response.status_code}; it is no Tryton server's")
        answer = read_json(response.text, place="ERP /rpc/")
        return str(answer.get("result", "") if isinstance(answer, dict) else answer)

    def search(
        self, model: str, *, domain: Sequence[Any], fields: Sequence[str], order: Sequence[str], size: int
    ) -> list[Record]:
        """The first `size` records of a search, in ascending order, deactivated ones among them.

        Raises Retryable; Fatal also when a field is unknown, or kept from the key's user.
        """
        query = {
            "d": _encoded(domain),
            "f": list(fields),
            "o": _encoded([[name, "ASC"] for name in order]),
            "s": size,
        }
        records = self._records(self._get(model, query), model)
        asked = {name.partition(".")[0] for name in fields}
        if hidden := {name for record in records for name in asked - record.keys()}:
            raise Fatal(
                f"ERP {model}: answers leave out {', '.join(sorted(hidden))}; let the key's user read them"
            )
        return records

    def create(self, model: str, values: Record, *, fields: Sequence[str]) -> Record:
        """A new record, as far as asked for. Raises Rejected, Retryable, Uncertain, Fatal."""
        return self._written("POST", model, values, fields)

    def change(self, model: str, record: Any, values: Record, *, fields: Sequence[str]) -> Record:
        """Change a record. Raises Rejected, Retryable, Uncertain, Fatal."""
        return self._written("PUT", f"{model}/{record}", values, fields)

    def act(self, model: str, record: Any, action: str, *, fields: Sequence[str]) -> Record:
        """Press a button of a record: quote, confirm, post. The record, empty where the answer does not show it.

        Raises Rejected, Retryable, Uncertain, Fatal.
        """
        place = f"{model}/{record}/{action}"
        response = self._write("POST", place, {}, fields)
        try:
            return self._shown(response, place, fields)
        except Retryable:
            return {}

    def access(self, models: Sequence[str]) -> Mapping[str, Mapping[str, bool]]:
        """What the key's user may do with each model: read, write, create, delete. Raises Retryable, Fatal."""
        place = "ir.model.access/get_access"
        response = self._asked("POST", place, json={"models": list(models)})
        if response.status_code >= _REDIRECT:
            raise refused_reading(response.status_code, place=place)
        shown = read_json(response.text, place=f"ERP {place}")
        answer = an_object(shown, place=f"ERP {place}", having=models)
        return {model: an_object(answer[model], place=f"ERP {place}", having=GRANTS) for model in models}

    def _written(self, method: str, place: str, values: Record, fields: Sequence[str]) -> Record:
        response = self._write(method, place, values, fields)
        try:
            return self._shown(response, place, fields)
        except Retryable as unread:
            raise Uncertain(f"{unread}; it may have been done all the same") from None

    def _shown(self, response: requests.Response, place: str, fields: Sequence[str]) -> Record:
        asked = dict.fromkeys(name.partition(".")[0] for name in fields)
        shown = read_json(response.text, place=f"ERP {place}")
        return an_object(shown, place=f"ERP {place}", having=["id", *asked])

    def _write(self, method: str, place: str, values: Record, fields: Sequence[str]) -> requests.Response:
        headers = self._context_header()  # asked for before anything is sent, so that what fails is known
        try:
            response = self._session.request(
                method,
                self.path(place),
                json=values,
                params={"f": list(fields)},
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise unanswered(error, place=place) from None
        if response.status_code >= _REDIRECT:
            raise refused_writing(response, place=place)
        self.writes += 1
        return response

    def _get(
        self, model: str, query: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
    ) -> requests.Response:
        headers = _context_header(context) if context is not None else self._context_header()
        response = self._asked("GET", model, params=query, headers=headers)
        if response.status_code < _REDIRECT:
            return response
        if response.status_code == _BROKEN:
            self._explain_broken(model, query)
        raise refused_reading(response.status_code, place=model)

    def _asked(self, method: str, place: str, **content: Any) -> requests.Response:
        """Whatever is answered to a question that changes nothing."""
        try:
            return self._session.request(
                method, self.path(place), timeout=TIMEOUT_S, allow_redirects=False, **content
            )
        except requests.RequestException as error:
            raise Away(f"ERP {place} did not answer ({type(error).__name__})") from None

    def _explain_broken(self, model: str, query: Mapping[str, Any]) -> None:
        """A field Tryton does not know breaks it (500), today and tomorrow. Raises Fatal naming the field."""
        asked = query["f"] if isinstance(query["f"], list) else [query["f"]]
        names = sorted({name.partition(".")[0] for name in asked})
        try:
            response = self._session.post(
                f"{self.path(model)}/fields_get",
                json={"fields_names": names},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            known = read_json(response.text, place=f"ERP {model}")
        except (requests.RequestException, Retryable):
            return
        if response.ok and isinstance(known, dict) and (unknown := set(names) - set(known)):
            raise Fatal(
                f"ERP {model} has no field {', '.join(sorted(unknown))}; "
                "activate our module there (include/tryton_module), or give our user access to it again"
            )

    def _records(self, response: requests.Response, model: str) -> list[Record]:
        return objects(read_json(response.text, place=f"ERP {model}"), place=f"ERP {model}", having=("id",))

    def _context_header(self) -> dict[str, str]:
        # Without active_test a search leaves out what was deactivated, as if it had been deleted.
        return _context_header({"company": self.company, "active_test": False})


def _context_header(context: Mapping[str, Any]) -> dict[str, str]:
    return {"X-Tryton-Context": _encoded(context)}


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
