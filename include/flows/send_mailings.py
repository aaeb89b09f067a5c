"""Sends the mails of one edition of a run: each recipient gets theirs once, whatever happens to the others."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from include.domain.recipients import Recipient, Scope
from include.flows.tellings import Mails, scope_of, stated
from include.ports import (
    Fatal,
    LockingStore,
    Postman,
    Rejected,
    Report,
    Retryable,
    Row,
    Stop,
    Store,
    Transaction,
    Uncertain,
)

log = logging.getLogger(__name__)

AWAY_AFTER = 2
"""So many recipients in a row of whom nobody can say that they have their mail: the server is away, or too slow for
everybody; the rest waits for the next try."""

LOST_MAX = 2
"""So often a mail of which nobody knows whether it arrived is sent: once, and once more. Then a person asks."""


class Attached(Protocol):
    """What is attached to the mails of an edition, and what is said of it, or `instead` where a mail has no room."""

    @property
    def attached(self) -> str:
        """A sentence that says what it is."""

    @property
    def instead(self) -> str:
        """A sentence that says where to find it."""

    def of(self, tx: Transaction, scope: Scope, locale: str, html: str) -> dict[str, bytes]:
        """Scope, locale and HTML of a mail -> file name -> content."""


_ENDS: dict[type[Stop], tuple[str, str]] = {
    Retryable: ("queued", "retryable"),
    Rejected: ("refused", "refused"),
    Uncertain: ("uncertain", "uncertain"),
    Fatal: ("queued", "fatal"),
}
"""What stopped a mail -> the state it is left in, and how its try is recorded."""


Write = Callable[[Recipient], tuple[Report, str]]
"""Recipient -> the mail they get, and what names its figures."""


def keep_mailings(tx: Transaction, mails: Mails, recipients: Iterable[Recipient], write: Write) -> None:
    """Render and keep the mail of everybody who has none yet, and anew where an unsent one is of another scope."""
    kept = {row["recipient"]: row for row in tx.rows("mailings_kept", **mails.params)}
    for one in recipients:
        if one.mailbox in kept and not _is_outdated(kept[one.mailbox], one):
            continue
        report, figures = write(one)
        tx.run(
            "keep_mailing",
            recipient=one.mailbox,
            address=one.address,
            scope=stated(one.scope),
            locale=one.locale,
            subject=report.subject,
            html=report.html,
            plain=report.text,
            told_of=mails.told_of,
            figures=figures,
            **mails.params,
        )


def send_mailings(
    store: LockingStore,
    postman: Postman,
    mails: Mails,
    *,
    recipients: Sequence[Recipient],
    attach: Attached,
) -> list[str]:
    """Send what was kept for these recipients and is not sent yet; the addresses that got theirs now.

    One sender at a time sends an edition of a run, and holds no transaction while the server is spoken to. Everybody is
    tried before anything is raised: Retryable when somebody's mail must be tried again, also when its fate is unknown
    for the first time (it goes out once more under its Message-ID, which mail readers fold), or when another sender is
    at it; Rejected when the server will not take somebody's, or nobody knows a second time whether it came. Fatal at
    once when it takes nobody's.
    """
    with store.alone(f"tieout mails {mails.run_id} {mails.edition}") as mine:
        if not mine:
            raise Retryable(
                f"somebody else is sending the {mails.edition} mails of this run; whoever gets none then is tried"
            )
        return _send_all(store, postman, mails, recipients, attach)


def _send_all(
    store: Store, postman: Postman, mails: Mails, recipients: Sequence[Recipient], attach: Attached
) -> list[str]:
    with store.transaction() as tx:
        addressed = [one.mailbox for one in recipients]
        waiting = tx.rows("mailings_to_send", recipients=addressed, **mails.params)
    sent: list[str] = []
    stops: list[Stop] = []
    away = 0
    for row in waiting:
        if away == AWAY_AFTER:
            break
        stop = _ASK if row["lost"] >= LOST_MAX else _send_one(store, postman, mails, row, attach)
        away = away + 1 if isinstance(stop, Retryable | Uncertain) else 0
        if stop is None:
            sent.append(row["recipient"])
        else:
            stops.append(stop)
        if isinstance(stop, Fatal):
            raise stop
    _raise(stops, left=len(waiting) - len(sent), of=len(recipients))
    return sent


_ASK = Rejected(
    "mail: sent twice, and never confirmed; ask whether it came, and if not pass it on from Tie-out, Reports"
)


def _send_one(store: Store, postman: Postman, mails: Mails, waits: Row, attach: Attached) -> Stop | None:
    """Try one mail, and record what came of it; None when it is sent.

    It is made before it counts as tried: a database that goes away meanwhile has lost nothing.
    """
    mailbox = waits["recipient"]
    made: tuple[Report, str] | Rejected
    try:
        with store.transaction() as tx:
            [kept] = tx.rows("mailing_to_send", recipient=mailbox, **mails.params)
            made = _report(tx, kept, _Mail(mails, mailbox, attach)), kept["address"]
    except Stop as stopped:
        return stopped
    except Exception as error:  # noqa: BLE001 - whatever it is, it keeps nobody else's mail from being made
        made = _unmade(error)
    with store.transaction() as tx:
        if not tx.run("begin_mailing", recipient=mailbox, seen=waits["attempts"], **mails.params):
            return _BEGUN
    stop = made if isinstance(made, Rejected) else _handed_over(postman, *made)
    with store.transaction() as tx:
        _record(tx, mails, mailbox, attempt=waits["attempts"] + 1, stop=stop)
    return stop


_BEGUN = Retryable("mail: somebody else began to send it meanwhile")


def _record(tx: Transaction, mails: Mails, mailbox: str, *, attempt: int, stop: Stop | None) -> None:
    state, outcome = next((end for kind, end in _ENDS.items() if isinstance(stop, kind)), ("sent", "sent"))
    end = {"recipient": mailbox, "detail": str(stop or ""), "attempt": attempt, **mails.params}
    tx.run("end_mailing", state=state, **end)
    tx.run("record_mail_attempt", outcome=outcome, **end)


def _unmade(error: Exception) -> Rejected:
    """What keeps one mail from being made keeps nobody else's."""
    log.error("a mail could not be made or sent", exc_info=error)
    return Rejected(f"mail: it could not be made or sent ({type(error).__name__}); see the task's log")


