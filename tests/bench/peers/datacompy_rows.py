"""datacompy: both sides' rows as data frames, compared by their key."""

import io
import json
import sys
from time import monotonic

import datacompy
import pandas as pd
import psycopg

KEYS = ["kind", "key", "seq"]


def rows(connection: psycopg.Connection, side: str) -> pd.DataFrame:
    statement = f"COPY (SELECT * FROM plain.{side}) TO STDOUT (FORMAT csv, HEADER)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        return pd.read_csv(io.BytesIO(b"".join(copy)))


def main() -> None:
    started = monotonic()
    with psycopg.connect(sys.argv[1]) as connection:
        ours, theirs = rows(connection, "ours"), rows(connection, "theirs")
    read = monotonic()
    compared = datacompy.PandasCompare(ours, theirs, join_columns=KEYS, df1_name="ours", df2_name="theirs")
    differing = len(compared.all_mismatch()) + len(compared.df1_unq_rows) + len(compared.df2_unq_rows)
    took = {"seconds": monotonic() - started, "read_s": read - started}
    print(json.dumps(took | {"differing": differing}))


if __name__ == "__main__":
    main()
