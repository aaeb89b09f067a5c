"""`make demo`, `make up` and `make down`: the main job and the platform on this machine."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from zoneinfo import ZoneInfo

from include.local import services
from include.local.airflow_api import ENDED, Airflow, RunState
from include.local.bring_up import Platform, platform_up
from include.local.home import Home, SetUpFailed
from include.local.processes import end_with_parent, wait_for
from include.local.progress import Say, StepFailed, Steps
from include.local.secrets import load_secrets
from include.local.world_day import last_day

EXTRACTIONS = ("extract_salesforce", "extract_erp", "extract_payments")
FILES = {"TIEOUT_BANK_FOLDER": "extract_bank", "TIEOUT_FX_RATES": "extract_fx"}
"""Variable that names a place for files -> what reads it; the tie-out waits for every place that is named."""
TIE_OUT = "tie_out"
BUSINESS_ZONE = ZoneInfo("Asia/Singapore")
PARSE_TIMEOUT_S = 90.0
RUN_TIMEOUT_S = 900.0
MAIL_TIMEOUT_S = 30.0
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def run_demo(*, home: Home, world: Path | None, as_of: date | None, keep_up: bool) -> int:
    """Run the main job from nothing: extract, reconcile, mail the report. 0 when all of it worked.

    With `keep_up` and a terminal the platform stays until Ctrl-C. Whatever happens, nothing is left running.
    """
    # Ours is to stop what we started also when make, who waits for us, is killed.
    end_with_parent(signal.SIGTERM)
    steps = _steps(home)
    done = False
    try:
        with platform_up(steps, home=home, world=world, leashed=True, replace=True) as platform:
            steps.tell(_run_the_day(steps, platform, as_of))
            steps.tell(f"The report is in {home.mailbox}")
            done = True
            if keep_up and sys.stdin.isatty():
                steps.tell("The platform stays up until you press Ctrl-C:")
                _tell_addresses(steps, platform)
                threading.Event().wait()
    except StepFailed:
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 0 if done else EXIT_INTERRUPTED
    return 0


def run_up(*, home: Home, world: Path | None) -> int:
    """Start the platform and leave it running; 0 also when it runs already."""
    steps = _steps(home)
    if ports := services.running_ports(home):
        steps.tell(f"The platform is up already. Airflow: {ports.airflow_address}")
        return 0
    try:
        with platform_up(steps, home=home, world=world, leashed=False, replace=False) as platform:
            steps.tell("The platform is up; make down stops it.")
            _tell_addresses(steps, platform)
    except StepFailed:
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def run_down(*, home: Home) -> int:
    """Stop the platform; 0 also when it was not running."""
    steps = _steps(home)
    try:
        with steps.step("stop") as say:
            say("stopped" if services.stop(home) else "it was not running")
    except StepFailed:
        return EXIT_FAILED
    return 0


def business_day(day: date) -> tuple[datetime, datetime]:
    """A day in the business's zone as an interval [start, end)."""
    start = datetime.combine(day, time(), tzinfo=BUSINESS_ZONE)
    return start, start + timedelta(days=1)


def _run_the_day(steps: Steps, platform: Platform, as_of: date | None) -> str:
    """Extract from all systems at once, tie the day out, and wait for its mail; the subject of that mail."""
    with steps.step("day") as say:
        day = as_of or last_day(platform.world, today=datetime.now(BUSINESS_ZONE).date())
        say(day.isoformat())
    with steps.step("extraction") as say:
        files = [dag_id for variable, dag_id in FILES.items() if os.environ.get(variable)]
        _run_dags(platform, (*EXTRACTIONS, *files), day, say)
    with steps.step("tie-out") as say:
        _run_dags(platform, (TIE_OUT,), day, say)
    with steps.step("report") as say:
        subject = _await_mail(platform.home, day)
        say("arrived")
    return subject


def _run_dags(platform: Platform, dag_ids: Sequence[str], day: date, say: Say) -> None:
    airflow = platform.airflow
    start, end = business_day(day)
    for dag_id in dag_ids:
        say(f"waiting for {dag_id} to be parsed")
        airflow.wait_for_dag(dag_id, since=platform.started_at, timeout_s=PARSE_TIMEOUT_S)
        airflow.unpause(dag_id)
    runs = {dag_id: airflow.trigger(dag_id, start=start, end=end) for dag_id in dag_ids}
    states: dict[str, RunState] = {}
    for states in airflow.follow(runs, timeout_s=RUN_TIMEOUT_S):
        say(", ".join(f"{dag_id} {_in_words(state)}" for dag_id, state in states.items()))
    for dag_id, state in states.items():
        if state.state != "success":
            raise _failure(platform.home, airflow, dag_id, runs[dag_id])


def _in_words(run: RunState) -> str:
    done = sum(state in {"success", "skipped"} for state in run.tasks.values())
    retried = sum(state == "up_for_retry" for state in run.tasks.values())
    words = f"{done}/{len(run.tasks)}" + (f" ({retried} to retry)" if retried else "")
    return run.state if run.state in ENDED else words


def _failure(home: Home, airflow: Airflow, dag_id: str, run_id: str) -> SetUpFailed:
    task, lines = airflow.failed_task_log(dag_id, run_id)
    log = home.logs / "failed-task.log"
    log.write_text("\n".join([*lines, ""]))
    return SetUpFailed(f"{dag_id} failed" + (f" in its task {task}" if task else ""), log=log)


def _mails(home: Home) -> list[Path]:
    return sorted(home.mailbox.glob("*.eml"))


def _await_mail(home: Home, day: date) -> str:
    """The subject of the latest report on the day, which begins with it. It may be an older one: it is sent once."""

    def find() -> list[str]:
        return [subject for path in _mails(home) if (subject := _subject(path)).startswith(str(day))]

    if not wait_for(find, timeout_s=MAIL_TIMEOUT_S, every_s=0.2):
        raise SetUpFailed(f"no mail about {day} arrived in {home.mailbox}", log=home.logs / "twin.log")
    return find()[-1]


def _subject(path: Path) -> str:
    return str(message_from_bytes(path.read_bytes(), policy=policy.default)["Subject"])


def _tell_addresses(steps: Steps, platform: Platform) -> None:
    ports = platform.ports
    # A log is no place for a password.
    password = load_secrets(platform.home).admin_password if steps.is_live else f"in {platform.home.secrets}"
    steps.tell(f"  Airflow   {ports.airflow_address}  user admin, password {password}")
    steps.tell(f"  console   {ports.airflow_address}/tieout/  with the same login")
    steps.tell(f"  mailbox   http://127.0.0.1:{ports.mailbox}  what finance received")
    steps.tell(
        f"  webhooks  http://127.0.0.1:{ports.webhooks}/tieout-hooks/payments  signed, as Stripe sends them"
    )


def _steps(home: Home) -> Steps:
    return Steps(crash_log=home.logs / "crash.log")
