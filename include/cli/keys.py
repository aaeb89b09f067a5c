"""`tieout keys` and `tieout shred`: what seals personal data, and destroying somebody's.

The keys are TIEOUT_VAULT_KEYS, which Airflow's connection `tieout_vault` is filled from, and the database is
TIEOUT_DATABASE_URL; without them, those of the platform that `tieout up` starts.
"""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.shared import As, Json, named, print_json, print_table, store_here
from include.local.home import Home
from include.ports import NothingUsable, SealedValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.flows.find_person import Listed, Unseal
    from include.vault.keys import Keyring

OPENS = "tieout_send"
"""The role that may read what is sealed, and keeps its keys."""

RECEIVES = "tieout_ingest"
"""The role that keeps what is sealed as it is received."""

KEEPS_TOKENS = "tieout_broker"
"""The role that keeps tokens, which are sealed too."""

keys_app = typer.Typer(no_args_is_help=True, help="The keys that seal personal data.")


@keys_app.callback()
def about_keys() -> None:
    """The keys that seal personal data."""


@keys_app.command()
def new(kid: Annotated[str, typer.Argument(help="What the new key is called, such as k2.")] = "") -> None:
    """Make one key, to be put before the other keys and behind the index's; without a name, keys for a new platform.

    Example: tieout keys new k2
    """
    from include.vault.keys import new_key, new_keys

    print(f"{kid}={new_key()}" if kid else new_keys())


@keys_app.command()
def rotate(*, as_json: Json = False) -> None:
    """Wrap every data key by the newest key, portion by portion; older keys are needed until it ends.

    Example: tieout keys rotate
    """
    from include.flows.wrap_anew import wrap_anew, wrap_tokens_anew
    from include.vault.envelope import unwrap, wrap

    ring = keyring_here()

    def anew(value: SealedValue) -> bytes:
        return wrap(ring, unwrap(ring, value), value.token)

    with store_here(OPENS) as store:
        done = wrap_anew(store, anew, kid=ring.kid)
    with store_here(KEEPS_TOKENS) as store:
        done += wrap_tokens_anew(store, anew, kid=ring.kid)
    if as_json:
        print_json({"kid": ring.kid, "wrapped": done})
        return
    print(f"{done:,} values are now wrapped by {ring.kid}")


@keys_app.command()
def seal(actor: As, *, as_json: Json = False) -> None:
    """Seal what landed before its source was sealed, where it lies; the audit log tells of it. It may be repeated.

    Amounts, ids, and the hashes of certificates stay as they are. Nothing is received while a portion is sealed. It is
    for who may migrate: nobody else may change what was received.

    Example: tieout keys seal --as dpo@example.com
    """
    from include.sealing import seal_before
    from include.vault.edge import Vault

    with store_here(RECEIVES) as store:
        done = seal_before(store, Vault(keyring_here), by=actor)
    if as_json:
        print_json({"payloads": done.payloads, "rows": done.rows})
        return
    print(f"{done.payloads:,} payloads and {done.rows:,} rows that were in clear are sealed")
    if done.payloads or done.rows:
        print(
            "backups from before, and the database's own files until they are vacuumed, still hold them in clear"
        )


@keys_app.command("list")
def list_command(*, as_json: Json = False) -> None:
    """Say how many values each key wraps. One that wraps none can be given up.

    Example: tieout keys list
    """
    from include.flows.wrap_anew import wrapped_by

    with store_here(OPENS) as store:
        held = wrapped_by(store)
    if as_json:
        print_json(held)
        return
    print_table([("key", "values"), *((kid, f"{count:,}") for kid, count in held.items())])


def keyring_here() -> "Keyring":
    """The keys of TIEOUT_VAULT_KEYS, else of the platform here. Raises Fatal when they are none."""
    from include.local.secrets import load_secrets
    from include.vault.keys import read_keyring

    return read_keyring(
        os.environ.get("TIEOUT_VAULT_KEYS") or load_secrets(Home.from_environment()).vault_keys
    )


