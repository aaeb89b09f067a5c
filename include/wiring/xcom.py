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
NUMBER_MAX = 999_999
"""Of questions and rows there are fewer; telephone numbers, cards and days of birth are longer."""

WORDS = frozenset({"approved", "sent_back", "refused", "elsewhere", "unanswered", "signed", "declined"})
"""What may become of a question; a name in small letters is a word, too, so that no other is taken."""

NAMES = frozenset({"ask_no"})
"""Under which a task hands something over; a name of somebody's could be one as well, so that no other is taken."""

KEYS = (None, BaseXCom.XCOM_RETURN_KEY)
"""A key is kept in clear as well."""

_DAY = re.compile(r"20\d{2}-\d{2}-\d{2}")


class PlainXCom(BaseXCom):
    """Airflow's own keeping of XComs, of which anything but small numbers, days and words of ours is refused."""

    @staticmethod
    def serialize_value(value: Any, **where: Any) -> Any:
        """The value as it is kept. Raises Fatal, which fails the task that returned it and quotes nothing of it."""
        wrong = refusal(value)
        if where.get("key") not in KEYS:
            wrong = "something under a key that is none of ours"
        if wrong:
            place = f"{where.get('dag_id')}.{where.get('task_id')}"
            raise Fatal(
                f"{place} hands over {wrong}: XCom takes small numbers, days and words of ours; "
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
    return "" if text in WORDS or _DAY.fullmatch(text) else "a text"


def _wrong_name(name: Any) -> str:
    return "" if isinstance(name, str) and name in NAMES else "something under a name that is none of ours"
