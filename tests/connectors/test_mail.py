"""Reports by SMTP, to a server that behaves as each test wants."""

import asyncio
import contextlib
import email
import email.policy
import socket
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Thread
from typing import Any

import pytest

from include.connectors.mail import client
from include.connectors.mail.client import MailPostman, compose
from include.ports import Fatal, Rejected, Report, Retryable, Stop, Uncertain
from tests.connectors.smtp import Mailbox, parsed, served_at, serving

PICTURE = b"\x89PNG a bar"
REPORT = Report(
    key="2026-06-30/6f1c",
    as_of=date(2026, 6, 30),
    subject="Tie-out of 30 June 2026:\nall tied",
    html=f'<p>Zürich: <b>1.00</b></p><img src="data:image/png;base64,{b64encode(PICTURE).decode()}" alt="a bar">',
    text="Zürich: 1.00\n.a line with a dot\n.\nthe end",
    attachments={"aging.csv": b"a,b\r\n1,2\r\n"},
)
FINANCE = ["finance@example.com", "cfo@example.com"]


def test_a_report_arrives_as_text_html_and_attachments():
    mailbox = Mailbox()
    with serving(mailbox) as server:
        MailPostman(server).send(REPORT, to=FINANCE)
    [envelope] = mailbox.received
    message = parsed(envelope)
    assert envelope.rcpt_tos == FINANCE
    assert message["Subject"] == "Tie-out of 30 June 2026: all tied"
    assert message.get_body(["plain"]).get_content().replace("\r\n", "\n").rstrip("\n") == REPORT.text
    html = message.get_body(["html"]).get_content()
    assert html.startswith("<p>Zürich: <b>1.00</b></p>")
    assert "data:" not in html
    [attachment] = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_payload(decode=True)) == (
        "aging.csv",
        b"a,b\r\n1,2\r\n",
    )


def test_a_picture_is_a_part_that_the_page_names():
    message = email.message_from_bytes(
        compose(REPORT, sender="tieout@example.com", to=FINANCE).as_bytes(), policy=email.policy.default
    )
    (picture,) = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PICTURE
    assert f"cid:{picture['Content-ID'].strip('<>')}" in message.get_body(["html"]).get_content()
    assert message.get_body(["related", "html"]).get_content_type() == "multipart/related"


def test_evidence_that_reads_like_a_picture_is_mailed_as_the_text_it_is():
    said = "amount: &#39;data:image/png;base64,A&#39; is no number, src=&#34;data:image/png;base64,A&#34; neither"
    page = compose(replace(REPORT, html=said), sender="t@example.com", to=FINANCE).get_body(("html",))
    assert page is not None
    assert said in page.get_content()


def test_a_repeat_is_dated_as_the_first():
    dated = replace(REPORT, written_at=datetime(2026, 7, 1, 0, 5, tzinfo=UTC))
    assert compose(dated, sender="t@example.com", to=FINANCE)["Date"] == "Wed, 01 Jul 2026 00:05:00 +0000"


def test_the_same_report_has_the_same_message_id_and_another_has_another():
    ids = [
        compose(report, sender="Tieout <tieout@example.com>", to=FINANCE)["Message-ID"]
        for report in (REPORT, replace(REPORT, subject="again"), replace(REPORT, key="2026-07-01/9a2b"))
    ]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.com>")


class Refusing(Mailbox):
    def __init__(self, step: str, reply: str) -> None:
        super().__init__()
        setattr(self, f"handle_{step}", self._refuse)
        self.reply = reply

    async def _refuse(self, *_args: Any) -> str:
        return self.reply


@pytest.mark.parametrize(
    ("step", "reply", "stop"),
    [
        ("MAIL", "550 who are you", Fatal),
        ("MAIL", "451 not now", Retryable),
        ("RCPT", "550 no finance@example.com here", Rejected),
        ("RCPT", "450 greylisted", Retryable),
        ("DATA", "554 spam", Rejected),
        ("DATA", "452 disk full", Retryable),
    ],
)
def test_a_refusal_says_whether_to_try_again_and_quotes_nobody(step: str, reply: str, stop: type[Stop]):
    with serving(Refusing(step, reply)) as server, pytest.raises(stop) as stopped:
        MailPostman(server).send(REPORT, to=FINANCE)
    assert type(stopped.value) is stop
    assert "finance@example.com" not in str(stopped.value)