def shred(
    subject: Annotated[
        str, typer.Argument(help="Whose data: a record, such as contacts/003XX000004DcWHYA0.")
    ],
    actor: As,
    reason: Annotated[str, typer.Option(help="Why; kept. For asking, and for --end.")] = "",
    *,
    also: Annotated[
        list[str] | None, typer.Option("--also", help="One more record of the same person. Only for asking.")
    ] = None,
    sparing: Annotated[
        list[str] | None,
        typer.Option("--except", help="A record that was found and is another's. Only for asking."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what it is, or would be, about.")
    ] = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Agree to what somebody else asked for.")
    ] = False,
    end: Annotated[
        bool, typer.Option("--end", help="Take back what you asked for, or refuse what somebody else did.")
    ] = False,
) -> None:
    """Destroy the keys of what the records about a person say: one asks, another approves, and it cannot be undone.

    Those records are found by name, e-mail address and card, and listed; who approves agrees to that list. A value that
    other records have too stays theirs.

    Example: tieout shred contacts/003XX000004DcWHYA0 --as dpo@example.com --dry-run

    Example: tieout shred contacts/003XX000004DcWHYA0 --as dpo@example.com --reason "12 May" --except payments/py_9

    Example: tieout shred contacts/003XX000004DcWHYA0 --as controller@example.com --approve --dry-run

    Example: tieout shred contacts/003XX000004DcWHYA0 --as controller@example.com --approve

    Example: tieout shred contacts/003XX000004DcWHYA0 --as controller@example.com --end --reason "py_9 is another's"
    """
    from include.flows import erase_subject

    entity, native_id = _record(subject)
    by = named(actor)
    if approve and (also or sparing or reason):
        raise NothingUsable(
            "what was asked for is approved as it is; --also, --except and --reason are for asking"
        )
    if end and (also or sparing or approve or dry_run or not reason.strip()):
        raise NothingUsable(
            "--end takes back or refuses what was asked for as it is, and needs a --reason alone"
        )
    about = {"entity": entity, "native_id": native_id}
    if end:
        with store_here(OPENS) as store:
            ended = erase_subject.end_erasure(store, **about, reason=reason.strip(), by=by)
        print(f"{ended}: nothing is destroyed, and it can be asked for anew")
        return
    if approve:
        _approve(about, by=by, dry_run=dry_run)
        return
    if not dry_run and not reason.strip():
        raise NothingUsable("say why with --reason, or --approve what somebody else asked for")
    told: dict[str, Any] = {"by": by, "also": also or [], "sparing": sparing or []}
    for record in (*told["also"], *told["sparing"]):
        _record(record)
    with store_here(OPENS) as store:
        if dry_run:
            _print_listed(erase_subject.look_for(store, _opens(), **about, **told))
        else:
            asked = erase_subject.ask_erasure(store, _opens(), **about, **told, reason=reason.strip())
            _print_listed(asked)
            print("asked for; somebody else approves with --approve")


def _approve(about: "Mapping[str, str]", *, by: str, dry_run: bool) -> None:
    from include.flows.erase_subject import approve_erasure, listed

    with store_here(OPENS) as store:
        _print_listed(listed(store, **about))
        if dry_run:
            return
        done = approve_erasure(store, _opens(), **about, by=by)
    print(f"{done.destroyed} values of {done.records} records are destroyed")
    if done.since:
        print("found since it was asked for, and not destroyed; ask for one of them:")
        _print_listed([one._replace(spared=True) for one in done.since])


def _opens() -> "Unseal":
    from include.vault.envelope import unseal

    return partial(unseal, keyring_here())


def _record(text: str) -> tuple[str, str]:
    from include.domain.entities import ENTITIES

    entity, _, native_id = text.partition("/")
    if entity not in ENTITIES or not native_id:
        raise NothingUsable(f"{text} is no record; it looks like contacts/003XX000004DcWHYA0")
    return entity, native_id


def _print_listed(listed: "Sequence[Listed]") -> None:
    rows = [(one.record, one.why, "spared" if one.spared else "destroyed") for one in listed]
    print_table([("record", "why", "what they say is"), *rows])
