"""What goes wrong in the twin, and when: a seeded script of faults, armed at the start or live, and a log of each.

A fault waits for the requests it names (`system`, `path`, `query`, `method`), lets the first `skip` of them pass and
then strikes `times` of them. With `chance` it strikes only some, chosen by the script's seed, the same at every run.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from include.twin.world import Clock

SYSTEMS = ("salesforce", "erp", "payments")

# kind: the values its `with` must have (those in brackets may be left out).
WIRE_KINDS: Mapping[str, str] = {
    "unauthorized": "",
    "throttled": "[retry_after_s]",
    "unavailable": "[retry_after_s]",
    "request_limit": "",
    "lock_row": "",
    "partial_batch": "[rows code]",
    "reset_before": "",
    "reset_after": "",
    "reset_midway": "",
    "slow": "seconds",
    "truncated_json": "",
    "short_list": "[rows]",
    "duplicate_rows": "[rows]",
    "shuffled_rows": "",
    "token_expiry": "",
    "refresh_rotation": "",
}
"""What happens to a request and its answer. `rows` counts rows of a batch or a list, 1 unless told.

Salesforce's refresh tokens are good once; refresh_rotation has somebody else use one just before its owner does.
"""

DATA_KINDS: Mapping[str, str] = {
    "late_commit": "object ids [announced]",
    "tie": "object ids stamp",
    "change": "object ids values [stamp]",
    "hard_delete": "object ids",
    "merge": "object ids winner",
    "hidden_field": "object field",
    "new_field": "object field [value]",
    "clock_skew": "seconds",
}
"""What happens to the data. `stamp` is an instant; "kept" changes a row and not its stamp, as a formula field does.

A late commit hides its rows when it is armed and shows them, stamps unchanged, when it strikes; unless `announced` is
false, Salesforce tells that a transaction is under way by how far its replication is covered.
"""

EVENT_KINDS: Mapping[str, str] = {"duplicate_event": "", "out_of_order_event": "", "lost_webhook": ""}
"""What happens to a webhook on its way; the path is the event's type."""

KINDS = {**WIRE_KINDS, **DATA_KINDS, **EVENT_KINDS}


class BadFault(ValueError):
    """A fault nobody can inject; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong. `values` are the kind's own (see KINDS); `times` 0 is for ever.

    A fault of data strikes at once unless it names a path, a number to skip or a time: then just before the request.
    """

    kind: str
    system: str
    path: str = "*"
    query: str = "*"
    method: str = "*"
    skip: int = 0
    times: int = 1
    after_s: float = 0.0
    chance: float = 1.0
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        """Whether a fault of data waits for a request or a time."""
        return self.path != "*" or self.query != "*" or self.skip > 0 or self.after_s > 0


