"""Alerts reach a webhook and mailboxes; whatever goes wrong is named by what to do next, and never with a secret."""

import json
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from slack_sdk.webhook import WebhookClient

from include.connectors.mail import alerts
from include.connectors.mail.alerts import MailHerald, mark_of, report_of
from include.connectors.mail.client import MailPostman
from include.connectors.slack.client import TEXT_MAX, SlackHerald, body_of
from include.domain.alerts import Bulletin, Entry
from include.flows.tell_alerts import LEASE_S
from include.ports import (
    Away,
    Fatal,
    Partly,
    Rejected,
    Report,
    Retryable,
    Stop,
    Throttled,
    Uncertain,
)
from tests.connectors.smtp import Mailbox, parsed, serving
from tests.loopback import mounted

SECRET = "T0-B0-SECRET"
BULLETIN = Bulletin(
    key="alerts/slack/7",
    subject="[S1] 2 <things> & more",
    entries=[
        Entry(
            severity="S1",
            what="2 <things> & more",
            facts={"since": "2026-07-01 08:00 UTC", "money": "SGD 1,250.00"},
            links={
                "playbook": "https://airflow.example/tieout/playbooks/CA01",
                "file": "docs/playbooks/CA01.md",
            },
        )
    ],
    written_at=datetime(2026, 7, 1, 8, 5, tzinfo=UTC),
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Hook:
    """A webhook that keeps what it is told, and answers as it is asked to."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answer = Response("ok", media_type="text/plain")
        self.app = FastAPI()

        @self.app.post("/hook/{secret}")
        async def take(request: Request, secret: str) -> Response:
            assert secret == SECRET
            self.told.append(json.loads(await request.body()))
            return self.answer

    @contextmanager
    def herald(self) -> Iterator[SlackHerald]:
        with mounted(self.app) as address:
            yield herald_at(f"{address}/hook/{SECRET}")


def herald_at(url: str, *, timeout_s: int = 5) -> SlackHerald:
    return SlackHerald(WebhookClient(url, timeout=timeout_s, retry_handlers=[]))


def test_the_webhook_is_told_once_with_what_since_when_how_much_and_where_to_look() -> None:
    hook = Hook()
    with hook.herald() as herald:
        herald.tell(BULLETIN)
    [told] = hook.told
    assert told["text"] == "[S1] 2 &lt;things&gt; &amp; more"
    assert told["blocks"][0]["text"]["text"].splitlines() == [
        ":red_circle: *S1* 2 &lt;things&gt; &amp; more",
        "since: 2026-07-01 08:00 UTC",
        "money: SGD 1,250.00",
        "<https://airflow.example/tieout/playbooks/CA01|playbook> · file: docs/playbooks/CA01.md",
    ]
    assert told["blocks"][-1]["elements"][0]["text"].startswith("alerts/slack/7")


def test_a_message_keeps_within_what_slack_takes() -> None:
    long = Entry(severity="S3", what="x" * 9_000, facts={}, links={})
    many = Bulletin(key="k", subject="s", entries=[long] * 21, written_at=BULLETIN.written_at)
    body = body_of(many)
    assert len(body["blocks"]) <= 50
    assert max(len(block["text"]["text"]) for block in body["blocks"][:-1]) == TEXT_MAX


@pytest.mark.parametrize(
    ("answer", "stop"),
    [
        (Response("rate_limited", 429, {"Retry-After": "30"}), Throttled),
        (Response("rollup_error", 500), Uncertain),
        (Response("", 502), Uncertain),
        (Response("", 503), Away),
        (Response("invalid_payload", 400), Rejected),
        (Response("no_service", 404), Fatal),
        (Response("action_prohibited", 403), Fatal),
        (Response("channel_is_archived", 410), Fatal),
        (Response("<html>log in", 200, media_type="text/html"), Fatal),
    ],
)
def test_a_refusal_is_named_by_what_to_do_next(
    answer: Response, stop: type[Stop], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hook = Hook()
    hook.answer = answer
    with hook.herald() as herald, pytest.raises(stop) as stopped:
        herald.tell(BULLETIN)
    assert len(hook.told) == 1
    assert SECRET not in f"{stopped.value} {caplog.text}"
    assert getattr(stopped.value, "after_s", 0) == (30 if stop is Throttled else 0)


def test_a_webhook_that_is_not_there_was_surely_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Away) as stopped:
        herald_at(f"http://127.0.0.1:{port}/{SECRET}").tell(BULLETIN)
    assert SECRET not in f"{stopped.value} {caplog.text}"


@pytest.mark.parametrize("stall", [True, False], ids=["stalls", "hangs up"])
def test_a_webhook_that_took_the_message_and_said_nothing_may_have_it(*, stall: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            taken, _ = server.accept()
            taken.recv(1_000)
            if stall:
                held.append(taken)
            else:
                taken.close()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        with pytest.raises(Uncertain):
            herald_at(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=1).tell(BULLETIN)
        thread.join(timeout=60)
        for taken in held:
            taken.close()


def test_an_address_that_is_none_is_for_people_to_mend() -> None:
    with pytest.raises(Fatal, match="address is none"):
        herald_at(f"hooks.example/{SECRET}").tell(BULLETIN)


class Refusing(Mailbox):
    """Takes nobody of these names."""

    def __init__(self, *names: str, code: int = 550) -> None:
        super().__init__()
        self.names, self.code = names, code

    async def handle_RCPT(  # noqa: N802  # the name aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address.partition("@")[0] in self.names:
            return f"{self.code} no"
        envelope.rcpt_tos.append(address)
        return "250 ok"


def test_everybody_gets_a_mail_of_their_own_that_readers_fold_when_it_comes_again() -> None:
    box = Mailbox()
    with serving(box) as server:
        herald = MailHerald(MailPostman(server), ["a@example.com", "b@example.com"])
        herald.tell(BULLETIN)
        herald.tell(BULLETIN)
    assert [envelope.rcpt_tos for envelope in box.received] == [["a@example.com"], ["b@example.com"]] * 2
    ids = [parsed(envelope)["Message-ID"] for envelope in box.received]
    assert ids[:2] == ids[2:]
    mail = parsed(box.received[0])
    assert mail["Subject"] == "Tie-out [S1] 2 <things> & more"
    assert "money: SGD 1,250.00" in mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert "2 &lt;things&gt; &amp; more" in html
    assert '<a href="https://airflow.example/tieout/playbooks/CA01">playbook</a>' in html


def test_the_mail_quotes_nothing_as_a_tag() -> None:
    evil = Entry(severity="S1", what="<script>", facts={"<b>": '"'}, links={"x": 'https://e/"onclick="'})
    bulletin = Bulletin(key="k", subject="s", entries=[evil], written_at=BULLETIN.written_at)
    html = report_of(bulletin, "a@example.com").html
    assert [tag for tag in ("<script", "<b>", '"onclick') if tag in html] == []


@pytest.mark.parametrize(
    ("box", "got", "stop"),
    [
        (Refusing("b"), 1, None),
        (Refusing("a", "b"), 0, Rejected),
        (Refusing("a", "b", code=451), 0, Retryable),
        (Refusing("b", code=451), 1, Partly),
    ],
    ids=["one is refused", "all are refused", "all for now", "one for now"],
)
def test_a_mailbox_that_is_refused_keeps_nothing_from_the_others(
    box: Refusing, got: int, stop: type[Stop] | None
) -> None:
    with serving(box) as server:
        herald = MailHerald(MailPostman(server), ["a@example.com", "b@example.com"])
        if stop is None:
            herald.tell(BULLETIN)
        else:
            with pytest.raises(stop) as stopped:
                herald.tell(BULLETIN)
            assert "@example.com" not in str(stopped.value)
    assert len(box.received) == got


class Post:
    """Takes mail for everybody, but for those it stops at."""

    def __init__(self, **stops: Stop) -> None:
        self.stops, self.taken = stops, list[str]()

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        assert report.key.startswith(BULLETIN.key)
        if stop := self.stops.get(to[0]):
            raise stop
        self.taken += to


@pytest.mark.parametrize("stop", [Retryable("later"), Uncertain("who knows"), Fatal("login")], ids=type)
def test_who_has_a_bulletin_does_not_get_it_again_when_another_mailbox_stopped(stop: Stop) -> None:
    post = Post(b=stop)
    herald = MailHerald(post, ["a", "b"])
    with pytest.raises(Partly) as partly:
        herald.tell(BULLETIN)
    assert partly.value.reached == {mark_of("a")}
    post.stops = {}
    herald.tell(replace(BULLETIN, reached=partly.value.reached))
    assert post.taken == ["a", "b"]


def test_who_is_not_done_with_in_time_is_left_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "TELL_S", 0.2)
    proceed = threading.Event()

    class Slow(Post):
        def send(self, report: Report, *, to: Sequence[str]) -> None:
            if to == ["b"]:
                assert proceed.wait(timeout=30)
            super().send(report, to=to)

    post = Slow()
    with pytest.raises(Partly, match=r"not done within 0\.2 s") as partly:
        MailHerald(post, ["a", "b", "c"]).tell(BULLETIN)
    assert (partly.value.reached, post.taken) == ({mark_of("a")}, ["a"])
    proceed.set()
    for thread in threading.enumerate():
        if thread.name == "alerts by mail":
            thread.join(timeout=30)
    assert post.taken == ["a", "b"]  # nobody was begun with any more


def test_a_channel_is_left_before_others_may_take_it() -> None:
    # Twice in one look: what some are still owed, and what is new.
    assert 2 * alerts.TELL_S <= LEASE_S
