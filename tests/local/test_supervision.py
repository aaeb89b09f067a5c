import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local import supervision
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.processes import Process, wait_for
from include.local.supervision import Program, halt, launch, states
from tests.local.conftest import command_line, processes_of

IMPATIENT = """
import sys
from pathlib import Path
from include.local import guard
guard.GRACE_S = 1
guard.main(Path(sys.argv[1]), *sys.argv[2:])
"""
DEMO = """
import os, sys, time
from pathlib import Path
from include.local.home import Home
from include.local.supervision import Program, launch
family = Program(name="family", group="all", command=["sh", "-c", sys.argv[2]])
launch(Home(Path(sys.argv[1])), programs=[family], environment=dict(os.environ), leashed=True)
print("up", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Home]:
    yield (home := Home(tmp_path / "var"))
    halt(home)
    assert wait_for(lambda: not processes_of(home), timeout_s=60)


def named(home: Home, word: str) -> list[Process]:
    """The processes of this home with this word in their command line."""
    found = (Process.find(pid) for pid in processes_of(home) if word in command_line(pid))
    return [process for process in found if process]


def family(home: Home) -> list[Process]:
    return [process for process in named(home, "tail") if command_line(process.pid).startswith("tail")]


def family_script(home: Home) -> str:
    """A program with a child of its own; both carry the home in their command line."""
    mark = home.run / "mark"
    mark.touch()
    return f"tail -f {mark} & exec tail -f {mark}"


def shell(script: str) -> Program:
    return Program(name="family", group="all", command=["sh", "-c", script])


def start_family(home: Home) -> None:
    launch(home, programs=[shell(family_script(home))], environment=dict(os.environ))
    assert wait_for(lambda: len(family(home)) == 2, timeout_s=60)


def test_no_program_that_crashes_leaves_its_memory_in_a_file(place: Home):
    limits = place.run / "limits"
    limits.parent.mkdir(parents=True, exist_ok=True)
    told = shell(f"ulimit -Sc > {limits}; ulimit -Hc >> {limits}; exec tail -f {limits}")
    launch(place, programs=[told], environment=dict(os.environ))
    assert wait_for(lambda: limits.exists() and limits.read_text().split() == ["0", "0"], timeout_s=60)


def test_a_program_runs_and_is_gone_after_with_its_children(place: Home):
    start_family(place)
    assert wait_for(lambda: states(place) == {"family": "RUNNING"}, timeout_s=60)
    assert halt(place)
    assert processes_of(place) == []


def test_stopping_twice_is_fine(place: Home):
    start_family(place)
    assert halt(place)
    assert not halt(place)


def test_what_a_program_writes_is_in_its_log(place: Home):
    launch(place, programs=[shell("echo '100% %(here)s'; exec sleep 1000")], environment=dict(os.environ))
    log = supervision.program_log(place, "family")
    assert wait_for(lambda: log.exists() and log.read_text() == "100% %(here)s\n", timeout_s=60)


def test_a_program_that_dies_is_started_anew_without_its_old_children(place: Home):
    start_family(place)
    before = set(family(place))
    # The main program is the child of the guard; its own child must not be left behind.
    guard = named(place, "include.local.guard")[0]
    main = next(process for process in before if _parent(process) == guard.pid)
    main.send(signal.SIGKILL)
    assert wait_for(lambda: len(family(place)) == 2 and not before & set(family(place)), timeout_s=60)


def test_nothing_outlives_a_supervisor_that_is_killed(place: Home):
    start_family(place)
    supervisor = supervision.supervisor(place)
    assert supervisor
    supervisor.send(signal.SIGKILL)
    assert wait_for(lambda: not processes_of(place), timeout_s=60)


def test_the_child_of_a_killed_guard_ends(place: Home):
    start_family(place)
    old = family(place)
    named(place, "include.local.guard")[0].send(signal.SIGKILL)
    assert wait_for(lambda: not any(process.alive for process in old[:1]), timeout_s=60)


def test_a_killed_supervisor_can_be_started_again(place: Home):
    start_family(place)
    supervisor = supervision.supervisor(place)
    assert supervisor
    supervisor.send(signal.SIGKILL)
    assert wait_for(lambda: not supervisor.alive, timeout_s=60)
    start_family(place)


def test_a_second_start_is_refused(place: Home):
    start_family(place)
    with pytest.raises(SetUpFailed, match="running already; stop it with: make down"):
        start_family(place)


def test_leashed_programs_end_with_the_command_that_started_them(place: Home):
    command = [sys.executable, "-c", DEMO, str(place.root), family_script(place)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as demo:
        assert demo.stdout
        assert demo.stdout.readline() == b"up\n"
        assert wait_for(lambda: len(family(place)) == 2, timeout_s=60)
        demo.kill()
    assert wait_for(lambda: not processes_of(place), timeout_s=60)


def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path):
    deep = Home(tmp_path / "a-folder-with-a-long-name" / "and-another-one-below-it-with-a-long-name" / "var")
    try:
        start_family(deep)
        assert len(str(supervision._socket(deep))) <= supervision.SOCKET_PATH_MAX
    finally:
        halt(deep)
    supervision._socket(deep).parent.rmdir()


def test_a_program_that_ignores_sigterm_is_killed(place: Home):
    stubborn = f": {place.root}; trap '' TERM; echo ready; while :; do sleep 0.1; done"
    command = [sys.executable, "-c", IMPATIENT, str(place.run / "stubborn.pid"), "sh", "-c", stubborn]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as program:
        assert program.stdout
        assert program.stdout.readline() == b"ready\n"
        program.terminate()
    assert processes_of(place) == []


def _parent(process: Process) -> int:
    return int(Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
