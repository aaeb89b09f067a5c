"""Alerts made of texts that would run, hide or mention somebody: Slack and mail show them and do nothing else."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from urllib.parse import quote

import pytest

from include.connectors.mail.alerts import report_of
from include.connectors.mail.message import compose
from include.connectors.slack.client import TEXT_MAX, body_of
from include.domain.alerts import Bulletin, Entry
from tests.inert import assert_inert
from tests.naughty import ALL, KEPT, flat

NOW = datetime(2026, 6, 30, tzinfo=UTC)


def told(text: str) -> Bulletin:
    one = Entry(
        severity="S1",
        what=text,
        facts={"since": text, "ids": text},
        links={"page": f"https://x.example/{quote(text, errors='replace')}", text: text},
    )
    return Bulletin(key="k", subject=text, entries=[one], written_at=NOW)


@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_an_alert_made_of_it_mentions_nobody_and_links_nowhere(text: str) -> None:
    body = body_of(told(text))
    assert [set(block) for block in body["blocks"]] == [{"type", "text"}, {"type", "elements"}], (
        "and no button"
    )
    for said in (body["text"], *(block["text"]["text"] for block in body["blocks"] if "text" in block)):
        links = [piece.partition(">")[0] for piece in said.split("<")[1:]]
        assert all(link.startswith("https://x.example/") for link in links)
    section = body["blocks"][0]["text"]["text"]
    assert len(section) <= TEXT_MAX + 100
    assert "cut" in section or flat(
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    ) in flat(section)


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_mail_made_of_it_has_one_subject_and_shows_it(text: str) -> None:
    report = report_of(told(text), "lead@example.com")
    page = assert_inert(report.html.replace("https://x.example/", "https://airflow.example/"), ours=set())
    assert flat(text) in page.text
    parsed = message_from_bytes(
        compose(report, sender="a@example.com", to=["b@example.com"]).as_bytes(), policy=policy.default
    )
    assert parsed["Bcc"] is None
    assert flat(str(parsed["Subject"])).startswith("Tie-out")
