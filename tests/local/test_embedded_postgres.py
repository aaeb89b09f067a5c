import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from include.local import postgres
from include.local.cluster import explain, find_cluster
from include.local.databases import DatabaseUrls, read_note, recreate_database, write_note
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.ports import free_port
from include.local.postgres import server
from include.local.processes import Process, all_pids, wait_for
from tests.local.conftest import command_line, processes_of

HOLDER = """
import sys, time
from pathlib import Path
from include.local.home import Home
from include.local.postgres import server
from include.local.ports import free_port
with server(Home(Path(sys.argv[1]))):
    print("up", flush=True)
    sys.stdin.read()
"""


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def postmaster_of(home: Home) -> Process:
    found = postgres._postmaster(find_cluster(home).data)
    assert found
    return found.process


@contextmanager
def another_command(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", HOLDER, str(home.root)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()
    assert wait_for(lambda: not processes_of(home), timeout_s=60)


def test_a_server_has_both_databases_and_is_gone_after(home: Home):
    with server(home) as urls:
        assert value(urls.app, "SELECT current_database()") == "tieout"
        assert value(urls.airflow, "SELECT current_database()") == "tieout_airflow"
    assert processes_of(home) == []


def test_data_outlive_the_server(home: Home):
    with server(home) as urls, psycopg.connect(urls.app) as connection:
        connection.execute("CREATE TABLE kept_outlives AS SELECT 7 AS number")
    with server(home) as urls:
        assert value(urls.app, "SELECT number FROM kept_outlives") == 7


def test_what_is_committed_is_on_disk_and_text_sorts_by_bytes(home: Home):
    with server(home) as urls:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert value(urls.app, f"SHOW {setting}") == "on"
        assert value(urls.app, "SHOW server_encoding") == "UTF8"
        assert value(urls.app, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"


def test_the_server_wants_a_password_and_listens_on_loopback_alone(home: Home):
    with server(home) as urls:
        without = urls.app.replace(urls.app.split("@")[0].rsplit(":", 1)[1], "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(without)
        assert value(urls.app, "SHOW listen_addresses") == "127.0.0.1"


def test_no_password_is_in_any_command_line_or_log(home: Home):
    with server(home) as urls:
        password = urls.app.split("@")[0].rsplit(":", 1)[1]
        assert not [pid for pid in all_pids() if password in command_line(pid)]
    assert password not in (home.logs / "postgres.log").read_text()
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_the_server_of_root_runs_as_somebody_else(home: Home):
    with server(home):
        assert Path(f"/proc/{postmaster_of(home).pid}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_a_home_the_server_cannot_reach_keeps_its_permissions(
    closed_home: Home, capsys: pytest.CaptureFixture[str]
):
    parent = closed_home.root.parents[1]
    with server(closed_home) as urls:
        assert value(urls.app, "SELECT 1") == 1
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert "/var/lib/tieout/clone-" in capsys.readouterr().out
    with server(closed_home):
        assert capsys.readouterr().out == ""


def test_the_server_stays_while_another_command_uses_it(home: Home):
    with another_command(home) as other:
        with server(home):
            pass
        assert other.poll() is None
        assert postmaster_of(home).alive


def test_a_lease_dies_with_its_holder(home: Home):
    with another_command(home) as other:
        other.kill()
        other.wait()
        assert wait_for(lambda: not processes_of(home), timeout_s=60)


def test_the_server_ends_with_a_keeper_that_is_killed(home: Home):
    with another_command(home):
        keeper = Process.read(find_cluster(home).base / "keeper.pid")
        assert keeper
        keeper.send(signal.SIGKILL)
        assert wait_for(lambda: postgres._postmaster(find_cluster(home).data) is None, timeout_s=60)


def test_a_killed_server_recovers_with_what_was_committed(home: Home):
    with server(home) as urls:
        with psycopg.connect(urls.app) as connection:
            connection.execute("CREATE TABLE kept_crash AS SELECT 7 AS number")
        postmaster_of(home).send(signal.SIGKILL)
        with server(home) as again:
            assert value(again.app, "SELECT number FROM kept_crash") == 7


def test_a_pid_file_that_names_somebody_else_is_not_believed(home: Home):
    with server(home):
        data = find_cluster(home).data
        stale = (data / "postmaster.pid").read_text().splitlines()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]))
    with server(home) as urls:
        assert value(urls.app, "SELECT 1") == 1


