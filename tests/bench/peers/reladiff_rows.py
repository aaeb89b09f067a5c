"""reladiff: both tables in one database, by its join in that database."""

import json
import sys
from time import monotonic

from reladiff import Algorithm, connect_to_table, diff_tables

COMPARED = ("amount_minor", "tax_minor", "currency", "on_date", "due_date", "status", "text")


def main() -> None:
    started = monotonic()
    sides = [
        connect_to_table(sys.argv[1], ("plain", side), "key", extra_columns=COMPARED)
        for side in ("ours", "theirs")
    ]
    found = {key for _, (key, *_) in diff_tables(*sides, algorithm=Algorithm.JOINDIFF)}
    print(json.dumps({"seconds": monotonic() - started, "differing": len(found)}))


if __name__ == "__main__":
    main()
