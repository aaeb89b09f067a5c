"""Alerts by mail: one mail a recipient and bulletin, with the same Message-ID each time it is sent."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from threading import Event, Thread

from include.domain.alerts import Bulletin, Channel, Entry
from include.ports import Fatal, Partly, Postman, Rejected, Report, Retryable, Stop, Uncertain

log = logging.getLogger(__name__)

_STYLE = "font:15px/1.5 system-ui,sans-serif;max-width:40em;margin:1.5em auto;padding:0 1em"


TELL_S = 60.0
"""What telling everybody may take, from connecting on: a server that is slow at every step, and at each mailbox, must
not hold the channel until others think us dead, nor the watch until it is killed."""


@dataclass
class _Told:
    """Who has a bulletin by their marks, and what stopped it for the others. Once `left`, nobody else is tried."""

    reached: set[str]
    stops: list[Stop] = field(default_factory=list)
    left: Event = field(default_factory=Event)

    def has(self, mark: str) -> bool:
        return mark in self.reached

    def leave(self) -> tuple[set[str], list[Stop]]:
        """What is so by now; what comes later counts no more."""
        self.left.set()
        return set(self.reached), list(self.stops)


class MailHerald:
    """Tells by mail, each recipient apart: a mailbox that is refused keeps nothing from the others."""

    channel: Channel = "mail"

    def __init__(self, postman: Postman, recipients: Sequence[str]) -> None:
        self._postman, self._recipients = postman, recipients

    def tell(self, bulletin: Bulletin) -> None:
        """Send to everybody who does not have it. Raises Partly when only some do; the others are tried again.

        Whoever is not done with in TELL_S is left: of the mail that was on its way nobody knows.
        """
        told = _Told(set(bulletin.reached))
        sending = Thread(target=self._send_all, args=(bulletin, told), name="alerts by mail", daemon=True)
        sending.start()
        sending.join(TELL_S)
        reached, stops = told.leave()
        if sending.is_alive():
            stops.append(Uncertain(f"mail: not done within {TELL_S:g} s; who has none yet is tried again"))
        self._account_for(frozenset(reached), stops)

    def _send_all(self, bulletin: Bulletin, told: "_Told") -> None:
        for recipient in self._recipients:
            if told.has(mark_of(recipient)):
                continue
            try:
                self._postman.send(report_of(bulletin, recipient), to=[recipient])
            except (Retryable, Rejected, Uncertain, Fatal) as stop:
                told.stops.append(stop)
                if isinstance(stop, Fatal):  # of whoever comes next it would be the same
                    return
            except Exception as error:  # what is wrong with one mail is told like any other failure
                log.exception("an alert could not be made or sent")
                told.stops.append(Uncertain(f"mail: {type(error).__name__}; see the log of the dag watch"))
            else:
                told.reached.add(mark_of(recipient))
            if told.left.is_set():
                return

    def _account_for(self, reached: frozenset[str], stops: Sequence[Stop]) -> None:
        again = [stop for stop in stops if not isinstance(stop, Rejected)]
        if again and reached:
            said = f"mail: {len(reached)} of {len(self._recipients)} have it, not all: {again[0]}"
            raise Partly(said, reached=reached)
        if stops and not reached:
            raise max(again or stops, key=lambda stop: (isinstance(stop, Uncertain), isinstance(stop, Fatal)))
        if stops:
            log.warning("%s of %s mailboxes for alerts are refused", len(stops), len(self._recipients))


def mark_of(recipient: str) -> str:
    """What names a mailbox where no address is kept."""
    return hashlib.sha256(recipient.lower().encode()).hexdigest()[:16]


def report_of(bulletin: Bulletin, recipient: str) -> Report:
    """The bulletin as a mail to somebody."""
    paragraphs = "".join(map(_html, bulletin.entries))
    return Report(
        key=f"{bulletin.key}/{recipient.lower()}",
        as_of=bulletin.written_at.date(),
        subject=f"Tie-out {bulletin.subject}",
        html=f'<!DOCTYPE html><html lang="en"><body style="{_STYLE}">{paragraphs}</body></html>',
        text="\n\n".join(map(_text, bulletin.entries)) + "\n",
        written_at=bulletin.written_at,
    )


def _text(one: Entry) -> str:
    facts = [f"  {name}: {value}" for name, value in {**one.facts, **one.links}.items()]
    return "\n".join([f"[{one.severity}] {one.what}", *facts])


def _html(one: Entry) -> str:
    facts = "".join(f"<br>{escape(name)}: {escape(value)}" for name, value in one.facts.items())
    links = " · ".join(_link(name, address) for name, address in one.links.items())
    return f"<p><strong>[{escape(one.severity)}] {escape(one.what)}</strong>{facts}<br>{links}</p>"


def _link(name: str, address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return f"{escape(name)}: {escape(address)}"
    return f'<a href="{escape(address)}">{escape(name)}</a>'
