"""What the pages call things, and for every kind of break the one fact that would decide it."""

from collections.abc import Mapping

from include.report.words import RULES

RECON: Mapping[str, str] = {
    "R1": "customers",
    "R2": "orders and invoices",
    "R3": "cash",
    "R4": "payouts and bank",
    "R5": "subscriptions",
    "all": "all sources",
}

ENTITY: Mapping[str, str] = {
    "accounts": "CRM account",
    "opportunities": "CRM opportunity",
    "customers": "ERP customer",
    "orders": "ERP order",
    "invoices": "ERP invoice",
    "credit_notes": "ERP credit note",
    "subscriptions": "ERP subscription",
    "amendments": "ERP amendment",
    "payments": "payment",
    "refunds": "refund",
    "disputes": "dispute",
    "payouts": "payout",
    "payout_items": "payout item",
    "bank_lines": "bank line",
}

OF_TYPE: Mapping[str, str] = {name.removesuffix("s"): name for name in ENTITY} | {
    "opportunity": "opportunities"
}
"""A match's word for a side -> the entity its id is looked up in."""

PROOF: Mapping[str, str] = {
    "loaded": "what the sources hold is loaded or in quarantine",
    "decided": "what was loaded is matched, open or excluded",
    "settled": "cash and explained residuals are what they settle, and no cash is spent twice",
    "carried": "the day before, and what came and was cleared since, is what this day closes with",
    "sub_ledger": "what is open is what the customers owe",
    "one_state": "every item is settled, in part open, open or excluded: one of them",
}

PAYOUT_RULES: Mapping[str, tuple[str, str]] = {
    "manual": ("By hand", "a person matched them, and as many others as policy asks approved it"),
    "P0": ("By the platform", "the payments platform says what the payout is made of, and the amounts agree"),
    "P1": ("By reference", "the bank's line names it, and the amounts agree to the minor unit"),
    "P2": (
        "By part of a reference",
        "the two references agree in part, the amounts and days do, and nothing else fits",
    ),
    "P3": ("Converted", "the line names it in another currency, at the rate of its day"),
    "P4": ("By amount and day", "the amounts and days agree, and nothing else fits either of them"),
    "P5": (
        "In parts, or together",
        "lines that name one payout add up to it, or payouts that one line names add up to that",
    ),
}
"""Rule of R4 -> its name, and why it matches."""

RULES_OF: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "R1": {
        "strong_id": ("Same number", "both have one registered number, and nobody else has it"),
        "cross_reference": ("By reference", "one names the other by its id, and no number contradicts it"),
        "name_domain_country": (
            "By name",
            "name, web domain and country are the same, and nothing tells them apart",
        ),
        "review": ("Alike", "they are alike, and nothing proves them one company"),
    },
    "R2": {
        "both_name": ("Each names the other", "the deal names the order, and the order the deal"),
        "order_names": ("The order names the deal", "the deal itself names no order"),
        "deal_names": ("The deal names the order", "the order itself names no deal"),
        "invoice_names": (
            "The invoice names the order",
            "what it says of its order is believed where both are of one customer and currency",
        ),
    },
    "R3": RULES
    | {
        "P7": ("Several for several", "payments and invoices add up together; nobody says which is for which")
    },
    "R4": PAYOUT_RULES,
    "R5": {
        "S1": (
            "By invoices",
            "the order's invoices have the days and amounts the subscription should have been billed",
        ),
        "S2": ("By value", "the order is worth the first term, and was billed from its first day on"),
        "S3": ("By billing days", "the order's invoices have the days on which the subscription is billed"),
    },
}
"""Reconciliation -> its rules -> their names, and why they match."""

DONE: Mapping[str, str] = {
    "assign": "Assigned.",
    "comment": "Your remark is in its history.",
    "propose": "Proposed. Whoever must check it sees it under “To approve”.",
    "match": "Proposed. Once it is approved, the next reconciliation posts it.",
    "unmatch": "Its break is open, and the unmatch proposed. Once it is approved, the next reconciliation parts them.",
    "withdraw": "Proposed. Once it is approved, the rules may pair them again.",
    "approve": "Approved.",
    "reject": "Sent back to whoever has it.",
    "resolve": "Resolved. A later day that still finds it opens it again.",
    "accept": "Accepted: it stands as it is.",
    "accepted_difference": "Proposed. Somebody else must approve it before it counts.",
    "ended_difference": "Ended. What it let stay counts again.",
    "sign": "Signed, for what the page shows.",
    "replay": "On its way again; the target is looked at before anything is sent.",
    "replaced": "On its way again, but for what a newer message says by now: that is not said twice.",
    "ask": "Asked for. Somebody else approves it on this page, and then it is sent.",
    "replay refused": "Refused. Its messages stay parked, and whoever asked is told why on this page.",
    "replay withdrawn": "Withdrawn. Its messages stay parked.",
    "hold": "Held back. It stays parked until somebody sends it again.",
    "some": "Done with some of them. The others were in another state by then, and stay as they are.",
    "unchosen": "Nothing was changed: no message was chosen.",
    "none": "Nothing was changed: nothing of what you chose was in that state any more.",
}
"""What a page says after an act; the address carries only the key."""

