"""A certificate holds against what it certifies, and whatever was changed since is named."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.domain.certificates import certify
from include.flows.reconcile import reconcile
from include.flows.render_results import certificate_bytes
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.policy import load_policy
from include.ports import NothingUsable
from include.store.postgres import PostgresStore
from include.verify import verify_again, verify_folder, verify_stored
from tests.flows.conftest import Draw, load

DAY = date(2026, 3, 31)
INVOICES = "id,number,customer_id,issue_date,due_date,currency,gross,status"
PAYMENTS = "id,customer_id,reference,currency,amount,paid_on,status"


def write(world: Path, *, paid: str = "10.00") -> Path:
    for file, header, rows in (
        (
            "erp/invoices.csv",
            INVOICES,
            [f"{n},INV-{n},C{n},2026-01-01,2026-01-31,SGD,{n}0.00," for n in (1, 2, 3)],
        ),
        (
            "payments/payments.csv",
            PAYMENTS,
            [f"P1,C1,INV-1,SGD,{paid},2026-02-01,", "P2,C2,INV-2,SGD,20.00,2026-02-01,"],
        ),
        ("fx/rates.csv", "date,from,to,rate", ["2026-03-31,USD,SGD,1.30"]),
    ):
        (world / file).parent.mkdir(parents=True)
        (world / file).write_text("\n".join([header, *rows, ""]))
    return world


@pytest.fixture(scope="module")
def recompute(server_urls: DatabaseUrls) -> Callable[[Path, Path], None]:
    def reconcile_into(world: Path, out: Path) -> None:
        with scratch_database(server_urls, strategy="FILE_COPY") as url:
            reconcile_world(world, as_of=DAY, out=out, database_url=url)

    return reconcile_into


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, recompute: Callable[[Path, Path], None]) -> Path:
    """A world beside its results."""
    folder = tmp_path_factory.mktemp("certified")
    recompute(write(folder / "world"), folder / "results")
    return folder


@pytest.fixture
def results(certified: Path, tmp_path: Path) -> Path:
    """The results, to be changed."""
    return Path(shutil.copytree(certified / "results", tmp_path / "results"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def recertify(results: Path, **facts: object) -> None:
    """Somebody who knows how certificates are hashed changes what one says."""
    path = results / "certificate.json"
    known = json.loads(path.read_text())
    del known["certificate_sha256"]
    path.write_bytes(certificate_bytes(certify({**known, **facts})))


def said(results: Path) -> list[str]:
    return [str(difference) for difference in verify_folder(results).differences]


def test_results_as_they_were_written_hold(certified: Path) -> None:
    verdict = verify_folder(certified / "results")
    assert (verdict.holds, verdict.differences) == (True, [])
    assert "holds against the files beside it: 5 files, 3 totals" in str(verdict)


def test_a_certificate_names_inputs_rules_rates_code_outputs_totals_and_proofs(certified: Path) -> None:
    certificate = json.loads((certified / "results" / "certificate.json").read_text())
    assert certificate["fx_sha256"] == certificate["inputs"]["fx_rates"]["sha256"]
    assert certificate["rules_sha256"] == load_policy().sha256
    assert {"code_sha256", "run_id", "as_of", "certificate_sha256"} <= set(certificate)
    assert {total["side"] for total in certificate["totals"]} == {"invoice", "payment", "fx_rate"}
    assert {proof["holds"] for proof in certificate["proofs"]} == {"True"}


def test_an_edited_certificate_is_found_by_its_own_hash(results: Path) -> None:
    edit(results / "certificate.json", '"matched_minor": "3000"', '"matched_minor": "4000"')
    found = said(results)
    assert found[0].startswith("certificate.json: was edited: its facts have the hash")
    assert found[1] == "control_totals.csv R3 invoice SGD: matched is certified as 40.00 and is 30.00"


def test_a_certificate_hashed_anew_after_an_edit_no_longer_names_its_run(results: Path) -> None:
    recertify(results, as_of="2026-04-30")
    [found] = said(results)
    assert found.startswith("run_id: its day, inputs, rules and code are run ")


def test_a_name_stated_twice_hides_nothing(results: Path) -> None:
    edit(results / "certificate.json", '"as_of":', '"as_of": "2026-01-01", "as_of":')
    assert said(results) == [
        "certificate.json: is not written as a run writes it: a name twice, other spaces or another order"
    ]


def test_an_edited_row_is_found(results: Path) -> None:
    edit(results / "matches.csv", "20.00", "21.00")
    [found] = said(results)
    assert found.startswith("matches.csv: was edited: its bytes have the hash")


def test_an_edited_total_is_named_with_both_figures(results: Path) -> None:
    edit(results / "control_totals.csv", "60.00,30.00,30.00", "60.00,60.00,0.00")
    assert said(results)[1] == (
        "control_totals.csv R3 invoice SGD: matched is certified as 30.00 and is 60.00; "
        "open is certified as 30.00 and is 0.00"
    )


def test_reordered_rows_are_found(results: Path) -> None:
    header, *rows = (results / "matches.csv").read_text().splitlines(keepends=True)
    (results / "matches.csv").write_text(header + "".join(reversed(rows)))
    [found] = said(results)
    assert found.startswith("matches.csv: was edited")


def test_a_missing_file_and_an_extra_one_are_named(results: Path) -> None:
    (results / "aging.csv").unlink()
    (results / "notes.txt").write_text("all good")
    assert said(results) == ["aging.csv: is missing", "notes.txt: is not certified, and lies beside what is"]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"{}", b"\xff", b'{"certificate_sha256": "x"}'],
)
def test_without_a_certificate_there_is_nothing_to_verify(results: Path, content: bytes | None) -> None:
    (results / "certificate.json").unlink()
    if content is not None:
        (results / "certificate.json").write_bytes(content)
    with pytest.raises(NothingUsable, match=r"certificate\.json"):
        verify_folder(results)


@pytest.mark.parametrize(
    "facts", [{"inputs": []}, {"outputs": {"../x": "y"}}, {"totals": [1]}, {"inputs": {"a": {}}}]
)
def test_a_malformed_certificate_is_refused(results: Path, facts: dict[str, object]) -> None:
    recertify(results, **facts)
    with pytest.raises(NothingUsable, match="no certificate of this platform"):
        verify_folder(results)


def test_the_world_gives_the_same_results_again(
    certified: Path, tmp_path: Path, recompute: Callable[[Path, Path], None]
) -> None:
    again = lambda out: recompute(certified / "world", out)  # noqa: E731 - said once
    verdict = verify_again(certified / "results", tmp_path, again)
    assert (verdict.holds, verdict.against) == (True, "the run computed again")


def test_another_world_is_told_by_input_total_and_line(
    certified: Path, tmp_path: Path, recompute: Callable[[Path, Path], None]
) -> None:
    other = write(tmp_path / "other", paid="9.00")
    verdict = verify_again(certified / "results", tmp_path / "again", lambda out: recompute(other, out))
    found = {difference.where: difference.says for difference in verdict.differences}
    assert set(found) >= {"run_id", "inputs payments", "totals R3 invoice SGD", "matches.csv", "aging.csv"}
    assert "rules_sha256" not in found
    assert found["inputs payments"].startswith("certified are 2 rows with the hash")
    assert "matched_minor is certified as 3000 and is 2900" in found["totals R3 invoice SGD"]
    assert found["aging.csv"].startswith("line 2 is 'C3,3,SGD,30.00")


def test_an_edited_row_is_shown_beside_what_the_run_gives(
    results: Path, certified: Path, tmp_path: Path
) -> None:
    edit(results / "matches.csv", "20.00", "21.00")
    again = Path(shutil.copytree(certified / "results", tmp_path / "again"))
    found = [one for one in verify_again(results, again, lambda _: None).differences if "line" in one.says]
    assert [one.where for one in found] == ["matches.csv"]
    assert "21.00" in found[0].says
    assert "the run gives" in found[0].says


@pytest.mark.parametrize("changed", ["rules_sha256", "code_sha256"])
def test_other_rules_or_other_code_are_named(
    results: Path, certified: Path, tmp_path: Path, changed: str
) -> None:
    recertify(results, **{changed: "0" * 64})
    again = Path(shutil.copytree(certified / "results", tmp_path / "again"))
    found = [str(one) for one in verify_again(results, again, lambda _: None).differences]
    assert any(one.startswith(f"{changed}: certified is 000000000000…, it is ") for one in found)


def test_a_stored_run_holds_until_a_row_of_it_is_changed(draw: Draw, database_url: str) -> None:
    store = PostgresStore(database_url)
    load(
        store,
        draw(
            invoices="1 INV-1 C1 2026-01-01 2026-01-31 SGD 10.00", payments="P1 C1 INV-1 SGD 10.00 2026-02-01"
        ),
    )
    run = reconcile(store, as_of=DAY, policy=load_policy())
    assert verify_stored(database_url, str(run.run_id)).holds
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE recon.matches SET rule = 'P9'")
        connection.execute("UPDATE recon.control_totals SET open_minor = 5 WHERE side = 'payment'")
    found = {difference.where for difference in verify_stored(database_url, str(run.run_id)).differences}
    assert found == {"matches.csv", "control_totals.csv", "totals R3 payment SGD"}


@pytest.mark.parametrize("run", ["today", str(UUID(int=0))])
def test_a_run_that_is_not_there_cannot_be_verified(database_url: str, run: str) -> None:
    with pytest.raises(NothingUsable, match=run):
        verify_stored(database_url, run)


def test_the_command_says_what_differs_in_words_or_json_and_by_its_exit_code(results: Path) -> None:
    def verify(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["certificate", "verify", *arguments])
        return done.exit_code, done.stdout

    assert verify("--results", str(results))[0] == 0
    edit(results / "matches.csv", "20.00", "21.00")
    code, words = verify("--results", str(results))
    assert (code, words.splitlines()[0].partition(":")[0]) == (1, "matches.csv")
    code, text = verify("--results", str(results), "--json")
    told = json.loads(text)
    assert (code, told["holds"], [one["where"] for one in told["differences"]]) == (1, False, ["matches.csv"])
    assert verify("--results", str(results / "absent"))[0] == 2
    assert verify()[0] == 2
    assert verify("--run", "today")[0] == 2
