"""`tieout audit`: seal the audit log, hold it to its seals, and hand parts of it out with their proof.

Works on the database of TIEOUT_DATABASE_URL, or on the embedded one; `key` and `verify-export` need none.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.shared import Json, print_json, print_new_key, print_table, store_here
from include.local.home import Home, SetUpFailed
from include.ports import Fatal, NothingUsable, Stop

if TYPE_CHECKING:
    from include.signing import Sign

CHANGED = 1
UNUSABLE = 2

audit_app = typer.Typer(no_args_is_help=True, help="The audit log: seal it, verify it, hand it out.")

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="TIEOUT_AUDIT_KEY", help="The key to seal with (PEM); by default TIEOUT_AUDIT_SEED."
    ),
]
PublicKeys = Annotated[
    list[str] | None,
    typer.Option("--public-key", help="By which keys it must be signed, as hex."),
]


@audit_app.command()
def key(path: Annotated[Path | None, typer.Argument(help="The file to make.")] = None) -> None:
    """Make a key to seal with: into a file, or as text for connection `audit_log`. Tell people the public key.

    Example: tieout audit key var/audit.pem
    """
    import secrets

    from include.signing import fingerprint, signer_of

    if path:
        print_new_key(path)
        return
    seed = secrets.token_hex(32)
    public_key, _ = signer_of(seed)(b"")
    print(seed)
    print(f"public key {public_key}, fingerprint {fingerprint(public_key)}", file=sys.stderr)


@audit_app.command()
def seal(key_file: KeyFile = None, *, as_json: Json = False) -> None:
    """Seal what was committed since the newest seal; the fast lane does so every few seconds.

    Example: tieout audit seal
    """
    from include.flows.seal_audit import seal_audit, sealed_until

    sign = _signer(key_file)
    if sign is None:
        raise Fatal("there is no key to seal with: give --key, or TIEOUT_AUDIT_SEED")
    with store_here() as store:
        rows, until = seal_audit(store, sign=sign), sealed_until(store)
    if as_json:
        print_json({"sealed": rows, **until})
        return
    print(f"{rows} rows sealed; the newest seal is {until['seal']}, {until['seal_sha256'][:16]}")


@audit_app.command()
def anchor(
    out: Annotated[Path, typer.Option(help="The file to write; keep it where the database's owner cannot.")],
) -> None:
    """Write the newest seal, to be kept elsewhere: it shows later whether the log's end was cut off or sealed anew.

    Example: tieout audit anchor --out /mnt/worm/seal.json
    """
    from include.flows.seal_audit import anchor as newest

    with store_here() as store:
        content = newest(store)
    if content is None:
        raise NothingUsable("nothing is sealed yet")
    out.write_bytes(content)
    facts = json.loads(content)
    print(f"{out}: seal {facts['seal']} of {facts['sealed_at']}, {facts['seal_sha256'][:16]}")


@audit_app.command()
def verify(
    *,
    anchors: Annotated[
        list[Path] | None, typer.Option("--anchor", help="Newest seals that were kept elsewhere.")
    ] = None,
    public_keys: PublicKeys = None,
    as_json: Json = False,
) -> None:
    """Read every sealed row again; name what was edited, deleted, inserted, reordered, cut off or forged.

    So are triggers that are gone or off. Without --public-key the key here, if any, must have signed. Exit codes:
    0 it holds; 1 it does not; 2 there is nothing to verify, or an anchor is none.

    Example: tieout audit verify --anchor /mnt/worm/seal.json --public-key 5f1c…
    """
    from include.flows.verify_audit import verify_audit
    from include.signing import holds

    try:
        kept, ours = [_anchor(path) for path in anchors or []], _public_keys(public_keys)
        with store_here() as store:
            gone = _guards_gone(store.url)
            verdict = verify_audit(store, holds=holds, public_keys=ours, anchors=kept, gone=gone)
        if not verdict.seals and verdict.holds:
            raise NothingUsable("nothing is sealed yet")
    except (Stop, SetUpFailed, OSError) as problem:
        print(f"tieout: {problem}", file=sys.stderr)
        raise SystemExit(UNUSABLE) from None
    prints = _fingerprints(verdict.keys)
    if as_json:
        facts: dict[str, Any] = {
            name: getattr(verdict, name) for name in ("holds", "seals", "rows", "unsealed")
        }
        facts |= {"keys": prints, "keys_vouched_for": bool(ours), "newest": verdict.newest}
        facts["found"] = [vars(one) for one in verdict.found]
        print_json(facts)
    else:
        print(*verdict.found, verdict, _signed_by(prints, vouched=bool(ours)), sep="\n")
    if not verdict.holds:
        raise SystemExit(CHANGED)


@audit_app.command()
def export(
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    *,
    since: Annotated[datetime | None, typer.Option("--from", help="From this moment on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Before this moment (UTC).")] = None,
    actor: Annotated[str | None, typer.Option(help="Whose: a login, run, policy, program:fast_lane.")] = None,
    act: Annotated[str | None, typer.Option(help="How the act begins, such as 'break approved'.")] = None,
    entity: Annotated[str | None, typer.Option(help="About what, such as invoices/INV-1.")] = None,
    as_json: Json = False,
) -> None:
    """Write sealed rows that fit as CSV, with the signed seals that prove them.

    Exit codes: 0 written; 1 failed; 2 the folder holds an export.

    Example: tieout audit export --from 2026-06-01 --actor ann@firm.example --out june
    """
    from include.flows.export_audit import Wanted, export_audit

    wanted = Wanted(since=_utc(since), until=_utc(until), actor=actor, act=act, entity=entity)
    with store_here() as store:
        done = export_audit(store, wanted, out=out)
    if as_json:
        print_json({"folder": str(out), **vars(done)})
        return
    print(f"{out}: {done.rows} rows under {done.seals} seals; {done.unsealed} that fit are not sealed yet")


@audit_app.command("verify-export")
def verify_export(
    folder: Annotated[Path, typer.Argument(help="An export.")],
    *,
    public_keys: PublicKeys = None,
    as_json: Json = False,
) -> None:
    """Check an export, with no database: every row against its seal, every seal against its signature.

    Exit codes: 0 it holds; 1 it does not, and everything wrong is named; 2 there is no export.

    Example: tieout audit verify-export june --public-key 5f1c…
    """
    from include.flows import export_audit as flow
    from include.signing import holds

    verdict = flow.verify_export(folder, holds=holds, public_keys=public_keys or ())
    prints, found = _fingerprints(verdict.keys), list(verdict.found)
    if as_json:
        counted = {"rows": verdict.rows, "seals": verdict.seals, "keys_vouched_for": bool(public_keys)}
        print_json({"holds": not found, **counted, "keys": prints, "found": found})
    else:
        holding = "does not hold" if found else "holds"
        said = f"the export {holding}: {verdict.rows} rows under {verdict.seals} seals"
        print(*found, said, _signed_by(prints, vouched=bool(public_keys)), sep="\n")
    if verdict.found:
        raise SystemExit(CHANGED)


@audit_app.command()
def show(
    *,
    actor: Annotated[str | None, typer.Option(help="Whose.")] = None,
    entity: Annotated[str | None, typer.Option(help="About what.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Programs' acts as well.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the newest acts.

    Example: tieout audit show --entity invoices/INV-1 --all
    """
    with store_here() as store, store.transaction() as tx:
        rows = tx.rows(
            "console_audit", every=every, actor=actor, entity=entity, xid=None, id=None, limit=limit
        )
    if as_json:
        print_json(rows)
        return
    head = ("when (UTC)", "who", "did", "to", "why")
    print_table(
        [head, *((f"{r['at']:%Y-%m-%d %H:%M:%S}", r["actor"], r["act"], r["entity"], r["why"]) for r in rows)]
    )


