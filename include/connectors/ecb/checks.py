"""What `tieout doctor` asks of the exchange rates' place."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta

from include.connectors.bank.checks import checks as folder_checks
from include.connectors.ecb.client import Place, RatesFolder
from include.connectors.ecb.translate import Unreadable, quotes, translate
from include.domain.diagnosis import Answer, Check, fail, ok
from include.domain.target_days import target_days

_PLACE = "check the path in the extra of fx_rates: a folder, or the ECB's https address"
_NEWER = "put eurofxref-hist.csv or eurofxref-hist-90d.xml of today into the folder"
_LOOK_BACK = timedelta(days=10)


def checks(place: Place, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """That rates are there, can be read, and have come up to yesterday."""
    first = (
        folder_checks(place, place.path)[:2]
        if isinstance(place, RatesFolder)
        else [Check("connection", lambda: _connection(place), _PLACE)]
    )
    return [*first, Check("newest rates", lambda: _newest(place, now().date()), _PLACE)]


def _connection(place: Place) -> Answer:
    return ok(f"{', '.join(one.name for one in place.documents())} came")


def _newest(place: Place, today: date) -> Answer:
    """Today's rates come in the afternoon; yesterday's must be there."""
    days = set(_days(place))
    if not days:
        return fail("no document states a rate", _NEWER)
    wanted = list(target_days(today - _LOOK_BACK, today - timedelta(days=1)))
    missing = [day.isoformat() for day in wanted if day.isoformat() not in days]
    if missing:
        return fail(f"the rates of {', '.join(missing)} are missing; the newest are of {max(days)}", _NEWER)
    return ok(f"the newest are of {max(days)}")


def _days(place: Place) -> Iterator[str]:
    for document in place.documents():
        content = place.content(document)
        if content is None or content.refused:
            continue
        try:
            for quote in quotes(content.data, document.format):
                yield translate(quote._asdict())["rate_date"] or ""
        except Unreadable:
            continue
