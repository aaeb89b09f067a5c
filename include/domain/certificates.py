"""What a run's certificate says, and what contradicts it: itself, the results beside it, or the run computed again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from include.domain.breaks import NAMESPACE
from include.domain.canonical_json import dumps, sha256
from include.domain.money import UnknownCurrency, major

Certificate = Mapping[str, Any]

FACTS = (
    "run_id",
    "as_of",
    "inputs",
    "fx_sha256",
    "outputs",
    "rules_sha256",
    "code_sha256",
    "totals",
    "proofs",
)
"""What a certificate holds besides its own hash."""

_TOTALS = ("loaded_count", "loaded", "matched", "open", "excluded", "quarantined", "proven")
_SHOWN = 12


@dataclass(frozen=True)
class Difference:
    """One thing that is not as certified: where (a file, or what is certified), and what is there instead."""

    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


class Unusable(ValueError):
    """It is no certificate of ours."""


def certify(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate of a run: its facts and their hash."""
    return {**facts, "certificate_sha256": sha256(dict(facts))}


def run_id(*, as_of: str, inputs: Mapping[str, Any], rules_sha256: str, code_sha256: str) -> UUID:
    """A run is named by its content: the same day, inputs, rules and code are the same run."""
    return uuid5(NAMESPACE, dumps([as_of, dict(inputs), rules_sha256, code_sha256]))


def contradictions(certificate: Certificate) -> Iterator[Difference]:
    """Where a certificate contradicts itself. Raises Unusable when it lacks what a certificate holds."""
    _refuse_malformed(certificate)
    facts = {name: value for name, value in certificate.items() if name != "certificate_sha256"}
    try:
        digest = sha256(facts)
        identity = run_id(
            **{name: certificate[name] for name in ("as_of", "inputs", "rules_sha256", "code_sha256")}
        )
    except TypeError:
        yield Difference("certificate.json", "holds a number with a fraction, which no certificate does")
        return
    if digest != certificate["certificate_sha256"]:
        yield Difference(
            "certificate.json",
            f"was edited: its facts have the hash {_short(digest)}, "
            f"it says {_short(certificate['certificate_sha256'])}",
        )
    if str(identity) != certificate["run_id"]:
        yield Difference(
            "run_id", f"its day, inputs, rules and code are run {identity}, it says {certificate['run_id']}"
        )
    fx = certificate["inputs"].get("fx_rates", {}).get("sha256")
    if fx != certificate["fx_sha256"]:
        yield Difference(
            "fx_sha256", f"its rates have the hash {_short(fx)}, it says {_short(certificate['fx_sha256'])}"
        )


def compare(certificate: Certificate, again: Certificate) -> Iterator[Difference]:
    """Where the run computed again differs from what is certified, cause before consequence."""
    for name in ("as_of", "rules_sha256", "code_sha256", "run_id"):
        if certificate[name] != again[name]:
            yield Difference(name, f"certified is {_short(certificate[name])}, it is {_short(again[name])}")
    inputs, now = certificate["inputs"], again["inputs"]
    for name in sorted({*inputs, *now}):
        if inputs.get(name) != now.get(name):
            yield Difference(
                f"inputs {name}",
                f"certified are {_input(inputs.get(name))}, they are {_input(now.get(name))}",
            )
    for kind, names in (("totals", _total_key), ("proofs", _proof_key)):
        yield from _rows(
            kind, {names(row): row for row in certificate[kind]}, {names(row): row for row in again[kind]}
        )
    for name in sorted({*certificate["outputs"], *again["outputs"]}):
        if certificate["outputs"].get(name) != again["outputs"].get(name):
            yield Difference(name, "holds other bytes than certified")


def compare_totals(certificate: Certificate, rows: Sequence[Mapping[str, str]]) -> Iterator[Difference]:
    """Where control_totals.csv says other figures than the certificate."""
    certified = {_total_key(row): _as_in_file(row) for row in certificate["totals"]}
    stated = {_total_key(row): {name: row.get(name) or "" for name in _TOTALS} for row in rows}
    yield from _rows("control_totals.csv", certified, stated)


def _rows(where: str, certified: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    for key in sorted({*certified, *found}):
        before, after = certified.get(key), found.get(key)
        if before is None or after is None:
            yield Difference(f"{where} {key}", "is not certified" if before is None else "is missing")
        elif before != after:
            changed = (
                f"{name} is certified as {before.get(name)} and is {after.get(name)}"
                for name in sorted({*before, *after})
                if before.get(name) != after.get(name)
            )
            yield Difference(f"{where} {key}", "; ".join(changed))


def _as_in_file(total: Mapping[str, Any]) -> dict[str, str]:
    """A certified total in the columns of control_totals.csv."""
    currency = _text(total.get("currency"))
    money = {
        name: _major(total.get(f"{name}_minor"), currency)
        for name in ("loaded", "matched", "open", "excluded")
    }
    counts = {
        "loaded_count": _text(total.get("loaded_count")),
        "quarantined": _text(total.get("quarantined_count")),
        "proven": _text(total.get("proven")).lower(),
    }
    return {name: {**counts, **money}[name] for name in _TOTALS}


def _major(minor: Any, currency: str) -> str:
    """Minor units as the file has them; empty where there is no currency to say them in."""
    try:
        return major(int(minor), currency=currency)
    except (UnknownCurrency, TypeError, ValueError):
        return ""


def _text(value: Any) -> str:
    return "" if value in (None, "None") else str(value)


def _total_key(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(row.get(name)) for name in ("recon", "side", "currency"))))


def _proof_key(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(row.get(name)) for name in ("proof", "recon", "side", "currency"))))


def _input(stated: Any) -> str:
    return f"{stated['count']:,} rows with the hash {_short(stated['sha256'])}" if stated else "none"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) != len(sha256("")) else f"{text[:_SHOWN]}…"


def _refuse_malformed(certificate: Certificate) -> None:
    if not isinstance(certificate, Mapping):
        raise Unusable("it is no JSON object")
    missing = [name for name in (*FACTS, "certificate_sha256") if name not in certificate]
    if missing:
        raise Unusable(f"it is no certificate of this platform: it lacks {', '.join(missing)}")
    shapes = {
        "inputs": _is_table(certificate["inputs"], dict)
        and all(map(_is_input, certificate["inputs"].values())),
        "outputs": _is_table(certificate["outputs"], str)
        and not any("/" in name for name in certificate["outputs"]),
        "totals": _is_list(certificate["totals"]),
        "proofs": _is_list(certificate["proofs"]),
    }
    wrong = [name for name, right in shapes.items() if not right]
    if wrong:
        raise Unusable(f"it is no certificate of this platform: {', '.join(wrong)} is not what it should be")


def _is_table(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(item, kind) for item in value.values())


def _is_input(stated: Mapping[str, Any]) -> bool:
    return isinstance(stated.get("count"), int) and isinstance(stated.get("sha256"), str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)
