"""What `tieout doctor` asks of the channels of alerts; nothing is sent."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from include.domain.diagnosis import Answer, Check, fail, ok, warn

_MEND = "put the whole address of an incoming webhook into the password of the connection alerts_slack"


def checks(address: Callable[[], str], recipients: Callable[[], Sequence[str]]) -> Sequence[Check]:
    """Whether somebody would hear of an alert: by a webhook, by mail."""
    return [Check("channels", lambda: _channels(address(), recipients()), _MEND)]


def _channels(address: str, recipients: Sequence[str]) -> Answer:
    said = [f"{len(recipients)} get alerts by mail"] if recipients else []
    if address:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return fail("the webhook's address is no http address", _MEND)
        said.insert(0, f"a webhook at {parts.hostname}")
    if not said:
        return warn("nobody hears of alerts", f"{_MEND}, or set the variable alert_recipients")
    return ok(", ".join(said))
