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
    "include.wiring.environment": {"include.policy", "include.ports"},
    "include.wiring.vault": {"include.ports", "include.vault", "include.wiring.environment"},
    "include.wiring.connections": {
        "include.wiring.environment",
        "include.connectors",
        "include.store",
        "include.policy",
        "include.ports",
        "include.vault",
        "include.wiring.files",
        "include.wiring.tokens",
        "include.wiring.vault",
    },
    "include.wiring.schedules": {"include.ports", "include.wiring.connections"},
    "include.wiring.tokens": PURE
    | {
        *("include.connectors", "include.flows", "include.ports", "include.wiring.connections"),
        *("include.wiring.environment", "include.wiring.vault"),
    },
    "include.wiring.days": {"include.flows", "include.wiring.connections"},
    "include.wiring.console": {"include.ports", "include.wiring.connections"},
    "include.wiring.doctor": PURE
    | {
        "include.console",
        "include.wiring.environment",
        "include.connectors",
        "include.ports",
        "include.sealing",
        "include.store",
        "include.wiring.connections",
        "include.wiring.alerts",
        "include.wiring.files",
        "include.wiring.mail",
        "include.wiring.tokens",
        "include.wiring.vault",
    },
    "include.wiring.entities": {"include.flows", "include.ports", "include.wiring.connections"},
    "include.wiring.files": {
        *("include.connectors", "include.ports", "include.vault", "include.wiring.environment"),
        "include.wiring.vault",
    },
    "include.wiring.links": {
        "include.connectors",
        "include.wiring.connections",
        "include.wiring.environment",
    },
    "include.wiring.alerts": PURE
    | {
        "include.wiring.environment",
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.wiring.connections",
        "include.wiring.schedules",
        "include.wiring.files",
        "include.wiring.mail",
        "include.wiring.days",
    },
    "include.wiring.audit": {
        *(
            "include.flows",
            "include.ports",
            "include.signing",
            "include.wiring.connections",
            "include.wiring.environment",
        ),
    },
    "include.wiring.removal": {
        *("include.flows", "include.ports", "include.wiring.connections", "include.wiring.environment"),
    },
    "include.wiring.asks": {"include.flows"},
    "include.wiring.approvals": {"include.flows", "include.wiring.connections", "include.wiring.asks"},
    "include.wiring.parity": {
        "include.wiring.asks",
        "include.wiring.environment",
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.wiring.connections",
        "include.wiring.days",
    },
    "include.wiring.mail": PURE
    | {
        "include.wiring.environment",
        "include.connectors",
        "include.ports",
        "include.report",
        "include.wiring.connections",
        "include.wiring.smtp",
        "include.wiring.days",
    },
    "include.wiring.smtp": {"include.connectors", "include.ports", "include.wiring.environment"},
    "include.wiring.xcom": {"include.ports"},
    "include.wiring.effects": {
        "include.wiring.environment",
        "include.connectors",
        "include.flows",
        "include.policy",
        "include.ports",
        "include.wiring.connections",
    },
    "include.lane": {"include.ports"},
    "include.wiring.follow": {
        *("include.flows", "include.lane", "include.policy", "include.ports", "include.wiring.effects"),
    },
    "include.wiring.lane": {
        "include.connectors",
        "include.flows",
        "include.lane",
        "include.policy",
        "include.ports",
        "include.signing",
        "include.telemetry",
        "include.vault",
        "include.wiring.connections",
        "include.wiring.schedules",
        "include.wiring.audit",
        "include.wiring.effects",
        "include.wiring.vault",
        "include.wiring.follow",
    },
    "include.wiring.hooks": {
        "include.connectors",
        "include.flows",
        "include.ports",
        "include.telemetry",
        "include.wiring.connections",
        "include.wiring.environment",
    },
    "include.console": PURE
    | {
        "include.connectors",
        "include.flows",
        "include.wiring.connections",
        "include.wiring.console",
        "include.wiring.hooks",
        "include.wiring.effects",
        "include.wiring.links",
        "include.wiring.vault",
        "include.console",
        "include.ports",
        "include.report",
    },
    "include.cli.shared": {
        "include.domain",
        "include.local",
        "include.ports",
        "include.signing",
        "include.store",
    },
    "include.cli.breaks": INSIDE | {"include.cli.shared", "include.flows", "include.store"},
    "include.cli.cutover": {
        "include.cli.shared",
        "include.cli.cutover_show",
        "include.flows",
        "include.policy",
        "include.ports",
    },
    "include.cli.cutover_show": {"include.cli.shared", "include.flows", "include.ports"},
    "include.cli.keys": {
        *("include.cli.shared", "include.domain", "include.flows", "include.local", "include.ports"),
        *("include.sealing", "include.vault"),
    },
    "include.cli.gates": {
        *("include.flows", "include.local", "include.ports", "include.store", "include.version"),
    },
    "include.cli.promote": {
        *("include.cli.shared", "include.cli.gates", "include.cli.radius", "include.flows", "include.policy"),
        *("include.ports", "include.store", "include.version"),
    },
    "include.cli.radius": PURE
    | {"include.cli.shared", "include.flows", "include.policy", "include.ports", "include.report"},
    "include.cli.audit": PURE
    | {
        *("include.cli.shared", "include.flows", "include.local", "include.ports", "include.signing"),
        "include.store",
    },
    "include.cli.alerts": {"include.cli.shared", "include.flows", "include.policy"},
    "include.cli.recovery": {"include.cli.shared", "include.flows", "include.policy", "include.ports"},
    "include.cli.pairs": INSIDE | {"include.flows", "include.cli.breaks", "include.cli.shared"},
    "include.cli.parity_register": {
        "include.cli.shared",
        "include.cli.parity_show",
        "include.flows",
        "include.policy",
        "include.ports",
    },
    "include.cli.parity_show": {"include.cli.shared", "include.domain", "include.flows"},
    "include.cli.parity": INSIDE
    | {
        "include.cli.shared",
        "include.cli.parity_register",
        "include.cli.parity_show",
        "include.connectors",
        "include.flows",
        "include.signing",
        "include.verify_parity",
    },
    "include.cli.__main__": {"include.cli.main"},
    "include.cli.main": {
        "include.cli.alerts",
        "include.cli.audit",
        "include.cli.parity",
        "include.cli.pairs",
        "include.cli.breaks",
        "include.cli.shared",
        "include.domain",
        "include.cli.certificate",
        "include.cli.cutover",
        "include.cli.delivery",
        "include.cli.doctor",
        "include.cli.keys",
        "include.cli.webhooks",
        "include.cli.promote",
        "include.cli.recovery",
        "include.cli.salesforce",
        "include.local",
        "include.offline",
        "include.store",
        "include.twin",
        "include.ports",
    },
    "include.cli.delivery": {"include.cli.shared", "include.flows", "include.policy", "include.ports"},
    "include.cli.webhooks": {"include.console", "include.ports", "include.wiring.hooks"},
    "include.cli.doctor": PURE | {"include.flows", "include.local", "include.wiring.doctor"},
    "include.cli.certificate": {"include.local", "include.offline", "include.ports", "include.verify"},
    "dags": {
        "include.wiring.connections",
        "include.wiring.schedules",
        "include.wiring.alerts",
        "include.wiring.audit",
        "include.wiring.days",
        "include.wiring.effects",
        "include.wiring.entities",
        "include.wiring.files",
        "include.wiring.lane",
        "include.wiring.mail",
        "include.wiring.approvals",
        "include.wiring.parity",
        "include.wiring.removal",
        "include.flows",
    },
    "include.cli.salesforce": {
        *("include.cli.shared", "include.cli.keys", "include.connectors", "include.flows", "include.ports"),
        "include.vault",
    },
    "plugins": {"include.console", "include.flows"},
}

