"""Why Tryton refused, in our words: which rule it is, and of what it named the fields, numbers and days.

Tryton answers with a sentence and no code. It quotes whatever the sentence is about, and a module or a rule of a
company's own may say anything at all, with a person's name in no quotes. So no sentence is passed on: a few words of
one tell which rule it is, and what it names is told where it cannot be what people typed.
"""

import re

UNKNOWN = "a rule of its own, whose words may name a person and are not told; do the same there to read them"

RULES = (
    ("is required for field", "a required field is empty"),
    ("is not one of the allowed options", "a field does not offer this value"),
    ("is not valid according to its domain", "a value does not go with the rest of its record"),
    ("is too long (", "a text is too long for its field"),
    ("exceeds the limit of", "a number has more digits than its field takes"),
    ("contains some invalid chars", "a text holds a character its field does not take"),
    ('" does not exist', "what a field refers to does not exist"),
    ("has the same", "another record has this value, which only one may have"),
    ("names another record already", "the key names another record already"),
    ("belongs to another party already", "the CRM account belongs to another party already"),
    ("are used by field", "other records refer to it, so it stays"),
    ("You can not call", "the record is not in the state for this button"),
    ("You are not allowed to", "our user may not do this; tieout doctor says what is lacking"),
    ("is not allowed.", "our user may not do this; tieout doctor says what is lacking"),
    ("is no longer in a draft state", "it is no draft any more, and takes no more lines"),
    ("because it has a number", "it has a number, so it stays"),
    ("posted, paid or cancelled", "it is posted, paid or cancelled, and cannot be changed"),
    ("no more left to pay", "more would be paid than is owed"),
    ("overpays line", "more would be paid than is owed"),
    ("is already reconciled", "the line is reconciled already"),
    ("set an invoice date after", "an invoice with a later number has a later date"),
    ("define a sequence on fiscal year", "the fiscal year gives invoices no numbers"),
    ("create a period for", "the books have no period for its day"),
    ("reopen the period", "the books are closed for its day"),
    ("No rate found", "the ERP has no rate for its currency on that day"),
    ("The taxes on invoice", "its taxes are not what the ERP computes"),
    ("enter an invoice address", "the customer has no address for invoices"),
    ("enter a shipment address", "the customer has no address for deliveries"),
    ("enter a warehouse", "a line has no warehouse"),
    ("account revenue", "a product has no revenue account"),
    ("no account category", "a product has no accounting category"),
    ("a replacement account", "the payment journal lacks an account"),
    ("you must cancel it", "it must be cancelled before it can be deleted"),
    ("reset it to draft state", "it must be a draft again before it can be deleted"),
    ("is not valid.", "an e-mail address is not valid"),
)
"""Words of Tryton 8.2's or our module's refusals of what we ask them for, and which rule they tell of."""

LABELS = frozenset(
    {
        *(
            "Account Invoice",
            "Invoice Line",
            "Account Payment",
            "Sale",
            "Sale Line",
            "Party",
            "Party Identifier",
        ),
        *(
            "Account",
            "Amount",
            "Code",
            "Company",
            "Currency",
            "Invoice Address",
            "Invoice Date",
            "Journal",
            "Line",
        ),
        *(
            "Name",
            "Payment Term",
            "Product",
            "Quantity",
            "Reference",
            "Sale Date",
            "Shipment Address",
            "Type",
        ),
        *("Unit", "Unit Price"),
    }
)
"""Tryton's own names of the models and fields that we write."""

BUTTONS = ("approve", "bill", "confirm", "draft", "post", "process", "quote", "submit", "succeed")

_NAMED = (
    re.compile(rf'\b(?P<what>field) "(?P<name>{"|".join(sorted(LABELS))})"'),
    re.compile(rf'\b(?:of|in) "(?P<name>{"|".join(sorted(LABELS))})"'),
    re.compile(
        r'\b(?P<what>invoice|sale|payment) "(?P<name>[A-Z]{0,5}-?(?:[0-9]{1,12}[-/]){0,3}[0-9]{1,12})"'
    ),
    re.compile(r'\b(?:date|on|after) "(?P<name>[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4})"'),
    re.compile(rf'\b(?:button|call) "(?P<name>{"|".join(BUTTONS)})"'),
)
"""What may be told of what a refusal names. Whatever else is quoted may be somebody's."""


def told(message: str) -> str:
    """The rule, and in brackets what it names and may be told; UNKNOWN for a rule that is not Tryton's."""
    for words, rule in RULES:
        if words in message:
            named = [_said(found) for pattern in _NAMED for found in pattern.finditer(message)]
            return f"{rule} ({', '.join(named)})" if named else rule
    return UNKNOWN


def _said(found: re.Match[str]) -> str:
    return " ".join(filter(None, [found.groupdict().get("what"), found["name"]]))
