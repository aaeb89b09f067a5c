from tests.quality.test_expectations import *


def test_dbg(books):
    with psycopg.connect(books.url) as c:
        for r in c.execute(
            "SELECT run_id, measure, part, observed, expected, deviation FROM recon.quality_measures WHERE measure like 'invoices%%' and deviation<>0 or measure like 'day%%' or measure='mix' or run_id=%s and deviation is not null order by 1,2,3",
            (EARLY,),
        ).fetchall():
            print(r)
        print(
            {
                n: (r["unexpected_count"], books.seeded[n])
                for n, r in books.bad.items()
                if n in books.seeded and r["unexpected_count"] != books.seeded[n]
            }
        )
    assert 0
