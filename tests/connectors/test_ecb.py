"""The ECB's reference rates, from files and from an address."""

import csv
import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from include.connectors.ecb.client import RatesAddress, RatesFolder
from include.connectors.ecb.source import EcbSource
from include.domain.fx import rates_to
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.ports import Fatal, RawRecord, Retryable
from include.store.postgres import PostgresStore
from tests.connectors.conftest import Read
from tests.shared import shared

HISTORY = """Date,USD,JPY,CYP,SGD,
2026-06-30,1.1252,163.36,N/A,1.46,
2026-06-29,1.1297,163.45,0.58,1.4601,
"""
DAILY = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time="2026-06-30"><Cube currency="USD" rate="1.1252"/><Cube currency="SGD" rate="1.46"/></Cube></Cube>
</gesmes:Envelope>"""
OF_ONE_DAY = "Date, USD, SGD, \n30 June 2026, 1.1252, 1.46, \n"


@pytest.fixture
def drop(tmp_path: Path) -> Callable[..., EcbSource]:
    """A folder with these files: name -> text; `eurofxref_hist_csv` is eurofxref_hist.csv."""

    def put(**files: str) -> EcbSource:
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            (tmp_path / f"{stem}.{suffix}").write_text(text)
        return EcbSource(RatesFolder(tmp_path), page=3)

    return put


def rates(source: EcbSource, records: list[RawRecord]) -> set[str]:
    rows = [source.translate("fx_rates", record.payload) for record in records if not record.damage]
    assert {(row["from_currency"], row["source"]) for row in rows} <= {("EUR", "ECB euro reference rates")}
    return {f"{row['rate_date']} {row['to_currency']} {row['rate']}" for row in rows}


def test_the_history_gives_every_rate_that_is_quoted_of_money_that_still_exists(
    drop: Callable[..., EcbSource], read: Read
):
    source = drop(hist_csv=HISTORY)
    records, cursor = read(source, "fx_rates")
    assert rates(source, records) == {
        "2026-06-30 USD 1.1252",
        "2026-06-30 JPY 163.36",
        "2026-06-30 SGD 1.46",
        "2026-06-29 USD 1.1297",
        "2026-06-29 JPY 163.45",
        "2026-06-29 SGD 1.4601",
    }
    assert len(records) == 6
    assert source.totals("fx_rates", after=None, until=cursor).keys == {
        (record.native_id, record.version) for record in records
    }


@pytest.mark.parametrize("files", [{"daily_xml": DAILY}, {"eurofxref_csv": OF_ONE_DAY}])
def test_the_days_own_files_say_the_same_as_the_history(
    drop: Callable[..., EcbSource], read: Read, files: dict[str, str]
):
    source = drop(**files)
    records, _ = read(source, "fx_rates")
    assert rates(source, records) == {"2026-06-30 USD 1.1252", "2026-06-30 SGD 1.46"}


def test_rates_seen_in_two_files_are_held_once(drop: Callable[..., EcbSource], store: PostgresStore):
    source = drop(hist_csv=HISTORY, daily_xml=DAILY, copy_csv=HISTORY)
    assert pull_changes(source, store, entity="fx_rates").new == 6
    assert check_completeness(source, store, entity="fx_rates").proven
    landed = land_records(source, store, entity="fx_rates")
    assert (landed.good, landed.quarantined) == (6, 0)


def test_files_that_contradict_each_other_are_left_to_a_person(
    drop: Callable[..., EcbSource], store: PostgresStore
):
    source = drop(a_xml=DAILY, b_xml=DAILY.replace("1.1252", "1.2252"))
    pull_changes(source, store, entity="fx_rates")
    landed = land_records(source, store, entity="fx_rates")
    assert (landed.good, landed.quarantined) == (2, 1)
    assert "a duplicate, first stated in fx/a.xml" in landed.complaints[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            DAILY.replace('<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE e [<!ENTITY a 'b'>]>"),
            "document type",
        ),
        (DAILY[:-40], "not well-formed XML"),
        ("<html><body>maintenance</body></html>", "holds no <Cube"),
        (DAILY.replace("<Cube currency", "<Gone currency"), ""),
    ],
)
def test_what_is_no_list_of_rates_is_refused_with_its_reason_and_kept(
    drop: Callable[..., EcbSource], read: Read, text: str, reason: str
):
    source = drop(daily_xml=text)
    records, _ = read(source, "fx_rates")
    assert [reason in record.damage for record in records if record.damage] == ([True] if reason else [])


def test_a_line_cut_off_is_told_and_the_days_before_it_are_used(drop: Callable[..., EcbSource], read: Read):
    source = drop(hist_csv=HISTORY[:-12])
    records, _ = read(source, "fx_rates")
    assert len(rates(source, records)) == 3
    assert "line 3 has 4 cells" in records[-1].damage


def test_a_rate_that_is_no_number_is_quarantined_alone(drop: Callable[..., EcbSource], store: PostgresStore):
    source = drop(daily_xml=DAILY.replace("1.1252", "1,1252"))
    pull_changes(source, store, entity="fx_rates")
    landed = land_records(source, store, entity="fx_rates")
    assert (landed.good, landed.quarantined) == (1, 1)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, read: Read):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "elsewhere.csv").write_text(HISTORY)
    (tmp_path / "inbox" / "hist.csv").symlink_to(tmp_path / "elsewhere.csv")
    records, _ = read(EcbSource(RatesFolder(tmp_path / "inbox")), "fx_rates")
    assert [record.damage.partition(",")[0] for record in records] == ["is a link"]


def test_only_days_from_the_one_wanted_on_are_read(tmp_path: Path, read: Read):
    (tmp_path / "hist.csv").write_text(HISTORY)
    source = EcbSource(RatesFolder(tmp_path), since=date(2026, 6, 30))
    assert len(read(source, "fx_rates")[0]) == 3


def test_a_folder_that_is_not_there_stops_the_reading(tmp_path: Path):
    source = EcbSource(RatesFolder(tmp_path / "unmounted", required=True))
    with pytest.raises(Retryable, match="is the share mounted"):
        source.fetch_page("fx_rates", None)


def test_the_whole_real_history_arrives_and_crosses_without_a_float(read: Read):
    source = EcbSource(RatesFolder(shared("data/ecb")))
    records, cursor = read(source, "fx_rates")
    assert [record for record in records if record.damage] == []
    gone = {"BGN", "CYP", "EEK", "HRK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL"}
    with shared("data/ecb/eurofxref-hist.csv").open() as lines:
        header, *days = csv.reader(lines)
    cells = [cell for row in days for name, cell in zip(header[1:], row[1:], strict=True) if name not in gone]
    quoted = sum(cell not in {"", "N/A"} for cell in cells)
    assert len({record.native_id for record in records}) == len(records) == quoted
    assert len(source.totals("fx_rates", after=None, until=cursor).keys) == len(records)
    day = [source.translate("fx_rates", r.payload) for r in records if r.payload["day"] == "2025-05-09"]
    quotes = [
        (row["from_currency"] or "", row["to_currency"] or "", Decimal(row["rate"] or "")) for row in day
    ]
    in_sgd = rates_to("SGD", quotes)
    assert in_sgd["USD"] == Decimal("1.46") / Decimal("1.1252")
    assert in_sgd["EUR"] == Decimal("1.46")


class Ecb:
    """A server on this machine that answers with a status and a text, which a test may change."""

    def __init__(self) -> None:
        self.status, self.text = 200, DAILY
        answers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = answers.text.encode()
                self.send_response(answers.status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://169.254.169.254/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                """Nothing: a test's output is its own."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/stats/eurofxref-daily.xml"


