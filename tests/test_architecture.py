"""Which part of the house may import which: one row a part; a part without a row fails."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PURE = {"include.domain"}
INSIDE = PURE | {"include.ports", "include.policy", "include.validation", "include.version"}

ALLOWED: dict[str, set[str]] = {
    "include.domain": PURE,
    "include.ports": PURE | {"include.ports"},
    "include.ledger": set(),
    "include.version": set(),
    "include.policy": PURE | {"include.ports", "include.policy"},
    "include.validation": PURE | {"include.ports", "include.policy", "include.validation"},
    "include.report": PURE | {"include.ports", "include.report"},
    "include.flows": INSIDE | {"include.flows", "include.report", "include.telemetry"},
    "include.telemetry": PURE | {"include.telemetry", "include.version"},
    "include.connectors": PURE | {"include.ports", "include.ledger", "include.connectors"},
    "include.store": PURE | {"include.ports", "include.store"},
    "include.twin": {"include.twin"},
    "include.tryton_module": set(),  # runs inside Tryton, under its licence
    "include.local": {
        *(
            "include.local",
            "include.policy",
            "include.store",
            "include.twin",
            "include.ports",
            "include.vault",
        ),
    },
    "include.vault": PURE | {"include.ports", "include.vault"},
    "include.offline": INSIDE | {"include.flows", "include.connectors", "include.store", "include.vault"},
    "include.sealing": PURE | {"include.connectors", "include.flows", "include.ports", "include.vault"},
    "include.verify": INSIDE | {"include.flows", "include.store"},
    "include.signing": set(),
    "include.verify_parity": INSIDE | {"include.flows", "include.signing"},
    "include.wiring_environment": {"include.policy", "include.ports"},
    "include.wiring_vault": {"include.ports", "include.vault", "include.wiring_environment"},
    "include.wiring": {
        "include.wiring_environment",
        "include.connectors",
        "include.store",
        "include.policy",
        "include.ports",
        "include.vault",
        "include.wiring_files",
        "include.wiring_tokens",
        "include.wiring_vault",
    },
    "include.wiring_tokens": PURE
    | {
        *("include.connectors", "include.flows", "include.ports", "include.wiring"),
        *("include.wiring_environment", "include.wiring_vault"),
    },
    "include.wiring_days": {"include.flows", "include.wiring"},
    "include.wiring_console": {"include.ports", "include.wiring"},
    "include.wiring_doctor": PURE
    | {
        "include.console",
        "include.wiring_environment",
        "include.connectors",
        "include.ports",
        "include.store",
        "include.wiring",
        "include.wiring_alerts",
        "include.wiring_files",
        "include.wiring_mail",
        "include.wiring_tokens",
        "include.wiring_vault",
    },
    "include.wiring_entities": {"include.flows", "include.ports", "include.wiring"},
    "include.wiring_files": {
        *("include.connectors", "include.ports", "include.vault", "include.wiring_environment"),
        "include.wiring_vault",
    },
    "include.wiring_links": {"include.connectors", "include.wiring", "include.wiring_environment"},
    "include.wiring_alerts": PURE
    | {
        "include.wiring_environment",
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.wiring",
        "include.wiring_files",
        "include.wiring_mail",
        "include.wiring_days",
    },
    "include.wiring_audit": {
        *(
            "include.flows",
            "include.ports",
            "include.signing",
            "include.wiring",
            "include.wiring_environment",
        ),
    },
    "include.wiring_asks": {"include.flows"},
    "include.wiring_approvals": {"include.flows", "include.wiring", "include.wiring_asks"},
    "include.wiring_parity": {
        "include.wiring_asks",
        "include.wiring_environment",
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.wiring",
        "include.wiring_days",
    },
    "include.wiring_mail": PURE
    | {
        "include.wiring_environment",
        "include.connectors",
        "include.ports",
        "include.report",
        "include.wiring",
        "include.wiring_smtp",
        "include.wiring_days",
    },
    "include.wiring_smtp": {"include.ports", "include.wiring_environment"},
    "include.wiring_xcom": {"include.ports"},
    "include.wiring_effects": {
        "include.wiring_environment",
        "include.connectors",
        "include.flows",
        "include.policy",
        "include.ports",
        "include.wiring",
    },
    "include.lane": {"include.ports"},
    "include.wiring_follow": {
        *("include.flows", "include.lane", "include.policy", "include.ports", "include.wiring_effects"),
    },
    "include.wiring_lane": {
        "include.connectors",
        "include.flows",
        "include.lane",
        "include.policy",
        "include.ports",
        "include.signing",
        "include.telemetry",
        "include.vault",
        "include.wiring",
        "include.wiring_audit",
        "include.wiring_effects",
        "include.wiring_vault",
        "include.wiring_follow",
    },
    "include.wiring_hooks": {
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.telemetry",
        "include.wiring",
        "include.wiring_environment",
    },
    "include.console": PURE
    | {
        "include.connectors",
        "include.flows",
        "include.wiring",
        "include.wiring_console",
        "include.wiring_hooks",
        "include.wiring_effects",
        "include.wiring_links",
        "include.wiring_vault",
        "include.console",
        "include.ports",
        "include.report",
    },
    "include.cli_shared": {"include.domain", "include.local", "include.ports", "include.store"},
    "include.cli_breaks": INSIDE | {"include.cli_shared", "include.flows", "include.store"},
    "include.cli_cutover": {
        "include.cli_shared",
        "include.cli_cutover_show",
        "include.flows",
        "include.policy",
        "include.ports",
    },
    "include.cli_cutover_show": {"include.cli_shared", "include.flows", "include.ports"},
    "include.cli_keys": {
        *("include.cli_shared", "include.domain", "include.flows", "include.local", "include.ports"),
        *("include.sealing", "include.vault"),
    },
    "include.cli_gates": {
        *("include.flows", "include.local", "include.ports", "include.store", "include.version"),
    },
    "include.cli_promote": {
        *("include.cli_shared", "include.cli_gates", "include.cli_radius", "include.flows", "include.policy"),
        *("include.ports", "include.store", "include.version"),
    },
    "include.cli_radius": PURE
    | {"include.cli_shared", "include.flows", "include.policy", "include.ports", "include.report"},
    "include.cli_audit": PURE
    | {
        *("include.cli_shared", "include.flows", "include.local", "include.ports", "include.signing"),
        "include.store",
    },
    "include.cli_alerts": {"include.cli_shared", "include.flows", "include.policy"},
    "include.cli_recovery": {"include.cli_shared", "include.flows", "include.policy", "include.ports"},
    "include.cli_pairs": INSIDE | {"include.flows", "include.cli_breaks", "include.cli_shared"},
    "include.cli_parity_register": {
        "include.cli_shared",
        "include.cli_parity_show",
        "include.flows",
        "include.policy",
        "include.ports",
    },
    "include.cli_parity_show": {"include.cli_shared", "include.domain", "include.flows"},
    "include.cli_parity": INSIDE
    | {
        "include.cli_shared",
        "include.cli_parity_register",
        "include.cli_parity_show",
        "include.connectors",
        "include.flows",
        "include.signing",
        "include.verify_parity",
    },
    "include.cli": {
        "include.cli_alerts",
        "include.cli_audit",
        "include.cli_parity",
        "include.cli_pairs",
        "include.cli_breaks",
        "include.cli_shared",
        "include.domain",
        "include.cli_certificate",
        "include.cli_cutover",
        "include.cli_delivery",
        "include.cli_doctor",
        "include.cli_keys",
        "include.cli_webhooks",
        "include.cli_promote",
        "include.cli_recovery",
        "include.cli_salesforce",
        "include.local",
        "include.offline",
        "include.store",
        "include.twin",
        "include.ports",
    },
    "include.cli_delivery": {"include.cli_shared", "include.flows", "include.policy", "include.ports"},
    "include.cli_webhooks": {"include.console", "include.ports", "include.wiring_hooks"},
    "include.cli_doctor": PURE | {"include.flows", "include.local", "include.wiring_doctor"},
    "include.cli_certificate": {"include.local", "include.offline", "include.ports", "include.verify"},
    "dags": {
        "include.wiring",
        "include.wiring_alerts",
        "include.wiring_audit",
        "include.wiring_days",
        "include.wiring_effects",
        "include.wiring_entities",
        "include.wiring_files",
        "include.wiring_lane",
        "include.wiring_mail",
        "include.wiring_approvals",
        "include.wiring_parity",
        "include.flows",
    },
    "include.cli_salesforce": {
        *("include.cli_shared", "include.cli_keys", "include.connectors", "include.flows", "include.ports"),
        "include.vault",
    },
    "plugins": {"include.console", "include.flows"},
}

IN_TRYTON = {"include.tryton_module"}
AIRFLOW_IN = {
    "dags",
    "plugins",
    "include.wiring",
    "include.wiring_alerts",
    "include.wiring_audit",
    "include.wiring_days",
    "include.wiring_doctor",
    "include.wiring_effects",
    "include.wiring_entities",
    "include.wiring_files",
    "include.wiring_hooks",
    "include.wiring_lane",
    "include.wiring_approvals",
    "include.wiring_asks",
    "include.wiring_parity",
    "include.wiring_links",
    "include.wiring_mail",
    "include.wiring_smtp",
    "include.wiring_environment",
    "include.wiring_vault",
    "include.wiring_tokens",
    "include.wiring_xcom",
    "include.console",
}
IMPURE = {"os", "time", "random", "secrets", "socket", "subprocess", "requests", "psycopg", "uuid.uuid4"}
ENVIRONMENT_CALLS = {"now", "utcnow", "today", "getenv", "open"}


def part_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "include" else ".".join(parts[:2])


def modules() -> list[Path]:
    found = [
        path for folder in ("include", "dags", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    return [path for path in found if path != ROOT / "include" / "__init__.py"]


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", modules(), ids=named)
def test_a_part_imports_only_what_its_row_allows(path: Path) -> None:
    part = part_of(path)
    assert part in ALLOWED, f"{part} has no row: decide what it may import"
    ours = {".".join(name.split(".")[:2]) for name in imports_of(path) if name.startswith("include.")}
    assert ours <= ALLOWED[part]


@pytest.mark.parametrize("path", modules(), ids=named)
def test_airflow_is_imported_only_where_time_and_people_enter(path: Path) -> None:
    uses_airflow = any(name.split(".")[0] == "airflow" for name in imports_of(path))
    assert not uses_airflow or part_of(path) in AIRFLOW_IN


@pytest.mark.parametrize("path", modules(), ids=named)
def test_what_is_under_the_gpl_is_imported_only_by_what_runs_inside_it(path: Path) -> None:
    uses_tryton = {name.split(".")[0] for name in imports_of(path)} & {"trytond", "proteus"}
    assert not uses_tryton or part_of(path) in IN_TRYTON


@pytest.mark.parametrize("path", sorted((ROOT / "include" / "domain").rglob("*.py")), ids=named)
def test_the_domain_asks_neither_clock_nor_chance_nor_environment(path: Path) -> None:
    imported = {name.split(".")[0] for name in imports_of(path)} | imports_of(path)
    assert not imported & IMPURE
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    asked = {getattr(func, "attr", getattr(func, "id", "")) for func in calls}
    assert not asked & ENVIRONMENT_CALLS


def test_the_domain_knows_no_float() -> None:
    for path in (ROOT / "include" / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), named(path)
            assert not (
                isinstance(node, ast.Name) and node.id == "float" and path.stem != "canonical_json"
            ), named(path)


def test_sql_lives_in_sql() -> None:
    statement = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ")
    elsewhere = {"include/store/migrate.py", "include/local/databases.py", "include/local/scratch.py"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.lstrip().startswith(statement)
            ):
                assert named(path) in elsewhere or part_of(path) in {
                    "include.twin",
                    "include.connectors",
                    "include.local",
                }, f"{named(path)}:{node.lineno}"


def test_dags_are_short() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, named(path)
