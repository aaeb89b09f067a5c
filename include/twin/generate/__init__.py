"""Worlds with truth: what Salesforce, the ERP, the payments platform and the bank hold, and what is so.

A world's rows come from counter-based draws keyed by (seed, stream, customer), so a customer is the same in
every world of that seed, profile and as_of, and a small world is the beginning of any larger one (except for
payouts, which add up all customers). Nothing here is shared with the engine that the truth is to judge.
"""

from include.twin.generate.world import WorldSummary, generate_world

__all__ = ["WorldSummary", "generate_world"]