@pytest.fixture
def ecb() -> Iterator[Ecb]:
    served = Ecb()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


def test_what_the_ecb_corrects_later_counts(ecb: Ecb, store: PostgresStore):
    source = EcbSource(RatesAddress(ecb.address))
    assert pull_changes(source, store, entity="fx_rates").new == 2
    land_records(source, store, entity="fx_rates")
    assert pull_changes(source, store, entity="fx_rates").new == 0
    ecb.text = DAILY.replace("1.1252", "1.1253")
    assert pull_changes(source, store, entity="fx_rates").new == 1
    landed = land_records(source, store, entity="fx_rates")
    assert (landed.good, landed.quarantined) == (1, 0)
    assert check_completeness(source, store, entity="fx_rates").proven


@pytest.mark.parametrize(("status", "stop"), [(503, Retryable), (429, Retryable), (404, Fatal), (302, Fatal)])
def test_an_address_that_does_not_serve_stops_with_what_to_do_next(
    ecb: Ecb, status: int, stop: type[Exception]
):
    ecb.status = status
    with pytest.raises(stop, match=f"answered {status}"):
        EcbSource(RatesAddress(ecb.address)).fetch_page("fx_rates", None)


@pytest.mark.parametrize(
    "address", ["http://ecb.example/rates.xml", "file:///etc/passwd.xml", "https://ecb.example/eurofxref.zip"]
)
def test_an_address_that_is_no_place_for_rates_is_refused(address: str):
    with pytest.raises(Fatal, match="FX"):
        RatesAddress(address)
