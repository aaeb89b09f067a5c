"""The steps from nothing to a healthy platform with its connections."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from include.local import services
from include.local.airflow_api import Airflow
from include.local.airflow_env import airflow_environment, is_set_up, note_set_up, set_up_airflow
from include.local.airflow_settings import load_settings, read_settings
from include.local.databases import DatabaseUrls, read_note, recreate_database, server_address, write_note
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.postgres import server
from include.local.progress import Say, Steps
from include.local.secrets import load_secrets
from include.local.world_day import MANIFEST, check_world, world_digest
from include.store.migrate import MigrationConflict, MigrationWaits, migrate
from include.twin.generate import generate_world

SEED, SIZE, PROFILE = 7, 1000, "default"
SETTINGS_FILE = PROJECT / "airflow_settings.yaml"


@dataclass(frozen=True)
class Platform:
    """A running platform: its world, its ports, a logged-in administrator and when its start began."""

    home: Home
    world: Path
    ports: services.Ports
    airflow: Airflow
    started_at: datetime


@contextmanager
def platform_up(
    steps: Steps, *, home: Home, world: Path | None, leashed: bool, replace: bool
) -> Iterator[Platform]:
    """Bring the platform up. Leashed it is stopped at the end, and ends with us; otherwise it stays.

    With `replace`, an embedded database that holds another world is emptied first. An error on the way is
    shown as a failed step, stops what was started and raises StepFailed.
    """
    with ExitStack() as stack:
        with steps.step("database server") as say:
            if services.running_ports(home):
                raise SetUpFailed(f"the platform of {home.root} is running already; stop it with: make down")
            urls = stack.enter_context(server(home))
            say(server_address(urls.app))
        with steps.step("world") as say:
            folder = _world(home, world, say)
        with steps.step("tables") as say:
            _prepare_tables(urls, folder, replace=replace, say=say)
        with steps.step("Airflow set-up") as say:
            _set_up(home, urls, say)
        with _stopped_unless_it_shall_stay(steps, home, stays=not leashed):
            started_at = datetime.now(UTC)
            ports = _start(steps, home, urls, folder, leashed=leashed)
            with steps.step("connections"):
                airflow = stack.enter_context(_log_in(home, ports))
                _connect(airflow, home, urls, ports)
            yield Platform(home, folder, ports, airflow, started_at)


@contextmanager
def _stopped_unless_it_shall_stay(steps: Steps, home: Home, *, stays: bool) -> Iterator[None]:
    reached_the_end = False
    try:
        yield
        reached_the_end = True
    finally:
        if not (stays and reached_the_end):
            with steps.step("stop"):
                services.stop(home)


def _world(home: Home, world: Path | None, say: Say) -> Path:
    """The folder to serve; without one, a world of our own is generated once and kept."""
    if world is None and not (home.world / MANIFEST).exists():
        say("generating one")
        generate_world(out=home.world, seed=SEED, size=SIZE, profile=PROFILE)
    folder = check_world(world or home.world)
    say(str(folder))
    return folder


def _prepare_tables(urls: DatabaseUrls, world: Path, *, replace: bool, say: Say) -> None:
    """Migrate Tieout's database, which holds one world: facts of two would be reconciled with each other."""
    note = f"the world with SHA-256 {world_digest(world)}, read from "
    found = read_note(urls.app)
    if found.startswith(note):
        say("up to date" if not _migrate(urls.app) else "brought up to date")
        return
    if _has_tables(urls.app):
        held = f"the database holds {found or 'data of its own'}"
        if os.environ.get("TIEOUT_DATABASE_URL"):
            raise SetUpFailed(f"{held}; point TIEOUT_DATABASE_URL to an empty one to load {world}")
        if not replace:
            raise SetUpFailed(f"{held}; to replace it run: make demo WORLD={world}")
        recreate_database(urls.app, admin=urls.admin)
    write_note(urls.app, f"{note}{world}")
    say(f"{len(_migrate(urls.app))} migrations")


def _migrate(url: str) -> list[str]:
    try:
        return migrate(url)
    except (MigrationConflict, MigrationWaits) as stop:
        raise SetUpFailed(str(stop)) from None


def _has_tables(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone()
    return bool(row and row[0])


def _set_up(home: Home, urls: DatabaseUrls, say: Say) -> None:
    secrets = load_secrets(home)
    if is_set_up(urls=urls, secrets=secrets):
        say("already done")
        return
    environment = airflow_environment(home=home, urls=urls, secrets=secrets, port=services.Ports().airflow)
    set_up_airflow(environment=environment, secrets=secrets, log=home.logs / "airflow-set-up.log")


def _start(steps: Steps, home: Home, urls: DatabaseUrls, world: Path, *, leashed: bool) -> services.Ports:
    with steps.step("services") as say:
        since = datetime.now(UTC)
        ports = services.start(home, urls=urls, world=world, leashed=leashed)
        services.wait_until_healthy(
            home, ports=ports, since=since, waiting_for=lambda names: say(f"waiting for {names}")
        )
        say("healthy")
    return ports


def _log_in(home: Home, ports: services.Ports) -> Airflow:
    return Airflow(ports.airflow_address, username="admin", password=load_secrets(home).admin_password)


def _connect(airflow: Airflow, home: Home, urls: DatabaseUrls, ports: services.Ports) -> None:
    """Create the other people on the first time, and load airflow_settings.yaml."""
    secrets = load_secrets(home)
    if not is_set_up(urls=urls, secrets=secrets):
        airflow.ensure_user(username="operator", roles=["Op"], password=secrets.operator_password)
        # Two people, so that what one proposes another can approve.
        for username, role, password in (
            ("finance", "Tie-out Analyst", secrets.finance_password),
            ("controller", "Tie-out Controller", secrets.controller_password),
        ):
            airflow.ensure_user(username=username, roles=["Viewer", role], password=password)
        note_set_up(urls=urls, secrets=secrets)
    values = services.connection_values(
        urls=urls, ports=ports, secrets=secrets, anchors=str(home.root / "anchors")
    )
    load_settings(airflow, read_settings(SETTINGS_FILE, values=values))