def _guards_gone(url: str) -> list[str]:
    """The triggers that should be there and on, and are not; of an older schema nobody knows which those are."""
    from include.store.checks import guards_gone
    from include.store.refusals import named_by_what_to_do

    with named_by_what_to_do():
        gone = guards_gone(url)
    if gone is None:
        print("triggers are not looked at: the schema is not the newest", file=sys.stderr)
    return gone or []


def _signer(key_file: Path | None) -> "Sign | None":
    """What seals: a file, text in the environment, or the embedded platform's own key. Raises Fatal on what is none."""
    from include.signing import NoKey, signer, signer_of

    try:
        if key_file:
            return signer(key_file)
        if seed := os.environ.get("TIEOUT_AUDIT_SEED"):
            return signer_of(seed)
        if os.environ.get("TIEOUT_DATABASE_URL"):
            return None
        from include.local.secrets import load_secrets

        return signer_of(load_secrets(Home.from_environment()).audit_seed)
    except (NoKey, OSError) as problem:
        raise Fatal(f"there is no key to seal with: {problem}") from None


def _public_keys(given: Sequence[str] | None) -> Sequence[str]:
    """Those given, or that of the key here, where there is one."""
    if given:
        return given
    key_file = os.environ.get("TIEOUT_AUDIT_KEY")
    sign = _signer(Path(key_file) if key_file else None)
    return [sign(b"")[0]] if sign else []


def _anchor(path: Path) -> dict[str, Any]:
    """A seal that was kept. Raises NothingUsable when the file is none, or its signature is not its key's."""
    from include.domain.audit_chain import Seal
    from include.signing import holds

    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        statement = Seal.of(facts).statement()
        signed = holds(statement, public_key=facts["public_key"], signature=facts["signature"])
        if not signed or Seal.of(facts).sha256() != facts["seal_sha256"]:
            raise NothingUsable(f"{path} is no anchor: it is not what was signed")
    except (KeyError, TypeError, ValueError) as error:
        raise NothingUsable(f"{path} is no anchor: {error}") from error
    return dict(facts)


def _fingerprints(keys: Iterable[str]) -> list[str]:
    """What people compare them by; a forged seal may name what is no key."""
    from include.signing import fingerprint

    return sorted(fingerprint(one) for one in keys if _is_hex(one))


def _signed_by(prints: Sequence[str], *, vouched: bool) -> str:
    by = f"signed by {', '.join(prints)}"
    return by if vouched else f"{by}, which nobody vouched for: give --public-key"


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
