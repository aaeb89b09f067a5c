"""Our own database is away: whoever is to be told hears that nobody watches, once in a while, and when it is over."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from include.domain.alert_words import Words
from include.domain.alerts import Bulletin, Channel
from include.flows.tell_silence import Silence, tell_recovery, tell_silence
from include.ports import Away, Fatal, Partly, Uncertain

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
WORDS = Words(
    lambda minor, currency: f"{currency} {minor}", lambda at: f"{at:%H:%M}", "https://airflow.example"
)


@dataclass
class Told:
    """A channel that keeps what it is told; what stands in `stops` it raises instead, one a call."""

    channel: Channel = "slack"
    stops: list[Exception] = field(default_factory=list)
    heard: list[Bulletin] = field(default_factory=list)

    def tell(self, bulletin: Bulletin) -> None:
        if self.stops:
            raise self.stops.pop(0)
        self.heard.append(bulletin)


def looked_in_vain(*heralds: Told, minutes: int, before: Silence | None) -> Silence:
    now = NOW + timedelta(minutes=minutes)
    told = tell_silence(heralds, before, WORDS, error="OperationalError", now=now)
    kept = Silence.read(told.kept())
    assert kept == told
    return told


def test_that_nobody_watches_is_told_once_it_lasts_and_again_after_hours() -> None:
    slack, mail = Told(), Told("mail")
    silence = looked_in_vain(slack, mail, minutes=0, before=None)
    assert slack.heard == [], "a database that starts anew is no news"
    for minutes in (5, 10, 239):
        silence = looked_in_vain(slack, mail, minutes=minutes, before=silence)
    [entry] = slack.heard[0].entries
    assert entry.what == "Nobody watches: our own database does not let us look (OperationalError)"
    assert entry.facts == {"since": "08:00 UTC"}
    assert entry.links == {"playbook": "https://airflow.example/tieout/playbooks/watch_silent"}
    assert (len(slack.heard), len(mail.heard)) == (1, 1)
    looked_in_vain(slack, mail, minutes=245, before=silence)
    assert (len(slack.heard), len(mail.heard)) == (2, 2)


def test_whoever_was_told_that_nobody_watches_hears_that_somebody_does_and_nobody_else() -> None:
    slack, mail = Told(), Told("mail", stops=[Away("a")])
    silence = looked_in_vain(slack, mail, minutes=5, before=Silence(NOW))
    assert list(silence.told) == ["slack"]
    slack.stops = [Fatal("f")]
    left = tell_recovery([slack, mail], silence, WORDS, now=NOW + timedelta(minutes=10))
    assert left == silence, "it is told with the next look"
    assert tell_recovery([slack, mail], left, WORDS, now=NOW + timedelta(minutes=15)) is None
    assert [one.entries[0].what[:5] for one in slack.heard] == ["Nobod", "Over:"]
    assert slack.heard[1].entries[0].facts == {"since": "08:00 UTC", "over": "08:15 UTC"}
    assert mail.heard == []


def test_a_channel_that_was_taken_away_meanwhile_is_owed_nothing() -> None:
    silence = Silence(NOW, {"slack": NOW})
    assert tell_recovery([Told("mail")], silence, WORDS, now=NOW) is None


@pytest.mark.parametrize("stop", [Uncertain("u"), Partly("p", reached=frozenset("a"))], ids=type)
def test_what_may_have_arrived_is_not_said_at_every_look(stop: Exception) -> None:
    assert list(looked_in_vain(Told(stops=[stop]), minutes=5, before=Silence(NOW)).told) == ["slack"]


@pytest.mark.parametrize(
    "stated", [None, 3, "x", "[]", "{}", '{"since": "soon", "told": {}}', '{"since": "2026-07-01"}']
)
def test_what_nobody_of_us_wrote_says_nothing(stated: object) -> None:
    assert Silence.read(stated) is None