def test_the_next_free_port_is_taken_when_the_usual_one_is_not_free(home: Home):
    with server(home) as urls:
        port = int(value(urls.app, "SHOW port"))
    with socket.create_server(("127.0.0.1", port)), server(home) as urls:
        assert int(value(urls.app, "SHOW port")) > port


def test_a_port_lost_at_the_last_moment_is_given_up_for_the_next(home: Home, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as thief:
        offers = iter([thief.getsockname()[1], free_port(22000)])
        monkeypatch.setattr(postgres, "free_port", lambda _preferred: next(offers))
        with server(home) as urls:
            assert value(urls.app, "SELECT 1") == 1


def test_lost_secrets_do_not_lose_the_data(home: Home):
    with server(home) as urls, psycopg.connect(urls.app) as connection:
        connection.execute("CREATE TABLE kept_secrets AS SELECT 7 AS number")
    home.secrets.unlink()
    with server(home) as urls:
        assert value(urls.app, "SELECT number FROM kept_secrets") == 7


def test_a_note_ends_with_its_database(home: Home):
    with server(home) as urls:
        write_note(urls.app, "it's world 7")
        assert read_note(urls.app) == "it's world 7"
        recreate_database(urls.app, admin=urls.admin)
        assert read_note(urls.app) == ""


def test_another_server_is_used_when_its_url_is_set(home: Home, monkeypatch: pytest.MonkeyPatch):
    with server(home) as ours:
        theirs = ours.app.removesuffix("/tieout") + "/books"
        monkeypatch.setenv("TIEOUT_DATABASE_URL", theirs)
        with server(Home(home.root.parent / "second")) as urls:
            assert value(urls.app, "SELECT current_database()") == "books"
            assert value(urls.airflow, "SELECT current_database()") == "books_airflow"
        assert not (home.root.parent / "second").exists()
        monkeypatch.delenv("TIEOUT_DATABASE_URL")


def test_a_user_without_the_right_to_create_databases_is_told_so(home: Home, monkeypatch: pytest.MonkeyPatch):
    with server(home) as ours:
        with psycopg.connect(ours.admin) as connection:
            connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
        address = ours.app.split("@")[1].replace("/tieout", "/ledger")
        monkeypatch.setenv("TIEOUT_DATABASE_URL", f"postgresql://clerk:clerk@{address}")
        with (
            pytest.raises(SetUpFailed, match='user clerk may not create database "ledger"; create it'),
            server(home),
        ):
            pass


@pytest.mark.parametrize("url", ["mysql://u@h/db", "postgresql://u@h", "books"])
def test_a_database_url_of_another_shape_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("TIEOUT_DATABASE_URL", url)
    with pytest.raises(SetUpFailed, match="must look like postgresql://"), server(home):
        pass


def test_a_server_that_is_not_there_is_named(home: Home, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("TIEOUT_DATABASE_URL", f"postgresql://u:p@127.0.0.1:{port}/books")
    with pytest.raises(SetUpFailed, match="TIEOUT_DATABASE_URL cannot be reached"), server(home):
        pass


def test_urls_do_not_show_their_password():
    assert "secret" not in repr(DatabaseUrls(app="secret", airflow="secret", admin="secret"))


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("initdb: error: could not create file: No space left on device", "the disk holding /d is full"),
        (
            'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use',
            "another program took the port",
        ),
        ('FATAL:  data directory "/d" has wrong ownership', "belongs to another user"),
        ("FATAL:  database files are incompatible with server", "another version of Postgres"),
        ("FATAL:  something new\n", "did not start: FATAL:  something new"),
    ],
)
def test_a_failed_start_is_explained_in_a_sentence(log: str, reason: str):
    assert reason in explain(log, place=Path("/d"))
