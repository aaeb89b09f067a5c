"""The result files of a run, byte for byte: columns and order of the WORLD format, money in major units."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from include.ports import Transaction

RESULTS = ("matches.csv", "breaks.csv", "control_totals.csv", "aging.csv", "arr.csv")
"""The files, each written by the query `file_<name>` of sql/queries/results.sql."""


def stream_result(tx: Transaction, name: str, run_id: UUID) -> Iterator[bytes]:
    """A result file piece by piece: CSV in UTF-8 with LF and a header row."""
    return tx.copy_out(f"file_{name.removesuffix('.csv')}", run_id=run_id)


def render_results(tx: Transaction, run_id: UUID) -> dict[str, bytes]:
    """File name -> its whole content."""
    return {name: b"".join(stream_result(tx, name, run_id)) for name in RESULTS}


def hash_results(tx: Transaction, run_id: UUID) -> dict[str, str]:
    """File name -> SHA-256 of its bytes."""
    hashes = {}
    for name in RESULTS:
        digest = hashlib.sha256()
        for piece in stream_result(tx, name, run_id):
            digest.update(piece)
        hashes[name] = digest.hexdigest()
    return hashes


def certificate_bytes(certificate: dict[str, Any]) -> bytes:
    """The certificate as `certificate.json`: sorted keys, two spaces, a final newline."""
    return (json.dumps(certificate, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
