"""A backup is put back and read forward to a moment: what was done since is done again, and nothing twice."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import psycopg

from include.domain.delivery import Message
from include.flows.deliver_outbox import deliver_outbox
from include.flows.note_restore import histories
from include.flows.put_message import put_message
from include.flows.seal_audit import anchor, seal_audit
from include.flows.verify_audit import verify_audit
from include.local.cluster import SETTINGS, Cluster, find_cluster
from include.local.databases import DatabaseUrls
from include.local.home import Home
from include.local.postgres import server
from include.local.processes import wait_for
from include.policy import load_policy
from include.signing import holds, signer_of
from include.store.migrate import migrate
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.peers import Peer
from tests.store.waiting import nobody_before

PACE = load_policy().delivery.pace
SIGN = signer_of("1" * 64)
BY_ITSELF = "another server or timeline than before"


@dataclass
class Backups:
    """A server that keeps what docs/recovery.md asks for: a base backup, and every WAL file since."""

    home: Home
    cluster: Cluster

    @property
    def archive(self) -> Path:
        return self.cluster.base / "archive"

    @property
    def base(self) -> Path:
        return self.cluster.base / "backup"

    @contextmanager
    def running(self) -> Iterator[DatabaseUrls]:
        self.archive.mkdir(parents=True, exist_ok=True)
        self._give_away(self.archive)
        kept = {
            "wal_level": "replica",
            "max_wal_senders": "2",
            "archive_mode": "on",
            "archive_command": f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f",
        }
        with patch.dict(SETTINGS, kept), server(self.home) as urls:
            yield urls

    def take(self, urls: DatabaseUrls) -> None:
        program = str(self.cluster.programs / "pg_basebackup")
        subprocess.run(
            [program, "-d", urls.admin, "-D", str(self.base), "-X", "none", "-c", "fast"],
            check=True,
            capture_output=True,
        )

    def put_back(self, moment: datetime) -> None:
        """The server is down. Its next start reads forward from the backup to this moment."""
        self.cluster.data.rename(self.cluster.base / "lost")
        shutil.copytree(self.base, self.cluster.data)
        with (self.cluster.data / "postgresql.auto.conf").open("a") as settings:
            settings.write(
                f"restore_command = 'cp {self.archive}/%f %p'\n"
                f"recovery_target_time = '{moment.isoformat()}'\n"
                "recovery_target_action = promote\n"
            )
        (self.cluster.data / "recovery.signal").touch()
        self._give_away(self.cluster.data)

    def _give_away(self, folder: Path) -> None:
        if account := self.cluster.account:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account.uid, account.gid)


def reading_forward(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def decide(store: PostgresStore, *names: str) -> None:
    for name in names:
        with store.transaction() as tx:
            put_message(
                tx,
                Message(key=name, kind="order", target="erp", subject=f"deals/{name}", body={"name": name}),
            )


def test_what_was_sent_after_the_moment_of_a_restore_is_decided_again_and_not_sent_again(
    closed_home: Home,
) -> None:
    backups, erp = Backups(closed_home, find_cluster(closed_home)), Peer()
    with backups.running() as urls:
        migrate(urls.app)
        with PostgresStore(urls.app).keeping() as store:
            decide(store, "first")
            deliver_outbox(store, erp, pace=PACE)
        backups.take(urls)
        with (
            PostgresStore(urls.app).keeping() as store,
            psycopg.connect(urls.app, autocommit=True) as connection,
        ):
            decide(store, "second")
            nobody_before(urls.app)
            assert seal_audit(store, sign=SIGN) > 0
            kept = json.loads(anchor(store) or "")
            [moment] = connection.execute("SELECT clock_timestamp()").fetchone() or ()
            decide(store, "third")
            deliver_outbox(store, erp, pace=PACE)
            connection.execute("SELECT pg_switch_wal()")
        assert sorted(effect.key for effect in erp.effects) == ["first", "second", "third"]
    backups.put_back(moment)

    with backups.running() as urls, PostgresStore(urls.app).keeping() as store:
        wait_for(lambda: not reading_forward(urls.app), timeout_s=60)
        with store.transaction() as tx:
            assert tx.rows("message_by_key", key="third") == [], "it was decided after the moment"
            assert [row["state"] for row in tx.rows("message_by_key", key="second")] == ["queued"]
        decide(store, "third", "fourth")
        done = deliver_outbox(store, erp, pace=PACE)
        assert done == {"found": 2, "confirmed": 1}
        assert sorted(effect.key for effect in erp.effects) == ["first", "fourth", "second", "third"]
        newest, before = histories(store, pace=PACE)
        assert (newest["reason"], newest["in_doubt"], before["doubted"]) == (BY_ITSELF, True, False)
        assert newest["server"] == before["server"]
        assert newest["timeline"] > before["timeline"]
        verdict = verify_audit(store, holds=holds, public_keys=[SIGN(b"")[0]], anchors=[kept])
        assert verdict.found == []
        assert_checks_hold(urls.app)
