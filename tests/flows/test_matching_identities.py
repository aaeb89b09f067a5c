"""R1 from files to results: which account is which customer, and what each record left is called."""

import pytest

from include.domain.breaks import Break
from include.flows import reconcile
from include.flows.snapshot import Seen
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import Policy, load_policy
from include.store.postgres import PostgresStore, PostgresTransaction
from tests.flows.conftest import Draw, TieOut, load, results

UEN, OTHER_UEN, WRONG_UEN = "196800306E", "T01FC6132D", "196800306F"


def test_an_equal_valid_number_links_whatever_the_names(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts=f"A Shop - SG {UEN}", customers="C Acme_Pte_Ltd - SG 1968_00306_e"))
    assert (found.posted, found.codes) == ({("strong_id", "A", "C")}, set())


def test_a_number_wrong_by_its_check_digit_links_nothing(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts=f"A Shop - SG {WRONG_UEN}", customers=f"C Acme - SG {WRONG_UEN}"))
    assert (found.posted, found.codes) == (set(), {("ID01", "A"), ("ID02", "C")})


@pytest.mark.parametrize(
    "sides",
    [
        {"accounts": "A Shop - SG - C", "customers": "C Acme - SG - -"},
        {"accounts": "A Shop - SG - -", "customers": "C Acme - SG - A"},
        {"accounts": "001D000000IqhSL Shop - SG - -", "customers": "C Acme - SG - 001D000000IqhSLIAZ"},
    ],
)
def test_a_record_that_names_the_other_links_them(draw: Draw, tie_out: TieOut, sides: dict[str, str]) -> None:
    found = tie_out(draw(**sides))
    assert {(rule, customer) for rule, _, customer in found.posted} == {("cross_reference", "C")}
    assert found.codes == set()


def test_one_name_domain_and_country_link_when_nobody_else_has_them(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts="A Acme_Private_Limited https://www.acme.com.sg/about SG",
            customers="C ACME_PTE._LTD. ap@billing.acme.com.sg SG",
        )
    )
    assert found.posted == {("name_domain_country", "A", "C")}


def test_a_contacts_address_tells_the_accounts_domain(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts="A Acme - SG", contacts="P A jo@acme.sg", customers="C Acme ap@acme.sg SG"))
    assert found.posted == {("name_domain_country", "A", "C")}


@pytest.mark.parametrize(
    ("account", "customer"),
    [
        ("A Acme - SG", "C Acme - SG"),
        ("A Acme acme.sg -", "C Acme ap@acme.sg -"),
        ("A Acme gmail.com SG", "C Acme acme@gmail.com SG"),
        ("A Acme acme.sg SG", "C Acme ap@acme.my SG"),
        ("A Acme acme.sg SG", "C Acme ap@acme.sg MY"),
    ],
    ids=["no domain", "no country", "free mail", "another domain", "another country"],
)
def test_a_name_without_a_domain_and_country_of_its_own_links_nothing(
    draw: Draw, tie_out: TieOut, account: str, customer: str
) -> None:
    found = tie_out(draw(accounts=account, customers=customer))
    assert (found.posted, found.suggested, found.codes) == (set(), {("A", "C")}, {("ID06", "A")})


@pytest.mark.parametrize(
    ("account", "customer"),
    [
        ("A Acme_Pte_Ltd acme.com SG", "C Acme_Sdn_Bhd ap@acme.com SG"),
        ("A Acme_(S) acme.com SG", "C Acme_(M) ap@acme.com SG"),
        (f"A Acme acme.com SG {UEN}", f"C Acme ap@acme.com SG {OTHER_UEN}"),
        (f"A Acme acme.com SG {UEN}", f"C Acme ap@acme.com SG {WRONG_UEN}"),
    ],
    ids=["legal form", "place", "valid numbers", "any numbers"],
)
def test_one_name_of_two_companies_is_neither_linked_nor_proposed(
    draw: Draw, tie_out: TieOut, account: str, customer: str
) -> None:
    found = tie_out(draw(accounts=account, customers=customer))
    assert (found.matches, found.codes) == ([], {("ID01", "A"), ("ID02", "C")})


def test_a_name_two_customers_share_is_a_question(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts="A Acme_Pte_Ltd acme.com SG",
            customers=f"C Acme_Pte_Ltd ap@acme.com SG {UEN}\nD Acme_Pte_Ltd ap@acme.com SG {OTHER_UEN}",
        )
    )
    assert (found.posted, found.codes) == (set(), {("ID06", "A")})
    assert found.suggested == {("A", "C"), ("A", "D")}


