"""What fills a statement's braces is a name and nothing else; what is bound to it is a value and nothing else."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.identity import salesforce_id
from include.ports import Fatal, Rejected
from include.store.postgres import PostgresStore, _composed
from include.store.queries import query
from tests.naughty import ALL, RUN


@pytest.mark.parametrize("names", [{"table": "canonical.{}"}, {"table": "{}.accounts"}, {"table": "{}"}])
def test_a_name_that_is_none_of_ours_is_refused_and_runs_nothing(
    store: PostgresStore, names: dict[str, str]
) -> None:
    for text in RUN.values():
        given = {name: place.format(text.replace(".", "")) for name, place in names.items()}
        with pytest.raises(Fatal), store.transaction() as tx:
            tx.run_for("analyse_landed", names=given)
    with store.transaction() as tx:
        tx.run_for("analyse_landed", names={"table": "canonical.accounts"})


def test_a_table_that_is_none_of_ours_is_refused_and_copied_into_by_nobody(store: PostgresStore) -> None:
    for table, column in (
        ("delivery.park_reasons (reason) FROM STDIN --", "reason"),
        ("delivery.park_reasons", "reason) FROM STDIN --"),
    ):
        with pytest.raises(Fatal), store.transaction() as tx:
            tx.copy_in(table, [column], [["x"]])


def test_any_name_stands_within_its_quotes(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:

        @given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters=".\0"), min_size=1))
        def quoted(text: str) -> None:
            made = _composed("analyse_landed", {"table": f"canonical.{text}"}).as_string(connection)
            inside = text.replace('"', '""')
            assert made == query("analyse_landed").replace("{table}", f'"canonical"."{inside}"')

        quoted()


def test_a_text_is_a_value_whatever_it_says(store: PostgresStore) -> None:
    for name, text in ALL.items():
        try:
            with store.transaction() as tx:
                assert tx.rows("read_cursor", system=text, entity=text) == []
        except Rejected:
            assert name in {"a NUL", "half a character"}


def test_the_database_reads_the_two_forms_of_a_salesforce_id_as_we_do(database_url: str) -> None:
    letters = st.text("0123456789ABCXYZabcxyz", min_size=15, max_size=15)
    with psycopg.connect(database_url) as connection:

        def other(text: str) -> str | None:
            [found] = connection.execute("SELECT canonical.other_id(%s)", (text,)).fetchone() or ()
            return found

        @given(letters)
        def holds(short: str) -> None:
            long = salesforce_id(short)
            wrong = long[:-1] + ("A" if long[-1] != "A" else "B")
            assert (other(short), other(long), other(wrong)) == (long, short, None)

        holds()
        assert [other(text) for text in ("", "006", "DEAL-2026-00001", "DEAL-2026-00001AAA")] == [None] * 4
