"""Keeps the limits of the policy that is worked by, so that proposals are judged by them and by no others."""

from include.policy import Policy
from include.ports import Rejected, Transaction


def keep_limits(tx: Transaction, policy: Policy) -> None:
    """Keep how much takes how many checkers, and name it as what counts now. Repeating it changes nothing.

    Who reconciles and who watches do so: the role of the desk may not.
    """
    limits = policy.lives.four_eyes
    tx.run(
        "keep_limits",
        rules_sha256=policy.sha256,
        manual_match=limits.manual_match_sgd_minor,
        two_checkers=limits.two_checkers_sgd_minor,
    )
    tx.run("name_limits", rules_sha256=policy.sha256)


def refuse_other_limits(tx: Transaction, policy: Policy) -> None:
    """Raise Rejected where the database would judge by other limits than this policy's."""
    if not tx.rows("limits_in_force", rules_sha256=policy.sha256):
        raise Rejected(
            f"the limits of the rules {policy.sha256[:12]} are not in force: the dag watch keeps those of a new policy "
            "within minutes, and so does the next run of tie_out"
        )
