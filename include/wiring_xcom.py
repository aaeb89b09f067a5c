"""What tasks may hand one another: numbers, days and the few words of ours.

Airflow keeps what tasks return in clear, and shows it to whoever may see a run. So this Airflow keeps nothing else: no
text anybody wrote, no name, no address, no secret. Whoever needs more hands over its number and asks the database.
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # it is there for tasks to use

from include.ports import Fatal

BACKEND = f"{__name__}.PlainXCom"
"""For Airflow's setting core.xcom_backend."""

ITEMS_MAX = 10_000
DEPTH_MAX = 4
NUMBER_MAX = 2**31 - 1
"""Above any number of ours that goes from task to task, and below telephone numbers with their country and cards'."""

WORDS = frozenset({"approved", "sent_back", "refused", "elsewhere", "unanswered", "signed", "declined"})
"""What may become of a question; a name in small letters is a word, too, so that no other is taken."""

_DAY = r"\d{4}-\d{2}-\d{2}"
_TEXT = re.compile(
    "|".join(
        (
            *sorted(WORDS),
            rf"{_DAY}(T\d{{2}}:\d{{2}}:\d{{2}}(\.\d{{1,6}})?(Z|[+-]\d{{2}}:\d{{2}})?)?",
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            rf"[a-z_]{{1,60}}__{_DAY}T[\d:.+-]{{8,30}}(_\w{{1,20}})?",  # a run of Airflow's
        )
    )
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PERSONAL = re.compile("mail|phone|name|iban|account|address|payer|card|secret|token|passw|session|assertion")


class PlainXCom(BaseXCom):
    """Airflow's own keeping of XComs, of which anything but numbers, days and single words is refused."""

    @staticmethod
    def serialize_value(value: Any, **where: Any) -> Any:
        """The value as it is kept. Raises Fatal, which fails the task that returned it and quotes nothing of it."""
        if wrong := refusal(value):
            place = f"{where.get('dag_id')}.{where.get('task_id')}"
            raise Fatal(
                f"{place} hands over {wrong} as {where.get('key')!r}: XCom takes numbers, days and single words; "
                "return an id, and let who needs the rest ask the database"
            )
        return BaseXCom.serialize_value(value, **where)


def refusal(value: Any) -> str:
    """What of a value must not be kept; empty when all of it may."""
    return _wrong(value, depth=0, room=[ITEMS_MAX])


def _wrong(value: Any, *, depth: int, room: list[int]) -> str:
    room[0] -= 1
    if room[0] < 0 or depth > DEPTH_MAX:
        return "more than anybody needs"
    if value is None or isinstance(value, bool | int):
        return "a number longer than ours are" if value is not None and abs(value) > NUMBER_MAX else ""
    if isinstance(value, str):
        return _wrong_text(value)
    if isinstance(value, Mapping):
        named = (_wrong_name(name) or _wrong(one, depth=depth + 1, room=room) for name, one in value.items())
        return next(filter(None, named), "")
    if isinstance(value, list | tuple):
        return next(filter(None, (_wrong(one, depth=depth + 1, room=room) for one in value)), "")
    return f"a {type(value).__name__}"


def _wrong_text(text: str) -> str:
    if redact(text) != text:
        return "a secret"
    return "" if _TEXT.fullmatch(text) else "a text"


def _wrong_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "something under a name that is none of ours"
    return "something under a name of personal data or secrets" if _PERSONAL.search(name) else ""
