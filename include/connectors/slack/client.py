"""Alerts by an incoming webhook of Slack's, or of anything that takes the same: one message a bulletin."""

import re
from collections.abc import Sequence
from typing import Any

import requests
from slack_sdk.webhook import WebhookClient

from include.connectors.wire import NO_RETRIES, bounded_session, never_left
from include.domain.alerts import Bulletin, Channel, Entry
from include.ports import Away, Fatal, Rejected, Throttled, Uncertain

TIMEOUT_S = 10
"""Between two bytes; nobody may wait for an alert to be taken."""

TEXT_MAX = 2_900
"""Characters of one section; Slack takes 3,000."""

_CUT = "… (cut: longer than a message may be)"
_NOT_WHOLE = re.compile(r"&[a-z]{0,3}$")
"""What is left of an escape that was cut through."""

_OK, _BAD_REQUEST, _THROTTLED, _UNAVAILABLE, _SERVER_ERROR = 200, 400, 429, 503, 500
_MARKS = {"S1": ":red_circle:", "S2": ":large_orange_circle:"}
_OTHER_MARK = ":large_yellow_circle:"


class SlackHerald:
    """Tells by one webhook, whose address is its key. `client` says where, through which proxy and how patiently.

    It is not what sends: it would go to wherever an answer points, and call that told. Nobody retries here: the next
    look does.
    """

    channel: Channel = "slack"

    def __init__(self, client: WebhookClient) -> None:
        self._client = client

    def tell(self, bulletin: Bulletin) -> None:
        """Send once. No message of what it raises holds the webhook's address.

        Raises Throttled, Away (a Retryable), Uncertain, Rejected, Fatal.
        """
        try:
            with bounded_session(NO_RETRIES) as session:
                _accepted(self._sent(session, body_of(bulletin)))
        except requests.RequestException as error:
            name = type(error).__name__
            if isinstance(error, ValueError):
                raise Fatal(f"slack: the webhook's address is none ({name})") from None
            if never_left(error):
                raise Away(f"slack: the webhook was not reached ({name})") from None
            raise Uncertain(f"slack: the webhook did not answer ({name})") from None

    def _sent(self, session: requests.Session, body: dict[str, Any]) -> requests.Response:
        proxy = self._client.proxy
        return session.post(
            self._client.url,
            json=body,
            headers=self._client.default_headers,
            proxies={"http": proxy, "https": proxy} if proxy else None,
            timeout=self._client.timeout,
            allow_redirects=False,
        )


def body_of(bulletin: Bulletin) -> dict[str, Any]:
    """The message as incoming webhooks take it; `text` is what notifications show."""
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _entry(one)}} for one in bulletin.entries
    ]
    key = {"type": "mrkdwn", "text": _escaped(f"{bulletin.key} · {bulletin.written_at:%Y-%m-%d %H:%M} UTC")}
    return {
        "text": _escaped(bulletin.subject),
        "blocks": [*blocks, {"type": "context", "elements": [key]}],
        "unfurl_links": False,
    }


def _entry(one: Entry) -> str:
    """As much as fits, in whole lines and links: half a link or half an escape is no message to Slack."""
    what = f"{_MARKS.get(one.severity, _OTHER_MARK)} *{one.severity}* {_escaped(one.what)}"
    facts = [f"{_escaped(name)}: {_escaped(value)}" for name, value in one.facts.items()]
    links = [_link(name, address) for name, address in one.links.items()]
    if len(_together(what, facts, links)) <= TEXT_MAX:
        return _together(what, facts, links)
    while facts and len(_together(what, [*facts, _CUT], links)) > TEXT_MAX:
        facts.pop()
    while links and len(_together("", [*facts, _CUT], links)) > TEXT_MAX // 2:
        links.pop()
    room = TEXT_MAX - len(_together("", [*facts, _CUT], links)) - 1
    return _together(_NOT_WHOLE.sub("", what[:room]), [*facts, _CUT], links)


def _together(what: str, lines: Sequence[str], links: Sequence[str]) -> str:
    return "\n".join(filter(None, [what, *lines, " · ".join(links)]))


def _link(name: str, address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return f"{_escaped(name)}: {_escaped(address)}"
    return f"<{_escaped(address)}|{_escaped(name)}>"


def _escaped(text: str) -> str:
    """The three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _accepted(response: requests.Response) -> None:
    status, headers = response.status_code, response.headers
    if status == _OK:
        if "text/html" in headers.get("Content-Type", ""):
            raise Fatal("slack: the webhook answers with a web page; check the connection alerts_slack")
        return
    if status == _THROTTLED:
        after = headers.get("Retry-After", "")
        raise Throttled("slack: the webhook asks us to wait", after_s=int(after) if after.isdecimal() else 0)
    if status == _UNAVAILABLE:
        raise Away("slack: the webhook is away (503)")
    if status >= _SERVER_ERROR:
        raise Uncertain(f"slack: the webhook answered {status}; the message may have been taken")
    if status == _BAD_REQUEST:
        raise Rejected("slack: the webhook does not take this message (400)")
    raise Fatal(f"slack: the webhook answered {status}; check the connection alerts_slack")