IN_TRYTON = {"include.tryton_module"}
AIRFLOW_IN = {
    "dags",
    "plugins",
    "include.wiring.connections",
    "include.wiring.schedules",
    "include.wiring.alerts",
    "include.wiring.audit",
    "include.wiring.days",
    "include.wiring.doctor",
    "include.wiring.effects",
    "include.wiring.entities",
    "include.wiring.files",
    "include.wiring.hooks",
    "include.wiring.lane",
    "include.wiring.approvals",
    "include.wiring.asks",
    "include.wiring.parity",
    "include.wiring.links",
    "include.wiring.mail",
    "include.wiring.removal",
    "include.wiring.smtp",
    "include.wiring.environment",
    "include.wiring.vault",
    "include.wiring.tokens",
    "include.wiring.xcom",
    "include.console",
}
IMPURE = {"os", "time", "random", "secrets", "socket", "subprocess", "requests", "psycopg", "uuid.uuid4"}
ENVIRONMENT_CALLS = {"now", "utcnow", "today", "getenv", "open"}


def part_of(path: Path) -> str:
    return shortened(".".join(path.relative_to(ROOT).with_suffix("").parts))


def shortened(name: str) -> str:
    """The part a dotted name belongs to: a module of the edges' folders, else a folder of include."""
    parts = name.split(".")
    deep = 3 if parts[:2] in (["include", "wiring"], ["include", "cli"]) else 2
    return ".".join(parts[:deep]) if parts[0] == "include" else parts[0]


def modules() -> list[Path]:
    found = [
        path for folder in ("include", "dags", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    names = {f"include{folder}/__init__.py" for folder in ("", "/cli", "/wiring")}  # a docstring alone
    return [path for path in found if named(path) not in names]


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
    ours = {shortened(name) for name in imports_of(path) if name.startswith("include.")}
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