DECIDING: Mapping[str, str] = {
    "ID01": "whether the company buys from us: a customer number in the ERP, or a word that it is a prospect",
    "ID02": "which CRM account the customer belongs to: its tax number or web domain",
    "ID03": "whether both accounts are one legal entity: their tax numbers",
    "ID04": "whether both customers are one legal entity: their tax numbers",
    "ID05": "which tax number is right: an extract from the company register",
    "ID06": "a tax number or web domain; a name alone decides nothing",
    "ID07": "which of the two is invoiced: the contract's parties",
    "ID08": "which system's value is right: the owner of the field has the last word",
    "OR01": "whether the order exists in the ERP under another number",
    "OR02": "which opportunity it was sold by, or that it was not sold through the CRM",
    "OR03": "the signed order form: its total",
    "OR04": "the signed order form: its currency",
    "OR05": "the signed order form: quantity, unit price and product of this line",
    "OR06": "which of the two was delivered and billed first",
    "OR07": "the signed order form: start and term",
    "OR08": "the approval of this discount, by someone whose limit covers it",
    "OR09": "the billing schedule: whether an invoice is due",
    "OR10": "the billing schedule of the order: what was to be billed until today",
    "OR11": "the billing schedule of the order: what was to be billed until today",
    "OR12": "whether the customer cancelled: a written notice",
    "OR13": "the place and date of supply: they set the tax code",
    "OR14": "who pays by contract: the bill-to named in it",
    "CA01": "a remittance advice that names the invoice",
    "CA02": "who sent the money: the remitter's name and account from the bank",
    "CA03": "why the payer left it: a remittance advice, a deduction claim or a credit note",
    "CA04": "what the payer meant with the rest: on account, or back",
    "CA05": "the payer's word that it paid twice, or what else the money is for",
    "CA06": "whose money it is: the remitter's account and the reference",
    "CA07": "the bank's advice of charges",
    "CA08": "the withholding certificate",
    "CA09": "nothing: the rates of the two days explain it",
    "CA10": "nothing: it is within rounding",
    "CA11": "the next statement or payout: it should bring the other side",
    "CA12": "which invoice the credit note is for",
    "CA13": "the credit note for what went back",
    "CA14": "the platform's verdict on the dispute",
    "CA15": "nothing: writing the status again mends it",
    "CA16": "a reference naming the invoice",
    "CA17": "the payment terms on the invoice, and the day the money came",
    "CA18": "whether the customer pays again",
    "CA19": "what the money is for, as its invoice is no longer owed",
    "CA21": "what the payer says it is for: the remittance advice, or a word from them",
    "CA20": "the original amount on the platform, in its own units",
    "PO01": "the bank's answer to a trace of the payout",
    "PO02": "who sent the credit: the bank's advice",
    "PO03": "the platform's balance transactions of this payout, read again",
    "PO04": "the fee schedule of the contract",
    "PO05": "the next payout: it should carry the transaction",
    "PO06": "the platform's notice of the reserve",
    "PO07": "what the platform took back: refunds, disputes or fees",
    "PO08": "nothing: the rate of the day explains it",
    "SU01": "nothing: quantity, price and term give the amount; the CRM's is to be written again",
    "SU02": "nothing: term and start give the date; the CRM's is to be written again",
    "SU03": "whether the subscription is live: its last invoice",
    "SU04": "whether anybody cancelled: a written notice",
    "SU05": "nothing: sending the amendment again mends it",
    "SU06": "whether the customer renews: the account manager's word",
    "SU07": "the billing schedule of the subscription",
    "DQ01": "what the row should say: its owner in the source system",
    "DQ02": "a complete extract: the source's own count and sum",
    "DQ03": "nothing: the repeat was dropped",
    "DQ04": "nothing: the day it belongs to is computed again",
    "DQ05": "what the unknown word means: policy/statuses.yaml must map it",
    "DQ06": "which rows are lost: the proof names the first",
}
"""Reason code -> the one fact that would decide it; evidence that names one itself comes first."""
