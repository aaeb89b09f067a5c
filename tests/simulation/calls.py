"""What may go wrong with a call of a worker, and what a flow takes from the machine it runs on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, Self

import requests

from include.twin.faults import Fault
from tests.simulation.machine import Machine
from tests.simulation.truth import Eye
from tests.simulation.wire import TwinInside, refusal

_OF_TWIN = {"partial": "partial_batch", "cut": "truncated_json"}
"""Our word -> the twin's own fault."""


@dataclass(frozen=True)
class Calls:
    """Every call of the workers of one seed comes by here."""

    machine: Machine
    twin: TwinInside
    eye: Eye

    def __call__(
        self, system: str, request: requests.PreparedRequest, call: Callable[[], requests.Response]
    ) -> requests.Response:
        """One call: what may go wrong before it, with it and after it. Raises as requests does, and Killed."""
        if self.eye.is_outside:
            return call()
        fault = self.machine.at("before call", possible=_possible(system, request))
        self.eye.asked(system, request)
        if fault == "lost before":
            raise requests.ConnectionError("it never arrived")
        if fault in ("throttled", "unavailable"):
            return refusal(request, system, fault, self.machine.now)
        if fault == "expired":
            self.twin.org.grants.expire_sessions()
        if fault in _OF_TWIN:
            self.twin.injector.arm(Fault(kind=_OF_TWIN[fault], system=system))
        answer = call()
        self.twin.injector.disarm()
        if fault == "short":
            self.eye.shorten(answer)
        if self.machine.at("after call", possible=("lost after",)):
            raise requests.ReadTimeout("the answer was lost")
        return answer


def _possible(system: str, request: requests.PreparedRequest) -> list[str]:
    path = str(request.url)
    faults = ["lost before", "throttled", "unavailable"]
    if system == "salesforce":
        faults.append("expired")
        if "/query" in path:
            faults.append("short")
        if "composite/sobjects" in path:
            faults.append("partial")
    if request.method == "GET":
        faults.append("cut")
    return faults


def inside(machine: Machine) -> dict[str, Any]:
    """What pull_changes takes from the machine it runs on, under our clock."""
    return {
        "ThreadPoolExecutor": partial(_AtOnce, machine),
        "monotonic": machine.seconds,
    }


class _AtOnce:
    """In place of a thread: the page is fetched when it is asked for, or when it is wanted, as the seed has it."""

    def __init__(self, machine: Machine, *_: object, **__: object) -> None:
        self._machine = machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, do: Callable[..., Any], *args: Any) -> Any:
        if self._machine.dice(f"ahead {self._machine.steps}").random() < 0.5:
            value = do(*args)
            return SimpleNamespace(result=lambda: value)
        return SimpleNamespace(result=lambda: do(*args))