LARGE = replace(
    REPORT,
    html=f"<body>{REPORT.html}</body>",
    attachments={"rows.xlsx": b"x" * 9_000, "page.html": b"<p>small</p>"},
    attached="Attached: rows & a page.",
    instead="All rows are in Airflow, under Tie-out & Reports.",
)


def arrived(mailbox: Mailbox) -> tuple[list[str], list[bool]]:
    """The attachments of the one message, and whether its text and its page say where the rest is, and not that all is
    attached."""
    [envelope] = mailbox.received
    message = parsed(envelope)
    text, page = (message.get_body([kind]).get_content() for kind in ("plain", "html"))
    spared = [LARGE.instead in text, LARGE.instead.replace("&", "&amp;") in page]
    assert [LARGE.attached in text, LARGE.attached.replace("&", "&amp;") in page] == [
        not one for one in spared
    ]
    return [part.get_filename() for part in message.iter_attachments()], spared


@pytest.mark.parametrize(("most", "kept"), [(20_000, ["rows.xlsx", "page.html"]), (8_000, ["page.html"])])
def test_what_makes_a_message_too_large_is_left_out_and_said_to_be(
    most: int, kept: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(client, "MESSAGE_MAX", most)
    mailbox = Mailbox()
    with serving(mailbox) as server:
        MailPostman(server).send(LARGE, to=FINANCE)
    assert arrived(mailbox) == (kept, [kept == ["page.html"]] * 2)
    assert len(mailbox.received[0].content) <= most
    assert ("rows.xlsx is left out" in caplog.text) is (kept == ["page.html"])


class Narrow(Mailbox):
    """Takes no message above so many bytes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.refused = most, 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the name aiosmtpd calls
        if len(envelope.content) > self.most:
            self.refused += 1
            return "552 5.3.4 too big"
        return await super().handle_DATA(server, session, envelope)


def test_a_message_refused_for_its_size_is_tried_once_without_attachments():
    mailbox = Narrow(8_000)
    with serving(mailbox) as server:
        MailPostman(server).send(LARGE, to=FINANCE)
    assert arrived(mailbox) == ([], [True, True])
    with (
        serving(Narrow(100)) as server,
        pytest.raises(Rejected, match=r"for its size .*, also without") as stopped,
    ):
        MailPostman(server).send(LARGE, to=FINANCE)
    assert "finance_recipients" not in str(stopped.value)


def test_a_server_that_says_how_much_it_takes_is_sent_no_more():
    mailbox = Narrow(8_000)
    with serving(mailbox) as server:

        def connect() -> Any:
            smtp = server.connect()
            smtp.ehlo()
            smtp.esmtp_features["size"] = "8000"
            return smtp

        MailPostman(replace(server, connect=connect)).send(LARGE, to=FINANCE)
    assert (arrived(mailbox), mailbox.refused) == (([], [True, True]), 0)


@pytest.mark.parametrize("reply", ["kept, thank you", "150 wait", "354 go on"])
def test_an_answer_that_neither_takes_nor_refuses_the_message_leaves_it_uncertain(reply: str):
    with serving(Refusing("DATA", reply)) as server, pytest.raises(Uncertain, match="did not confirm it"):
        MailPostman(server).send(REPORT, to=FINANCE)


class Vanishing(Mailbox):
    async def handle_DATA(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802  # the name aiosmtpd calls
        server.transport.close()
        return "250 never heard"


def test_a_server_that_vanishes_after_the_message_leaves_it_uncertain():
    with serving(Vanishing()) as server, pytest.raises(Uncertain, match="did not confirm it"):
        MailPostman(server).send(REPORT, to=FINANCE)


class Stalling(Mailbox):
    def __init__(self, step: str) -> None:
        super().__init__()
        setattr(self, f"handle_{step}", self._wait)

    async def _wait(self, *_args: Any) -> str:
        await asyncio.sleep(60)
        return "250 too late"


@pytest.mark.parametrize(("step", "stop"), [("RCPT", Retryable), ("DATA", Uncertain)])
def test_a_server_that_stalls_is_left_in_time(step: str, stop: type[Stop], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(client, "ANSWER_S", 0.4)
    began = time.monotonic()
    with serving(Stalling(step)) as server:
        with pytest.raises(stop):
            MailPostman(server).send(REPORT, to=FINANCE)
        assert time.monotonic() - began < 30


def test_a_server_that_takes_the_call_and_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Retryable, match="did not"):
        MailPostman(served_at(mute.getsockname()[1])).send(REPORT, to=FINANCE)


def drip(server: socket.socket, step: bytes, drop: bytes) -> None:
    """Talk as a mail server does until a step, and then always say a little more."""
    with server.accept()[0] as line, contextlib.suppress(OSError):
        line.sendall(b"220 here\r\n")
        in_message = False
        for said in line.makefile("rb"):
            if in_message and said != b".\r\n":
                continue
            if said.startswith(step):
                while True:
                    line.sendall(drop)
                    time.sleep(0.05)
            in_message = said.startswith(b"DATA")
            line.sendall(b"354 go\r\n" if in_message else b"250 ok\r\n")


@pytest.mark.parametrize("drop", [b"250-hold on\r\n", b"2"])
@pytest.mark.parametrize(
    ("step", "stop"), [(b"ehlo", Retryable), (b"rcpt", Retryable), (b"DATA", Retryable), (b".", Uncertain)]
)
def test_a_server_that_always_says_a_little_more_is_left_in_time(
    step: bytes, drop: bytes, stop: type[Stop], monkeypatch: pytest.MonkeyPatch
):
    for limit in ("TALK_S", "ANSWER_S", "TIMEOUT_S"):
        monkeypatch.setattr(client, limit, 0.4)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=drip, args=[server, step, drop], daemon=True).start()
        with pytest.raises(stop) as stopped:
            MailPostman(served_at(server.getsockname()[1])).send(REPORT, to=FINANCE)
    assert type(stopped.value) is stop
    assert time.monotonic() - began < 10


def test_no_server_is_worth_another_try():
    with serving(Mailbox()) as server:
        pass
    with pytest.raises(Retryable, match="did not answer"):
        MailPostman(server).send(REPORT, to=FINANCE)


class Thinking(Mailbox):
    """Takes the message, and its time."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the name aiosmtpd calls
        await asyncio.sleep(1)
        return await super().handle_DATA(server, session, envelope)


def test_a_server_may_look_at_a_message_longer_than_at_a_greeting_but_not_at_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(client, "TIMEOUT_S", 0.6)
    monkeypatch.setattr(client, "ANSWER_S", 1.9)
    mailbox = Thinking()
    with serving(mailbox) as server:
        postman = MailPostman(server)
        postman.send(REPORT, to=FINANCE)
        with pytest.raises(Uncertain):
            postman.send(REPORT, to=FINANCE)
    assert mailbox.received


class Deaf:
    """A socket that loses the line while the message is on its way."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def sendall(self, data: bytes) -> None:
        if len(data) > 200:
            raise ConnectionResetError
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_a_line_lost_before_the_message_ended_is_worth_another_try():
    mailbox = Mailbox()
    with serving(mailbox) as server:

        def connect() -> Any:
            smtp = server.connect()
            smtp.sock = Deaf(smtp.sock)
            return smtp

        with pytest.raises(Retryable, match="went away"):
            MailPostman(replace(server, connect=connect)).send(REPORT, to=FINANCE)
    assert mailbox.received == []


def test_a_report_to_nobody_is_refused():
    with pytest.raises(Fatal, match="finance_recipients"):
        MailPostman(served_at(1)).send(REPORT, to=[])
