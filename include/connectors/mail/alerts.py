"""Alerts by mail: one mail a recipient and bulletin, with the same Message-ID each time it is sent."""

import hashlib
import logging
from collections.abc import Sequence
from html import escape

from include.domain.alerts import Bulletin, Channel, Entry
from include.ports import Fatal, Partly, Postman, Rejected, Report, Retryable, Stop, Uncertain

log = logging.getLogger(__name__)

_STYLE = "font:15px/1.5 system-ui,sans-serif;max-width:40em;margin:1.5em auto;padding:0 1em"


class MailHerald:
    """Tells by mail, each recipient apart: a mailbox that is refused keeps nothing from the others."""

    channel: Channel = "mail"

    def __init__(self, postman: Postman, recipients: Sequence[str]) -> None:
        self._postman, self._recipients = postman, recipients

    def tell(self, bulletin: Bulletin) -> None:
        """Send to everybody who does not have it. Raises Partly when only some do; the others are tried again."""
        reached, stops = set(bulletin.reached), list[Stop]()
        for recipient in self._recipients:
            if mark_of(recipient) in reached:
                continue
            try:
                self._postman.send(report_of(bulletin, recipient), to=[recipient])
                reached.add(mark_of(recipient))
            except Fatal as stop:  # of whoever comes next it would be the same
                stops.append(stop)
                break
            except (Retryable, Rejected, Uncertain) as stop:
                stops.append(stop)
        self._account_for(frozenset(reached), stops)

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