def test_of_a_duplicate_the_record_in_use_stands_for_the_company(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts=f"A Acme - SG {UEN}\nB Acme_Pte_Ltd - SG {UEN}",
            contacts="P B jo@acme.sg",
            customers=f"C Acme - SG {UEN}\nD Acme - SG {UEN}",
            invoices="1 INV-1 D 2026-01-01 2026-01-31 SGD 50.00",
        )
    )
    assert found.posted == {("strong_id", "B", "D")}
    assert found.codes == {("ID03", "A"), ("ID04", "C")}


def test_two_records_of_one_company_that_are_both_in_use_are_not_linked(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts=f"A Acme - SG {UEN}",
            customers=f"C Acme - SG {UEN}\nD Acme - SG {UEN}",
            invoices="1 INV-1 C 2026-01-01 2026-01-31 SGD 50.00\n2 INV-2 D 2026-01-01 2026-01-31 SGD 50.00",
        )
    )
    assert (found.posted, found.codes) == (set(), {("ID04", "D"), ("ID06", "A")})


@pytest.mark.parametrize(
    "other",
    [f"B Zenith - SG {OTHER_UEN}", "B Zenith - SG"],
    ids=["another number", "no number, while a third has the customer's"],
)
def test_a_link_that_contradicts_a_number_holds_the_customer(draw: Draw, tie_out: TieOut, other: str) -> None:
    found = tie_out(draw(accounts=f"A Acme - SG {UEN}\n{other}", customers=f"C Acme - SG {UEN} B"))
    assert found.posted == set()
    assert found.codes == {("ID05", "C"), ("ID01", "B")}
    assert found.suggested == {("A", "C")}


def test_an_account_wrongly_named_by_one_customer_is_still_another_ones(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts=f"A Acme - SG {UEN}\nB Zenith zenith.sg SG",
            customers=f"C Acme - SG {UEN} B\nD Zenith ap@zenith.sg SG",
        )
    )
    assert found.posted == {("name_domain_country", "B", "D")}
    assert found.codes == {("ID05", "C")}


def test_a_mistyped_number_does_not_break_a_link_but_is_named(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts=f"A Acme - SG {WRONG_UEN} C", customers=f"C Acme - SG {UEN} A"))
    assert found.posted == {("cross_reference", "A", "C")}
    assert found.codes == {("ID08", "C")}


def test_linked_records_of_different_country_or_currency_have_drifted(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts="A Acme - SG - C - SGD", customers="C Acme - MY - A - USD"))
    assert found.codes == {("ID08", "C")}
    assert "country SG, currency SGD in the CRM, country MY, currency USD" in found.breaks[0]["evidence"]


def test_a_link_found_in_spite_of_a_reference_to_nobody_names_it(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(draw(accounts=f"A Acme - SG {UEN}", customers=f"C Acme - SG {UEN} GONE"))
    assert (found.posted, found.codes) == ({("strong_id", "A", "C")}, {("ID08", "C")})
    assert "account A in the CRM, account GONE in the ERP" in found.breaks[0]["evidence"]


def test_a_branch_below_a_linked_account_is_a_relationship(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts=f"A Acme acme.sg SG {UEN}\nB Acme_East_Branch acme.sg SG - - A\nD Acme_Kiosk acme.sg SG - - B",
            customers=f"C Acme - SG {UEN}",
        )
    )
    assert found.codes == {("ID07", "B"), ("ID07", "D")}


def test_a_branch_with_its_heads_number_is_no_duplicate(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts=f"A Acme acme.sg SG {UEN}\nB Acme_East acme.sg SG {UEN} - A",
            customers=f"C Acme - SG {UEN}",
        )
    )
    assert (found.posted, found.codes) == ({("strong_id", "A", "C")}, {("ID07", "B")})


def test_a_second_customer_of_a_linked_account_is_a_relationship(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(accounts=f"A Acme - SG {UEN}", customers=f"C Acme - SG {UEN}\nD Acme_Warehouse - SG - A")
    )
    assert (found.posted, found.codes) == ({("strong_id", "A", "C")}, {("ID07", "D")})


