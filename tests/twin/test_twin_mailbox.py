import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from include.twin.mail_reading import read_mail
from include.twin.mailbox import Sink

SCRIPT = "<script>alert('x')</script>"


@pytest.fixture
def twin(twin_of: Callable[..., Any]) -> Any:
    return twin_of({})


def report(subject: str = "Tie-out") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "tieout@example.com", "finance@example.com"
    message.set_content("All tied out.")
    message.add_alternative(f'<p>All <b>tied</b> out.</p>{SCRIPT}<img src="cid:chart">', subtype="html")
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename='bre"aks\u00e9.csv')
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", cid="<chart>", disposition="inline")
    return message


def post(twin: Any, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", twin.ports.smtp, timeout=30) as smtp:
        for message in messages:
            smtp.send_message(message)


def names(twin: Any) -> list[str]:
    return sorted(path.name for path in twin.mailbox.iterdir())


def test_mails_are_kept_in_the_order_they_came_with_their_envelope(twin: Any) -> None:
    post(twin, report("first"), report("second"))
    assert [name[:9] for name in names(twin)] == ["00000001-", "00000002-"]
    kept = (twin.mailbox / names(twin)[0]).read_bytes()
    assert kept.startswith(b"Return-Path: <tieout@example.com>\r\nDelivered-To: finance@example.com\r\n")
    assert read_mail(twin.mailbox / names(twin)[1]).heading.subject == "second"


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    envelope = Envelope()
    envelope.content, envelope.mail_from, envelope.rcpt_tos = (
        b"Subject: a\r\n\r\n",
        "a@example.com",
        ["b@example.com"],
    )
    paths = [Sink(tmp_path).store(envelope) for _ in range(2)]
    assert [path.name.partition("-")[0] for path in paths] == ["00000001", "00000002"]


def test_the_list_shows_the_newest_first_and_escapes(twin: Any) -> None:
    post(twin, report("older"), report(SCRIPT))
    page = twin.get("mailbox", "/").text
    assert page.index("&lt;script&gt;") < page.index("older")
    assert SCRIPT not in page


def test_a_mails_html_can_run_and_fetch_nothing(twin: Any) -> None:
    post(twin, report())
    page = twin.get("mailbox", f"/mail/{names(twin)[0]}")
    assert SCRIPT not in page.text
    assert '<iframe sandbox srcdoc="&lt;p&gt;All' in page.text
    assert "data:image/png;base64,iVBORw==" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "All tied out." in page.text


def test_an_attachment_is_downloaded_never_shown(twin: Any) -> None:
    post(twin, report())
    reply = twin.get("mailbox", f"/mail/{names(twin)[0]}/0")
    assert reply.content == b"a,b\n1,2\n"
    assert reply.headers["Content-Disposition"] == "attachment; filename*=UTF-8''bre%22aks%C3%A9.csv"
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert twin.get("mailbox", f"/mail/{names(twin)[0]}/9").status_code == 404


@pytest.mark.parametrize(
    "path", ["/mail/none.eml", "/mail/..%2f..%2fetc%2fpasswd", "/mail/00000009-20260101T000000Z.eml"]
)
def test_only_mails_are_shown(twin: Any, path: str) -> None:
    assert twin.get("mailbox", path).status_code == 404


def test_another_sites_name_for_this_machine_reads_no_mail(twin: Any) -> None:
    assert twin.get("mailbox", "/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe no headers",
        b"Subject: =?nonsense?b?xx?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xe9",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment\r\n",
        b'Content-Type: text/html; charset="\xff"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!',
    ],
)
def test_a_damaged_mail_is_shown_as_far_as_it_goes(twin: Any, content: bytes) -> None:
    twin.mailbox.mkdir()
    (twin.mailbox / "00000001-20260101T000000Z.eml").write_bytes(content)
    assert twin.get("mailbox", "/").status_code == 200
    assert twin.get("mailbox", "/mail/00000001-20260101T000000Z.eml").status_code == 200
