"""`tieout keys` and `tieout shred`: what seals personal data, and destroying somebody's.

The keys are TIEOUT_VAULT_KEYS, which Airflow's connection `tieout_vault` is filled from, and the database is
TIEOUT_DATABASE_URL; without them, those of the platform that `tieout up` starts.
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from include.cli_breaks import As, Json, print_json, print_table, store_here
from include.local.home import Home
from include.ports import NothingUsable, SealedValue

if TYPE_CHECKING:
    from include.vault.keys import Keyring

OPENS = "tieout_send"
"""The role that may read what is sealed, and keeps its keys."""

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
    reason: Annotated[str, typer.Option(help="Why; kept. Only for asking.")] = "",
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Agree to what somebody else asked for.")
    ] = False,
) -> None:
    """Destroy the keys of what a record says of a person: one asks, another approves, and it cannot be undone.

    A value that others have too, such as an e-mail address or a payer's name, is gone for all of them.

    Example: tieout shred contacts/003XX000004DcWHYA0 --as dpo@example.com --reason "request of 12 May"

    Example: tieout shred contacts/003XX000004DcWHYA0 --as controller@example.com --approve
    """
    from include.domain.entities import ENTITIES
    from include.flows.erase_subject import approve_erasure, ask_erasure

    entity, _, native_id = subject.partition("/")
    by = actor.strip().lower()
    if entity not in ENTITIES or not native_id or not by:
        raise NothingUsable(f"{subject} is no record; it looks like contacts/003XX000004DcWHYA0")
    if not approve and not reason.strip():
        raise NothingUsable("say why with --reason, or --approve what somebody else asked for")
    about = {"entity": entity, "native_id": native_id, "by": by}
    with store_here(OPENS) as store:
        if not approve:
            count = ask_erasure(store, **about, reason=reason.strip())
            print(f"asked for: {count} values of {subject}; somebody else approves with --approve")
            return
        done = approve_erasure(store, **about)
    print(f"{done.destroyed} of the {done.held} values of {subject} are destroyed")
