"""Airflow to the audit log: connection `audit_log` is what it is sealed with, and where its newest seals are kept."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from hashlib import sha256
from pathlib import Path

from airflow.sdk.exceptions import AirflowSkipException

from include.ports import Fatal, Store
from include.signing import NoKey, Sign, signer_of
from include.wiring import connections
from include.wiring.environment import connection_or_none

CONNECTION = "audit_log"
SEAL_EVERY_S = 2.0
"""How often the fast lane looks for what is to be sealed."""


def signer() -> Sign | None:
    """What seals; None where nobody gave a key. Raises Fatal when what was given is none."""
    found = connection_or_none(CONNECTION)
    if found is None or not found.password:
        return None
    try:
        return signer_of(found.password)
    except NoKey as problem:
        raise Fatal(f"connection audit_log: {problem}; `tieout audit key` makes one") from None


def seal(store: Store, sign: Sign) -> int:
    """Seal what is due; how many rows."""
    from include.flows.seal_audit import seal_audit

    return seal_audit(store, sign=sign)


def keep_anchor() -> str:
    """Seal what is due, and keep the newest seal in the folder, and whose data was destroyed; what came of it.

    Raises AirflowSkipException without a key, Fatal where the folder cannot be written to.
    """
    from include.flows.erase_subject import erasures_done
    from include.flows.seal_audit import anchor

    sign = signer()
    if sign is None:
        raise AirflowSkipException("connection audit_log holds no key, so nothing is sealed")
    rows = seal(connections.store(), sign)
    newest, folder = anchor(connections.store()), _folder()
    if newest is None or folder is None:
        return f"{rows} rows sealed; no folder is named, so no seal is kept elsewhere"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / f"{anchor_name(newest)}.json"
        name.write_bytes(newest)
        destroyed = erasures_done(connections.store())
        if destroyed:
            (folder / f"erasures-{sha256(destroyed).hexdigest()[:12]}.jsonl").write_bytes(destroyed)
    except OSError as problem:
        raise Fatal(f"the newest seal cannot be kept: {problem}") from None
    return f"{rows} rows sealed; {name.name} kept"


def anchor_name(anchor: bytes) -> str:
    """Named by its number, so that a folder holds every one and none is written over by another."""
    import json

    facts = json.loads(anchor)
    return f"seal-{int(facts['seal']):012d}-{facts['seal_sha256'][:12]}"


def _folder() -> Path | None:
    found = connection_or_none(CONNECTION)
    path = str(found.extra_dejson.get("path") or "") if found else ""
    if path and not Path(path).is_absolute():
        raise Fatal(f"connection audit_log: the path {path} is not absolute; workers start elsewhere")
    return Path(path) if path else None
