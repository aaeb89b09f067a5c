"""policy/environments.yaml: where Tieout runs, and what is other there."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, RootModel, model_validator

from include.policy.strict import Strict

SETTING = "TIEOUT_ENVIRONMENT"
"""The one setting that says where this is."""

DEFAULT = "dev"

Flow = Literal["orders", "invoices", "statuses", "collections", "tasks", "subscriptions"]
ConnectionOf = Literal[
    "tieout_db",
    "salesforce_api",
    "erp_api",
    "payments_api",
    "payments_webhook",
    "tieout_vault",
    "bank_files",
    "fx_rates",
    "finance_mail",
    "alerts_slack",
    "alerts_ping",
    "audit_log",
    "legacy_answers",
    "airflow_db",
]
"""What a connection is for, by its usual name."""

ConnectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")]
Gate = Literal[
    "committed", "tests", "doctor", "database", "migrations", "approver", "after", "parity", "radius"
]
"""What stands between a release and an environment; flows/promote.py."""

Different = Literal["alerts", "delivery", "reporting"]
"""Policy files that change no result."""


class Limits(Strict):
    """How long a switch waits for the other path's last calls and for ours; on how many days a rule change is shown."""

    settle_seconds: PositiveInt
    calls_seconds: int = Field(gt=0, le=50)  # going back is over within a minute
    radius_days: PositiveInt


class Environment(Strict):
    """One of them. See policy/environments.yaml."""

    says: str
    after: str | None = None
    shadow: tuple[Flow, ...]
    connections: dict[ConnectionOf, ConnectionName]
    required: tuple[ConnectionOf, ...]
    limits: Limits
    gates: tuple[Gate, ...] = ()
    differences: dict[Different, dict[str, Any]] = Field(default_factory=dict)

    def named(self, usual: str) -> str:
        """What a connection of this usual name is called here."""
        return {str(name): here for name, here in self.connections.items()}.get(usual, usual)


class Environments(RootModel[dict[str, Environment]]):
    """All of them, by name."""

    @model_validator(mode="after")
    def _after_what_there_is(self) -> "Environments":
        for name, one in self.root.items():
            if one.after is not None and (one.after not in self.root or one.after == name):
                raise ValueError(f"{name} comes after {one.after}, which is none")
            if ("after" in one.gates) != (one.after is not None):
                raise ValueError(f"{name}: gate after and the environment that comes before go together")
            if len(set(one.connections.values())) < len(one.connections):
                raise ValueError(f"{name} gives two connections one name")
        if DEFAULT not in self.root:
            raise ValueError(f"{DEFAULT} is missing, which everything is that says nothing")
        return self


def with_differences(stated: Mapping[str, Any], differences: Mapping[Any, Any]) -> dict[str, Any]:
    """Policy files as they are with what an environment says otherwise: mappings are merged, all else is replaced."""
    return {
        **stated,
        **{name: _merged(stated.get(name), other) for name, other in differences.items()},
    }


def _merged(usual: Any, other: Any) -> Any:
    if isinstance(usual, Mapping) and isinstance(other, Mapping):
        return {**usual, **{name: _merged(usual.get(name), one) for name, one in other.items()}}
    return other
