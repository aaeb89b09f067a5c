"""`tieout breaks match`, `unmatch`, `withdraw`, `decisions`: what belongs together, decided by people."""

from typing import TYPE_CHECKING, Annotated

import typer

from include.cli.breaks import Break, Reason, Version, act_on_break, breaks_app, print_acted
from include.cli.shared import As, Json, print_json, print_table, store_here

if TYPE_CHECKING:
    from include.flows.pair_by_hand import Part

COLUMNS = ("decision", "about", "with", "who", "where it is", "break")
_Invoice = Annotated[
    list[str],
    typer.Option(help="An invoice, by id or number, and maybe how much: INV-1 or INV-1=250.00. Repeat it."),
]
_Other = Annotated[
    list[str],
    typer.Option("--with", help="For payouts: a line of the bank, or a payout, by its id. Repeat it."),
]


@breaks_app.command()
def match(
    break_: Break,
    who: As,
    reason: Reason,
    invoice: _Invoice = [],  # noqa: B006 - typer reads it and changes nothing
    others: _Other = [],  # noqa: B006
    *,
    seen: Version = None,
    as_json: Json = False,
) -> None:
    """Propose that a break's payment or credit note is for these invoices, or its payout these lines of the bank.

    The next run posts it once somebody else approved it.

    Examples: tieout breaks match 8a11c0de --with bank/DBS/77 --reason "bank's advice" --as ann@firm.example;
    tieout breaks match 1f0c7a52 --invoice INV-1 --invoice INV-2=250.00 --reason "advice" --as ann@firm.example
    """
    from include.flows import pair_by_hand as hand
    from include.flows.act_on_break import By
    from include.policy import load_policy

    by, rules = By(actor=who, reason=reason, seen=seen), load_policy()
    parts = [*map(_part, invoice), *(hand.Part(one.strip()) for one in others)]
    act_on_break(
        break_, lambda store, found: hand.match(store, found, by, parts=parts, policy=rules), as_json=as_json
    )


@breaks_app.command()
def unmatch(
    subject: Annotated[str, typer.Argument(metavar="MATCH", help="The match's id, or a credit note's.")],
    who: As,
    reason: Reason,
    *,
    as_json: Json = False,
) -> None:
    """Propose to part a posted match: opens its break; the next run parts it once somebody else approved it.

    Example: tieout breaks unmatch R3-04423d9954e5eced --reason "it pays INV-7" --as ann@firm.example
    """
    from include.flows.act_on_break import By
    from include.flows.pair_by_hand import unmatch as part
    from include.policy import load_policy

    with store_here() as store:
        done = part(store, subject, By(actor=who, reason=reason), policy=load_policy())
    print_acted(done, as_json=as_json)


@breaks_app.command()
def withdraw(break_: Break, who: As, reason: Reason, *, seen: Version = None, as_json: Json = False) -> None:
    """Propose that the rules may pair a break's payment again with what it was unmatched from.

    Example: tieout breaks withdraw 1f0c7a52 --reason "it was right after all" --as ann@firm.example
    """
    from include.flows import pair_by_hand as hand
    from include.flows.act_on_break import By
    from include.policy import load_policy

    by, rules = By(actor=who, reason=reason, seen=seen), load_policy()
    act_on_break(break_, lambda store, found: hand.withdraw(store, found, by, policy=rules), as_json=as_json)


@breaks_app.command()
def decisions(*, as_json: Json = False) -> None:
    """What was matched or unmatched by hand and waits for a checker, or for the next run.

    Example: tieout breaks decisions
    """
    from dataclasses import asdict

    from include.domain.money import Money
    from include.flows.show_rulings import decisions_pending

    with store_here() as store, store.transaction() as tx:
        found = decisions_pending(tx)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (
            one.kind.replace("_", " "),
            one.item_id,
            ", ".join(f"{part['number']} {Money(part['minor'], one.currency)}" for part in one.parts),
            one.people,
            one.where,
            str(one.break_id)[:8],
        )
        for one in found
    ]
    print_table([COLUMNS, *rows])


def _part(text: str) -> "Part":
    from include.flows.pair_by_hand import Part

    invoice, _, amount = text.partition("=")
    return Part(invoice.strip(), amount.strip())
