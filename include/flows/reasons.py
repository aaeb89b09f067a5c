"""What people write about an act: there is some, and it fits. The database holds to the same (851_words_fit.sql)."""

from include.ports import Rejected

REASON_MAX = 2_000
"""Characters: a page shows it whole, and a mail, and the audit log keeps it for good."""
NAME_MAX = 200


def need_reason(reason: str, *, missing: str = "history without one explains nothing") -> None:
    """Raises Rejected without a reason, and on more than anybody reads."""
    if not reason.strip():
        raise Rejected(f"a reason is missing: {missing}")
    need_fitting("the reason", reason, most=REASON_MAX)


def need_fitting(what: str, text: str, *, most: int) -> None:
    """Raises Rejected on more characters than are kept."""
    if len(text) > most:
        raise Rejected(
            f"{what} has {len(text):,} characters, and {most:,} are kept: say it in short, and where the rest is"
        )
