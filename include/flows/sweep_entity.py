"""Compares everything a source holds with what we hold, and reads it all again where the two differ.

Windows move on; what turns up behind them (a transaction longer than any settle time, a change without a new stamp) is
found here.
"""

import logging

from include.flows.check_completeness import Proof, check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes, rewind
from include.ports import Fatal, Source, Store

log = logging.getLogger(__name__)


def sweep_entity(source: Source, store: Store, *, entity: str) -> Proof:
    """The proof over everything. Raises Fatal with its text when it fails even after reading anew; Retryable."""
    proof = check_completeness(source, store, entity=entity, whole=True)
    if not proof.proven:
        log.warning("%s %s; reading all of it again", source.system, proof)
        rewind(store, system=source.system, entity=entity)
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)
        proof = check_completeness(source, store, entity=entity, whole=True)
    if not proof.proven:
        raise Fatal(str(proof))
    return proof