@dataclass(frozen=True)
class Script:
    """Faults and the seed that decides where chance does."""

    faults: Sequence[Fault] = ()
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Injected:
    """One fault that really happened. `client` is the address of who was struck, empty for a fault of data."""

    number: int
    at: str
    kind: str
    system: str
    method: str = ""
    path: str = ""
    client: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as faults see it."""

    system: str
    method: str
    path: str
    query: str = ""
    client: str = ""


def read_script(path: Path) -> Script:
    """A YAML file with `seed` and `faults`. Raises BadFault, OSError."""
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise BadFault(f"{path} is not YAML: {error}") from None
    if not isinstance(stated, dict) or set(stated) - {"seed", "faults"}:
        raise BadFault(f"{path}: a script has `seed` and `faults` and nothing else")
    return Script([fault_of(one) for one in stated.get("faults") or ()], int(stated.get("seed", 0)))


def fault_of(stated: Any) -> Fault:
    """A fault as written in YAML or JSON, its own values under `with`. Raises BadFault."""
    if not isinstance(stated, dict):
        raise BadFault(f"a fault is a mapping, not {stated!r}")
    named = {("values" if name == "with" else str(name)): value for name, value in stated.items()}
    unknown = set(named) - {one.name for one in fields(Fault)}
    if unknown:
        raise BadFault(f"a fault has no {', '.join(sorted(unknown))}")
    try:
        fault = Fault(**named)
    except TypeError as missing:
        raise BadFault(f"a fault needs a kind and a system: {missing}") from None
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    if fault.kind not in KINDS:
        raise BadFault(f"there is no fault {fault.kind!r}; there are {', '.join(KINDS)}")
    if fault.system not in SYSTEMS:
        raise BadFault(f"faults strike {', '.join(SYSTEMS)}, not {fault.system!r}")
    required, _, optional = KINDS[fault.kind].partition("[")
    missing = set(required.split()) - set(fault.values)
    if missing:
        raise BadFault(f"{fault.kind} needs {', '.join(sorted(missing))} under `with`")
    extra = set(fault.values) - {*required.split(), *optional.rstrip("]").split()}
    if extra:
        raise BadFault(f"{fault.kind} knows no {', '.join(sorted(extra))}")


@dataclass
class _Armed:
    fault: Fault
    since: datetime
    chance: random.Random
    seen: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        return 0 < self.fault.times <= self.struck

    def strikes(self, asked: Asked, now: datetime) -> bool:
        fault = self.fault
        wanted = (
            (asked.system, fault.system),
            (asked.method, fault.method),
            (asked.path, fault.path),
            (asked.query, fault.query),
        )
        if self.spent or not all(fnmatchcase(had, pattern) for had, pattern in wanted):
            return False
        self.seen += 1
        if self.seen <= fault.skip or now < self.since + timedelta(seconds=fault.after_s):
            return False
        if fault.chance < 1 and self.chance.random() >= fault.chance:
            return False
        self.struck += 1
        return True


class Injector:
    """The faults armed in one running twin, and what they did. Safe to use from several threads."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._clock = clock
        self._seed = script.seed
        self._lock = Lock()
        self._armed: list[_Armed] = []
        self._log: list[Injected] = []
        self._count = 0
        self.skew = dict.fromkeys(SYSTEMS, timedelta(0))

    def clock_of(self, system: str) -> Clock:
        """A system's clock, wrong by what was injected."""
        return lambda: self._clock() + self.skew[system]

    def arm(self, fault: Fault) -> None:
        """Have it strike from now on."""
        with self._lock:
            self._count += 1
            # A generator of its own: what strikes a fault does not depend on the others.
            chance = random.Random(f"{self._seed}/{self._count}/{fault.kind}")  # noqa: S311 - a script's dice, no secret
            self._armed.append(_Armed(fault, self._clock(), chance))

    def disarm(self) -> int:
        """No fault strikes any more; what was done to data stays. How many were armed."""
        with self._lock:
            armed, self._armed = len(self._armed), []
        return armed

    def any_for(self, system: str) -> bool:
        """Whether anything is armed for a system, so that without faults the twin loses no time."""
        return any(one.fault.system == system for one in self._armed)

    def due(self, asked: Asked, kinds: Iterable[str]) -> list[Fault]:
        """The faults of these kinds that strike this request, each counted once."""
        with self._lock:
            now = self._clock()
            return [one.fault for one in self._armed if one.fault.kind in kinds and one.strikes(asked, now)]

    def note(self, fault: Fault, asked: Asked | None = None, detail: str = "") -> None:
        """Write down that it happened."""
        to = {name: getattr(asked, name) for name in ("method", "path", "client")} if asked else {}
        with self._lock:
            self._log.append(
                Injected(
                    number=len(self._log) + 1,
                    at=self._clock().isoformat(),
                    kind=fault.kind,
                    system=fault.system,
                    detail=detail,
                    **to,
                )
            )

    def armed(self) -> list[dict[str, Any]]:
        """Every fault armed, with how many requests it saw and how many it struck."""
        with self._lock:
            return [{**asdict(one.fault), "seen": one.seen, "struck": one.struck} for one in self._armed]

    def log(self) -> list[dict[str, Any]]:
        """Every fault that happened, in order."""
        with self._lock:
            return [asdict(one) for one in self._log]
