"""Opens personal data for somebody, and keeps that they saw it."""

from collections.abc import Callable, Collection

from include.ports import SealedValue, Store

Unseal = Callable[[SealedValue], str]
"""The value in clear. Raises Rejected when it is not as it was sealed, Fatal without its key."""


def open_sealed(
    store: Store, unseal: Unseal, tokens: Collection[str], *, actor: str, purpose: str
) -> dict[str, str]:
    """The values the tokens stand for; those whose keys were destroyed are absent.

    That they were opened, by whom and what for, commits before they are shown. Raises what `unseal` does.
    """
    if not tokens:
        return {}
    with store.transaction() as tx:
        held = [SealedValue(**row) for row in tx.rows("sealed_values", tokens=sorted(tokens))]
        opened = {value.token: unseal(value) for value in held if value.wrapped_key is not None}
        if opened:
            tx.run("note_opening", actor=actor, purpose=purpose, opened=len(opened))
    return opened