def test_parents_the_two_systems_do_not_agree_on_are_a_relationship_to_record(
    draw: Draw, tie_out: TieOut
) -> None:
    found = tie_out(
        draw(
            accounts="A Acme - SG - C P\nP Group - SG - G\nQ Quay - SG - Q2 P",
            customers="C Acme - SG\nG Group - SG\nQ2 Quay - SG - - G",
        )
    )
    assert found.codes == {("ID07", "A")}


def test_a_won_customer_missing_in_the_erp_is_severe(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts="A Acme - SG\nB Zenith - SG",
            won="O B Signed true true\nN A Won true false",
            customers="C Quay - SG",
        )
    )
    assert {(row["code"], row["key"], row["severity"]) for row in found.breaks} == {
        ("ID01", "A", "S4"),
        ("ID01", "B", "S2"),
        ("ID02", "C", "S3"),
    }


@pytest.mark.parametrize("sides", [{"accounts": "A Acme - SG"}, {"customers": "C Acme - SG - A"}])
def test_nobody_is_missing_in_a_system_nobody_loaded(
    draw: Draw, tie_out: TieOut, sides: dict[str, str]
) -> None:
    assert tie_out(draw(**sides)).breaks == []


def test_a_customer_that_names_an_unreadable_account_is_not_missing_it(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(accounts="A Acme - SG - - - XYZ\nB Zenith - SG - D", customers="C Acme - SG - A\nD Zenith - SG")
    )
    assert found.codes == {("DQ01", "accounts A")}


def test_likely_pairs_are_shown_best_first_and_not_all_of_them(draw: Draw, tie_out: TieOut) -> None:
    found = tie_out(
        draw(
            accounts="A Acme_Trading_House - SG",
            customers="\n".join(f"C{n} Acme_Trading_House_{n} - SG" for n in range(9))
            + "\nD Trading_House_Acme - SG",
        )
    )
    assert len(found.suggested) == load_policy().identity.candidates_max
    assert ("A", "D") in found.suggested
    assert {code for code, _ in found.codes} == {"ID06"}


def test_the_order_of_rows_changes_nothing(draw: Draw, server_urls: DatabaseUrls) -> None:
    accounts = [f"A Acme - SG {UEN}", "B Zenith zenith.sg SG", "D Zenit - SG", f"E Acme_Pte_Ltd - SG {UEN}"]
    customers = [f"C Acme - SG {UEN} B", "F Zenith ap@zenith.sg SG", "G Zenith - SG"]
    certificates = set()
    for step, folder in ((1, "as drawn"), (-1, "reversed")):
        world = draw(
            accounts="\n".join(accounts[::step]), customers="\n".join(customers[::step]), folder=folder
        )
        with scratch_database(server_urls, strategy="FILE_COPY") as url:
            store = PostgresStore(url)
            load(store, world)
            certificates.add(results(store, "2026-03-31").run.certificate_sha256)
    assert len(certificates) == 1


LEFT = {
    "identity_links": "account_id || '=' || customer_id || ' ' || rule",
    "held_customers": "customer_id",
    "customer_parents": "customer_id || '<' || parent_id",
    "customer_groups": "customer_id || ':' || group_id",
}


def test_later_reconciliations_find_links_groups_and_whom_not_to_post_to(
    draw: Draw, tie_out: TieOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, list[str]] = {}

    def look(tx: PostgresTransaction, _seen: Seen, _policy: Policy) -> list[Break]:
        for table, told in LEFT.items():
            rows = tx._connection.execute(f"SELECT {told} AS told FROM {table} ORDER BY 1").fetchall()
            found[table] = [row["told"] for row in rows]
        return []

    monkeypatch.setattr(reconcile, "RECONS", (reconcile.RECONS[0], look, *reconcile.RECONS[1:]))
    tie_out(
        draw(
            accounts=f"A Acme - SG {UEN}\nB Zenith - SG {OTHER_UEN}\nP Quay - SG - D\nQ Quay_East - SG - E P",
            customers=f"C Acme - SG {UEN} B\nD Quay - SG\nE Quay_East - SG\nF Reef - SG - - G\nG Head - SG - - D\n"
            "X Loop - SG - - Y\nY Loop - SG - - X",
        )
    )
    assert found == {
        "identity_links": ["P=D cross_reference", "Q=E cross_reference"],
        "held_customers": ["C"],
        "customer_parents": ["E<D", "F<G", "G<D", "X<Y", "Y<X"],
        "customer_groups": ["C:C", "D:D", "E:D", "F:D", "G:D", "X:X", "Y:Y"],
    }