@dataclass(frozen=True)
class _Mail:
    mails: Mails
    mailbox: str
    attach: Attached


def _handed_over(postman: Postman, report: Report, address: str) -> Stop | None:
    try:
        postman.send(report, to=[address])
    except (Retryable, Rejected, Uncertain, Fatal) as stop:
        return stop
    except Exception as error:  # noqa: BLE001 - the same
        return _unmade(error)
    return None


def _report(tx: Transaction, kept: Row, mail: _Mail) -> Report:
    """The mail as it was kept, not as today's code would render it."""
    files = mail.attach.of(tx, scope_of(kept["scope"]), kept["locale"], kept["html"])
    return Report(
        key=f"{mail.mails.key}/{mail.mailbox}",
        as_of=kept["kept_at"].date(),
        subject=kept["subject"],
        html=kept["html"],
        text=kept["plain"],
        attachments=files,
        written_at=kept["kept_at"],
        attached=mail.attach.attached,
        instead=mail.attach.instead,
    )


def _raise(stops: Sequence[Stop], *, left: int, of: int) -> None:
    """One exception for all: what is worth another try counts more than what is not."""
    if not left:
        return
    said = "; ".join(sorted({str(stop) for stop in stops}))
    again = [stop for stop in stops if not isinstance(stop, Rejected)]
    kind = Retryable if again or left > len(stops) else Rejected
    raise kind(
        f"{left} of {of} recipients did not get their mail, the others did: {said}; see recon.mailings"
    )


def _is_outdated(kept: Row, now: Recipient) -> bool:
    return kept["state"] != "sent" and (scope_of(kept["scope"]), kept["locale"]) != (now.scope, now.locale)
