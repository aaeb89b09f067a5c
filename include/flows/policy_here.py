"""The policy of where somebody works: what runs on the database says which environment that is."""

from include.policy import Policy, load_policy
from include.ports import Store


def policy_here(store: Store) -> Policy:
    """As it is in the environment that runs on this database; where none did yet, in the one TIEOUT_ENVIRONMENT names.

    Whoever works on it from elsewhere easily has no such setting, which is dev's waits and, maybe, other rules.
    """
    policy = load_policy()
    with store.transaction() as tx:
        known = [row["environment"] for row in tx.rows("environment_here")]
    return load_policy(environment=known[0]) if set(known) & policy.environments.root.keys() else policy
