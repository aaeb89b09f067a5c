"""policy/identity.yaml."""

from include.policy.strict import Strict


class Identity(Strict):
    """When two records are one company (R1); the numbers are explained in identity.yaml."""

    review_score: int
    other_country_costs: int
    candidates_max: int
    block_pairs_max: int
    bearers_max: int
    generations_max: int
    free_mail: frozenset[str]
