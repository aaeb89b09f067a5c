"""What is copied in comes out as it was."""

import psycopg
import pytest

from include.store.postgres import _array


@pytest.mark.parametrize(
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
def test_a_list_of_text_is_written_as_the_array_it_is(database_url: str, values: list[str]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TEMP TABLE copied (words text[])")
        with connection.cursor() as cursor, cursor.copy("COPY copied (words) FROM STDIN") as copy:
            copy.write_row([_array(values)])
        assert connection.execute("SELECT words FROM copied").fetchall() == [(values,)]
