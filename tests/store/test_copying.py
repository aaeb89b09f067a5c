"""What is copied in comes out as it was."""

import json

import psycopg
import pytest

from include.store.postgres import PostgresStore
from include.store.values import adapt, array

LISTS = pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["NULL", "null"],
        ['"', "\\", '\\"', "{}", ",", "a b"],
        ["\n", "\t", "\r", "ü", "日本"],
        ["'"],
    ],
    ids=repr,
)


@LISTS
def test_a_list_of_text_is_written_as_the_array_it_is(database_url: str, values: list[str]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TEMP TABLE copied (words text[])")
        with connection.cursor() as cursor, cursor.copy("COPY copied (words) FROM STDIN") as copy:
            copy.write_row([array(values)])
        assert connection.execute("SELECT words FROM copied").fetchall() == [(values,)]


@LISTS
def test_a_list_of_text_is_asked_for_as_it_is(database_url: str, values: list[str]) -> None:
    with PostgresStore(database_url)._open() as connection:
        [row] = connection.execute("SELECT %(words)s::text[] AS words", {"words": adapt(values)})
    assert row == {"words": values}


def test_a_list_that_no_text_can_hold_is_refused_and_not_cut_off(database_url: str) -> None:
    with PostgresStore(database_url)._open() as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT %(words)s::text[]", {"words": adapt(["a\0", "b"])})


def test_jsonb_comes_as_pythons_own_reader_reads_it(database_url: str) -> None:
    said = '{"n": [1, -0.1, 1e-7, 123456789012345678901234567890], "t": "é\\u0001", "none": null}'
    with PostgresStore(database_url)._open() as connection:
        [row] = connection.execute("SELECT %(said)s::jsonb AS said", {"said": said})
    assert row == {"said": json.loads(said)}
