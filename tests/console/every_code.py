"""A break of every reason code, out of facts that a source could bring: rows drawn as text, each code's of its own.

Two days of it: what arrives behind the first, and what somebody parts in between, are breaks of the second. What stops
a day (DQ02, DQ06) is that of a third, which is refused.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from tests.flows.conftest import FILES

UEN, OTHER_UEN = "196800306E", "T01FC6132D"

OF_FILES: dict[str, tuple[str, str]] = {
    name: FILES[name]
    for name in (
        *(
            "accounts",
            "customers",
            "opportunities",
            "orders",
            "invoices",
            "credit_notes",
            "subscriptions",
            "amendments",
        ),
        *("refunds", "disputes", "payouts", "payout_items", "bank_lines", "rates"),
    )
} | {
    "payments": (
        "payments/payments.csv",
        "id,customer_id,reference,currency,amount,paid_on,status,invoice_id,payer_text,fee",
    )
}


def _billed(code: str, year: int = 2025, *, net: str = "990.00", months: Iterable[int] = range(5, 16)) -> str:
    """Invoices of an order, one on the first of each month; the thirteenth is January of the next year."""
    rows = []
    for month in months:
        day = f"{year + (month - 1) // 12}-{(month - 1) % 12 + 1:02}-01"
        rows.append(f"I{code}-{day} INV-{code}-{day} C{code} {day} {day} SGD {net} paid O{code} {net}\n")
    return "".join(rows)


ROWS: dict[str, str] = {
    # One company each: of two systems, of one, of neither alone.
    "accounts": f"""
        AID01 Nowhere_Known nowhere.sg SG
        AID03 Twice - SG {UEN}
        AID3B Twice_Pte_Ltd - SG {UEN} CID04
        AID05 Contradicted - SG 200004379M
        AID5B Other_Company - SG {OTHER_UEN}
        AID06 Alike_Trading_House - MY
        AID07 Twice_East_Branch twice.sg SG - - AID3B
        AID08 Drifted drifted.sg SG - CID08 - SGD
    """,
    "customers": f"""
        CID02 Unheard_Of ap@unheard.my MY
        CID04 Twice - SG {UEN}
        CID4B Twice - SG {UEN}
        CID05 Contradicted - SG 200004379M AID5B
        CID06 Alike_Trading_House ap@alike.sg SG
        CID08 Drifted ap@drifted.sg MY - AID08 - USD
        CCA08 Withholds - IN
        COR13 Taxed - SG
    """,
    "opportunities": """
        XOR01 Won true true 12000.00 SGD 2026-01-05
        XOR03 Won true true 13200.00 SGD 2026-01-05 OOR03
        XOR04 Won true true 12000.00 USD 2026-01-05 OOR04
        XOR05 Won true true 12000.00 SGD 2026-01-05 OOR05 - 0 Rep 12 Seat 450.00
        XOR06 Won true true 12000.00 SGD 2026-01-05 OOR06
        XOR07 Won true true 12000.00 SGD 2026-01-05 OOR07 - 0 Rep 24 Seat 500.00
        XOR08 Won true true 12000.00 SGD 2026-01-05 OOR08 - 25 Rep 12 Seat 500.00
        XOR09 Won true true 12000.00 SGD 2026-01-05 OOR09
        XOR10 Won true true 12000.00 SGD 2026-01-05 OOR10
        XOR11 Won true true 12000.00 SGD 2026-01-05 OOR11
        XOR12 Lost true false 12000.00 SGD 2026-01-05 OOR12
        XOR14 Won true true 12000.00 SGD 2026-01-05 OOR14
        XSU06 Won true true 11880.00 SGD 2025-03-20 OSU06
        XSU07 Won true true 11880.00 SGD 2025-03-20 OSU07
    """,
    "orders": """
        OOR02 SO-02 COR02 2026-03-20 SGD 12000.00 confirmed -
        OOR03 SO-03 COR03 2026-01-06 SGD 12000.00 confirmed XOR03
        OOR04 SO-04 COR04 2026-01-06 SGD 12000.00 confirmed XOR04
        OOR05 SO-05 COR05 2026-01-06 SGD 12000.00 confirmed XOR05
        OOR06 SO-06 COR06 2026-01-06 SGD 12000.00 confirmed XOR06
        OOR6B SO-6B COR06 2026-01-05 SGD 12000.00 confirmed XOR06
        OOR07 SO-07 COR07 2026-01-06 SGD 12000.00 confirmed XOR07
        OOR08 SO-08 COR08 2026-01-06 SGD 12000.00 draft XOR08
        OOR09 SO-09 COR09 2026-01-06 SGD 12000.00 confirmed XOR09
        OOR10 SO-10 COR10 2026-01-06 SGD 12000.00 confirmed XOR10
        OOR11 SO-11 COR11 2026-01-06 SGD 12000.00 done XOR11
        OOR12 SO-12 COR12 2026-01-06 SGD 12000.00 confirmed XOR12
        OOR14 SO-14 COR14 2026-03-20 SGD 12000.00 confirmed XOR14
        OSU03 SO-S3 CSU03 2025-03-20 SGD 11880.00 processing -
        OSU06 SO-S6 CSU06 2024-03-20 SGD 11880.00 processing XSU06
        OSU07 SO-S7 CSU07 2025-03-20 SGD 11880.00 processing XSU07
    """,
    "invoices": """
        IOR5A INV-5A COR05 2026-01-10 2026-02-09 SGD 1090.00 posted OOR05 1000.00 90.00
        IOR5B INV-5B COR05 2026-02-10 2026-03-09 SGD 1090.00 posted OOR05 1000.00 90.00
        IOR5C INV-5C COR05 2026-03-10 2026-04-09 SGD 1090.00 posted OOR05 1000.00 90.00
        IOR7A INV-7A COR07 2026-01-10 2026-02-09 SGD 1090.00 posted OOR07 1000.00 90.00
        IOR7B INV-7B COR07 2026-02-10 2026-03-09 SGD 1090.00 posted OOR07 1000.00 90.00
        IOR7C INV-7C COR07 2026-03-10 2026-04-09 SGD 1090.00 posted OOR07 1000.00 90.00
        IOR10 INV-10 COR10 2026-01-10 2026-02-09 SGD 14170.00 posted OOR10 13000.00 1170.00
        IOR11 INV-11 COR11 2026-01-10 2026-02-09 SGD 8720.00 posted OOR11 8000.00 720.00
        IOR13 INV-13 COR13 2026-01-10 2026-02-09 SGD 1080.00 posted - 1000.00 80.00
        IOR14 INV-14 COR1X 2026-03-21 2026-04-20 SGD 13080.00 posted OOR14 12000.00 1080.00
        ICA03 INV-303 CCA03 2026-01-01 2026-01-31 SGD 5000.00
        ICA04 INV-304 CCA04 2026-01-01 2026-01-31 SGD 5000.00
        ICA05 INV-305 CCA05 2026-01-01 2026-01-31 SGD 5000.00
        ICA06 INV-306 CCA6B 2026-01-01 2026-01-31 SGD 5000.00
        ICA07 INV-307 CCA07 2026-01-01 2026-01-31 SGD 5000.00
        ICA08 INV-308 CCA08 2026-01-01 2026-01-31 INR 118000.00 - - 100000.00 18000.00
        ICA09 INV-309 CCA09 2026-01-01 2026-01-31 USD 5000.00
        ICA10 INV-310 CCA10 2026-01-01 2026-01-31 SGD 5000.00
        ICA12 INV-312 CCA12 2026-01-01 2026-01-31 SGD 5000.00
        ICA13 INV-313 CCA13 2026-01-01 2026-01-31 SGD 5000.00
        ICA14 INV-314 CCA14 2026-01-01 2026-01-31 SGD 5000.00
        ICA15 INV-315 CCA15 2026-01-05 2026-01-31 SGD 5000.00 paid
        ICB15 INV-31Y CCA15 2026-01-05 2026-01-31 SGD 7000.00 paid
        ICA16 INV-316 CCA16 2026-01-01 2026-01-31 SGD 5000.00
        ICB16 INV-31X CCA16 2026-01-01 2026-01-31 SGD 5000.00
        ICA17 INV-317 CCA17 2026-01-01 2026-01-31 SGD 5000.00
        ICA18 INV-318 CCA18 2026-01-01 2026-01-31 SGD 5000.00
        ICA19 INV-319 CCA19 2026-01-01 2026-01-31 SGD 5000.00 void
        ICA20 INV-320 CCA20 2026-01-01 2026-01-31 SGD 5000.00
        ICA21 INV-321 CCA21 2026-01-01 2026-01-31 SGD 5000.00
    """
    + _billed("SU03")
    + _billed("SU06", 2024)
    + _billed("SU06", months=(15,))
    + _billed("SU07", net="990.00", months=range(5, 15))
    + _billed("SU07", net="792.00", months=(15, 16)),
    "credit_notes": """
        NCA12 CN-0012 CCA12 - 2026-01-10 SGD 1500.00
    """,
    "payments": """
        PCA01 CCA01 INV-999 SGD 5000.00 2026-02-01 succeeded
        PCA02 - - SGD 1500.00 2026-02-01 succeeded
        PCA03 CCA03 INV-303 SGD 3500.00 2026-02-01 succeeded
        PCA04 CCA04 INV-304 SGD 6500.00 2026-02-01 succeeded
        PCA5A CCA05 INV-305 SGD 5000.00 2026-02-01 succeeded
        PCA05 CCA05 INV-305 SGD 5000.00 2026-02-03 succeeded
        PCA06 CCA06 - SGD 5000.00 2026-02-01 succeeded ICA06
        PCA07 CCA07 INV-307 SGD 4980.00 2026-02-01 succeeded
        PCA08 CCA08 INV-308 INR 108000.00 2026-02-01 succeeded
        PCA09 CCA09 INV-309 SGD 6710.00 2026-02-02 succeeded
        PCA10 CCA10 INV-310 SGD 4999.99 2026-02-01 succeeded
        PCA11 - - SGD 1250.00 2026-03-30 succeeded - Amber
        PCA12 CCA12 INV-312 SGD 5000.00 2026-02-01 succeeded
        PCA13 CCA13 INV-313 SGD 5000.00 2026-02-01 succeeded
        PCA14 CCA14 INV-314 SGD 5000.00 2026-02-01 succeeded
        PCA15 CCA15 - SGD 1.00 2025-12-01 succeeded
        PCB15 CCA15 INV-31Y SGD 7000.00 2026-01-20 succeeded
        PCA16 CCA16 - SGD 5000.00 2026-02-01 succeeded
        PCA17 CCA17 INV-317 SGD 4900.00 2026-01-05 succeeded
        PCA18 CCA18 INV-318 SGD 5000.00 2026-02-01 succeeded
        PCB18 CCA18 INV-318 SGD -5000.00 2026-02-04 succeeded
        PCA19 CCA19 INV-319 SGD 5000.00 2026-02-01 succeeded
        PCA20 CCA20 INV-320 SGD 500000.00 2026-02-01 succeeded
        PCA21 CCA21 INV-321 SGD 5000.00 2026-02-01 succeeded
        PPO04 CPO04 - SGD 1090.00 2026-03-02 succeeded - - 42.10
        PDQ01 CDQ01 INV-1 SGD 1,000.00 2026-02-01 succeeded
        PDQ03 CDQ03 - SGD 1500.00 2026-02-01 succeeded
        PDQ03 CDQ03 - SGD 1500.00 2026-02-01 succeeded
        PDQ05 CDQ05 - SGD 1500.00 2026-02-01 perhaps
    """,
    "refunds": "RCA13 PCA13 SGD 5000.00 2026-02-03 succeeded",
    "disputes": "DCA14 PCA14 SGD 5000.00 2026-02-10 lost",
    "payouts": """
        PO-0001 SGD 4444.00 2026-03-06 paid
        PO-0003 SGD 1047.95 2026-03-06 paid
        PO-0004 SGD 1005.80 2026-03-06 paid
        PO-0006 SGD -2000.00 2026-03-06 paid
        PO-0008 USD 1000.00 2026-03-06 paid
    """,
    "payout_items": """
        PO-0003 - adjustment SGD 1000.00 0 1000.00
        PO-0004 PPO04 charge SGD 1090.00 84.20 1005.80
        PO-0005 - adjustment SGD 1234.00 0 1234.00
        PO-0006 - reserve SGD -1500.00 0 -1500.00
        PO-0006 - adjustment SGD -500.00 0 -500.00
    """,
    "bank_lines": """
        BPO02 A 2026-03-09 SGD 7777.00 GIFT
        BPO03 A 2026-03-06 SGD 1047.95 PO-0003
        BPO06 A 2026-03-06 SGD -2000.00 PO-0006
        BPO08 A 2026-03-06 SGD 1339.80 PO-0008
        BCA11 A 2026-04-01 SGD 1250.00 - AMBER
    """,
    "subscriptions": """
        SOR05 COR05 2026-01-10 2027-01-10 SGD 2 500.00 month active
        SOR07 COR07 2026-01-10 2027-01-10 SGD 2 500.00 month active
        SSU01 CSU01 2025-05-01 2026-05-01 SGD 10 99.00 month active 2026-05-01 13068.00
        SSU02 CSU02 2025-05-01 2026-05-01 SGD 10 99.00 month active 2026-04-30 11880.00
        SSU03 CSU03 2025-05-01 2026-05-01 SGD 10 99.00 month active 2026-05-01 11880.00
        SSU04 CSU04 2025-05-01 2026-05-01 SGD 10 99.00 month cancelled 2026-05-01 11880.00
        SSU05 CSU05 2025-05-01 2026-05-01 SGD 10 99.00 month active 2026-05-01 11880.00
        SSU06 CSU06 2024-05-01 2025-05-01 SGD 10 99.00 month active 2025-05-01 11880.00
        SSU07 CSU07 2025-05-01 2026-05-01 SGD 10 99.00 month active 2026-05-01 11880.00
    """,
    "amendments": "MSU05 SSU05 1 QTY 2025-09-01 5",
    "rates": """
        2026-02-02 USD SGD 1.3444 ECB
        2026-03-06 USD SGD 1.342487 ECB
        2026-03-31 USD SGD 1.3444 ECB
        2026-03-31 INR SGD 0.0155 ECB
    """,
}

LATE = "PDQ04 CDQ04 - SGD 1500.00 2026-02-09 succeeded"
"""A payment of before the first day, which the second is the first to see."""


def write_world(folder: Path, **also: str) -> Path:
    """The world of the first day, and what a file has behind its last row on a later one."""
    for name, (file, header) in OF_FILES.items():
        text = f"{ROWS[name].rstrip()}\n{also.get(name, '')}"
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [line.split() for line in text.strip().splitlines()]
        cells = [["" if cell == "-" else cell.replace("_", " ") for cell in row] for row in rows]
        width = header.count(",") + 1
        lines = [",".join(_quoted(row + [""] * (width - len(row)))) for row in cells]
        path.write_text("\n".join([header, *lines, ""]))
    return folder


def _quoted(row: list[str]) -> list[str]:
    return [f'"{cell}"' if "," in cell else cell for cell in row]


FIRST, SECOND, THIRD = date(2026, 3, 31), date(2026, 4, 2), date(2026, 4, 3)

LOST = "CDQ02 Never_Arrived - SG"
"""A customer that their source counts on the third day, and does not hand out."""

CAME = "PDQ02 CDQ02 - SGD 1500.00 2026-04-03 succeeded"
"""A payment that came all the same."""

PUBLISHED: dict[str, tuple[str, ...]] = {
    "ID01": ("AID01",),
    "ID02": ("CID02",),
    "ID03": ("AID03", "AID3B"),
    "ID04": ("CID4B", "CID04"),
    "ID05": ("CID05", "AID5B"),
    "ID06": ("AID06", "CID06"),
    "ID07": ("AID07", "AID3B"),
    "ID08": ("CID08", "AID08"),
    "OR01": ("XOR01",),
    "OR02": ("OOR02",),
    "OR03": ("OOR03", "XOR03"),
    "OR04": ("OOR04", "XOR04"),
    "OR05": ("OOR05", "XOR05"),
    "OR06": ("OOR6B", "OOR06"),
    "OR07": ("OOR07", "XOR07"),
    "OR08": ("XOR08", "OOR08"),
    "OR09": ("OOR09", "XOR09"),
    "OR10": ("OOR10", "IOR10"),
    "OR11": ("OOR11", "IOR11"),
    "OR12": ("XOR12", "OOR12"),
    "OR13": ("IOR13",),
    "OR14": ("IOR14", "OOR14"),
    "CA01": ("PCA01",),
    "CA02": ("PCA02",),
    "CA03": ("PCA03", "ICA03"),
    "CA04": ("PCA04", "ICA04"),
    "CA05": ("PCA05", "ICA05", "PCA5A"),
    "CA06": ("PCA06", "ICA06"),
    "CA07": ("PCA07", "ICA07"),
    "CA08": ("PCA08", "ICA08"),
    "CA09": ("PCA09", "ICA09"),
    "CA10": ("PCA10", "ICA10"),
    "CA11": ("PCA11",),
    "CA12": ("NCA12",),
    "CA13": ("RCA13", "PCA13", "ICA13"),
    "CA14": ("DCA14", "PCA14"),
    "CA15": ("ICA15",),
    "CA16": ("PCA16", "ICA16", "ICB16"),
    "CA17": ("PCA17", "ICA17"),
    "CA18": ("PCA18", "PCB18"),
    "CA19": ("PCA19", "ICA19"),
    "CA20": ("PCA20", "ICA20"),
    "CA21": ("PCA21", "ICA21"),
    "PO01": ("PO-0001",),
    "PO02": ("BPO02",),
    "PO03": ("PO-0003",),
    "PO04": ("PO-0004", "PPO04"),
    "PO05": ("PO-0005",),
    "PO06": ("PO-0006",),
    "PO07": ("PO-0006",),
    "PO08": ("PO-0008", "BPO08"),
    "SU01": ("SSU01",),
    "SU02": ("SSU02",),
    "SU03": ("SSU03", "OSU03"),
    "SU04": ("SSU04",),
    "SU05": ("SSU05", "MSU05"),
    "SU06": ("SSU06",),
    "SU07": ("SSU07",),
    "DQ01": ("payments PDQ01",),
    "DQ03": ("payments PDQ03",),
    "DQ04": ("payments",),
    "DQ05": ("payment PDQ05",),
}
"""Code -> the key of its break, and what must stand beside it."""

REFUSED: dict[str, str] = {"DQ02": "world customers", "DQ06": "sub_ledger R3 invoice SGD"}
"""Codes that stop their day -> the key of their break."""
