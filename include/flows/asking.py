"""What all questions that Airflow asks people have in common: how they look, how long they count, what they come to."""

import re
from dataclasses import dataclass
from datetime import timedelta

PATIENCE = timedelta(hours=1)
"""After so long without a look, whoever asked is gone."""
FRESH = timedelta(hours=12)
"""For so long the console's word counts on what somebody may do: roles are taken away, too."""
_MARKS = re.compile(r"[\\`*_{}\[\]()<>#+!|~-]")


@dataclass(frozen=True)
class Ask:
    """A question: what stands in the list, and what is told to decide."""

    ask_no: int
    subject: str
    body: str


@dataclass(frozen=True)
class Answered:
    """What became of a question: `outcome` as the database keeps it, and the sentence that says so."""

    outcome: str
    words: str


def plain(text: str) -> str:
    """Text that people wrote, in Markdown that shows it as it is."""
    return _MARKS.sub(r"\\\g<0>", text)
