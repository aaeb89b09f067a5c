"""Tells that nobody can watch: our own database does not answer, and all that is known of alerts stands there.

What was told is kept by whoever calls, outside of the database. A look that succeeds ends it, and whoever was told the
beginning is told the end.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from include.domain.alert_words import Words
from include.domain.alerts import Bulletin, Entry
from include.ports import Herald, Partly, Uncertain

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=1)
"""A database that starts anew is no news."""
REMIND_AFTER = timedelta(hours=4)


@dataclass(frozen=True)
class Silence:
    """Since when nobody could look, and when each channel was told last."""

    since: datetime
    told: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, text: Any) -> "Silence | None":
        """As `kept` wrote it; None of anything else."""
        try:
            stated = json.loads(text)
            told = {str(channel): datetime.fromisoformat(at) for channel, at in stated["told"].items()}
            return cls(datetime.fromisoformat(stated["since"]), told)
        except (TypeError, ValueError, KeyError, AttributeError):
            return None

    def kept(self) -> str:
        """As JSON."""
        told = {channel: at.isoformat() for channel, at in self.told.items()}
        return json.dumps({"since": self.since.isoformat(), "told": told})


def tell_silence(
    heralds: Iterable[Herald], before: Silence | None, words: Words, *, error: str, now: datetime
) -> Silence:
    """Tell each channel that nobody can look, again only after hours; what is to be kept of it.

    `error`: the kind of error, never its message. Nothing is raised for a channel that fails: the next look tries it.
    """
    silence = before or Silence(now)
    if now < silence.since + PATIENCE:
        return silence

    def due(channel: str) -> bool:
        return channel not in silence.told or silence.told[channel] + REMIND_AFTER <= now

    entry = words.silence(since=silence.since, error=error)
    reached = _tell(heralds, due, entry, key=f"silence/{now:%Y%m%dT%H%M%S}", now=now)
    return Silence(silence.since, {**silence.told, **dict.fromkeys(reached, now)})


def tell_recovery(
    heralds: Iterable[Herald], silence: Silence, words: Words, *, now: datetime
) -> Silence | None:
    """Tell whoever was told that nobody looked that somebody does; None once all of them know."""
    entry = words.silence(since=silence.since, over_at=now)
    known = list(heralds)
    reached = _tell(known, silence.told.__contains__, entry, key=f"silence/{now:%Y%m%dT%H%M%S}/over", now=now)
    there: set[str] = {herald.channel for herald in known}
    left = {channel: at for channel, at in silence.told.items() if channel in there - reached}
    return Silence(silence.since, left) if left else None


def _tell(
    heralds: Iterable[Herald], due: Callable[[str], bool], entry: Entry, *, key: str, now: datetime
) -> set[str]:
    """The channels that have it, or may have it."""
    bulletin = Bulletin(key=key, subject=f"[{entry.severity}] {entry.what}", entries=[entry], written_at=now)
    return {herald.channel for herald in heralds if due(herald.channel) and _took(herald, bulletin)}


def _took(herald: Herald, bulletin: Bulletin) -> bool:
    try:
        herald.tell(bulletin)
    except (Partly, Uncertain):
        log.exception("%s: not everybody has %s for sure", herald.channel, bulletin.key)
    except Exception:  # what is wrong with one channel keeps nothing from the others
        log.exception("%s does not take %s", herald.channel, bulletin.key)
        return False
    return True
