"""Wraps the keys of sealed values by a newer key, so that an old one can be given up."""

from collections.abc import Callable

from include.ports import SealedValue, Store

AT_ONCE = 5_000

Wrap = Callable[[SealedValue], bytes]
"""The value's data key, wrapped by the newest key."""


def wrap_anew(store: Store, wrap: Wrap, *, kid: str) -> int:
    """How many values the key `kid` took over; afterwards no other key is needed for what was there at the start.

    Portion by portion: safe to interrupt, to repeat and to run twice at once. Raises what `wrap` does.
    """
    done = 0
    while True:
        with store.transaction() as tx:
            held = [SealedValue(**row) for row in tx.rows("sealed_by_others", kid=kid, most=AT_ONCE)]
            if not held:
                return done
            tx.run(
                "wrap_anew",
                kid=kid,
                tokens=[value.token for value in held],
                wrapped_keys=[wrap(value) for value in held],
            )
        done += len(held)


def wrap_tokens_anew(store: Store, wrap: Wrap, *, kid: str) -> int:
    """The same for the tokens of systems, which are few. Raises what `wrap` does."""
    with store.transaction() as tx:
        held = [SealedValue(**row) for row in tx.rows("tokens_sealed_by_others", kid=kid)]
        for value in held:
            tx.run("wrap_token_anew", kid=kid, token=value.token, wrapped_key=wrap(value))
    return len(held)


def wrapped_by(store: Store) -> dict[str, int]:
    """How many values each key wraps."""
    with store.transaction() as tx:
        return {row["kid"]: row["held"] for row in tx.rows("sealed_by")}
