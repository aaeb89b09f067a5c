"""What of Tryton's refusals may be told: sentences of its own that we know, with their fields, numbers and days.

A refusal quotes whatever it is about, and a module or a rule of a company's own may say anything at all, with a
person's name in no quotes. So of a sentence we do not know nothing is told, and of one we know no part that may hold
what people typed.
"""

import re

UNKNOWN = "a rule of its own, whose words may name a person and are not told; do the same there to read them"

_TECHNICAL = "[A-Za-z][A-Za-z_]{0,59}"
_NUMBER = r"[A-Za-z]{0,12}[-/ ]?(?:[0-9]{1,12}[-/]){0,3}[0-9]{1,12}"
_DAY = r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}"
_AMOUNT = r"-?[0-9][0-9.,]{0,30}"
_MODEL = "[A-Z][A-Za-z]+(?: [A-Z][A-Za-z]+){0,4}"

_TOLD = {
    **dict.fromkeys(("button", "wizard", "rules"), re.compile(_TECHNICAL)),
    **dict.fromkeys(("field", "model"), re.compile(_MODEL)),
    **dict.fromkeys(("invoice", "after_invoice", "sale", "payment"), re.compile(_NUMBER)),
    **dict.fromkeys(("date",), re.compile(_DAY)),
    **dict.fromkeys(("amount_to_pay", "size", "max_size", "debit", "credit"), re.compile(_AMOUNT)),
}
"""Hole of a sentence -> what may stand there and be told. Whatever else fills one may be somebody's."""

_SENTENCES = (
    'A value is required for field "{field}" in "{model}".',
    'A value is required for field "{field}" in record "{record}" of "{model}".',
    'Calling button "{button} on "{model}" is not allowed.',
    'No rate found for currency "{currency}" on "{date}".',
    'Payment "{payment}" overpays line "{line}".',
    'The key "tieout_key" names another record already.',
    "The CRM account belongs to another party already.",
    'The email address "{email}" for party "{party}" is not valid.',
    'The line "{line}" of payment "{payment}" is already reconciled.',
    (
        'The number of digits in the value "{value}" for field "{field}" in record "{record}" of "{model}" exceeds the '
        'limit of "{digits}".'
    ),
    'The party "{party}" has the same {type} "{value}".',
    'The records could not be deleted because they are used by field "{field}" of "{model}".',
    'The taxes on invoice "{invoice}" are not valid, you must save it again to force them to be recalculated.',
    'The value "{value}" for field "{field}" in "{model}" does not exist.',
    'The value "{value}" for field "{field}" in record "{record}" of "{model}" contains some invalid chars "{chars}".',
    'The value "{value}" for field "{field}" in record "{record}" of "{model}" is not one of the allowed options.',
    'The value "{value}" for field "{field}" in record "{record}" of "{model}" is not valid according to its domain.',
    'The value "{value}" for field "{field}" in record "{record}" of "{model}" is too long ({size} > {max_size}).',
    'The value "{value}" for field "{field}" in "{model}" is too long ({size} > {max_size}).',
    'There is no account category defined on product "{name}".',
    'To clear the payment "{payment}" you must configure a replacement account for "{account}".',
    'To continue, you must create a period for the date "{date}" and company "{company}".',
    'To continue, you must reopen the period "{period}" of company "{company}" for the date "{date}".',
    'To delete invoice "{invoice}" you must cancel it.',
    'To delete payment "{payment}" you must reset it to draft state.',
    'To delete sale "{sale}" you must cancel it.',
    'To get a quote for sale "{sale}" you must enter a shipment address.',
    'To get a quote for sale "{sale}" you must enter a warehouse for the line "{line}".',
    'To get a quote for sale "{sale}" you must enter an invoice address.',
    'To invoice sale "{sale}" you must configure a default account revenue.',
    'To invoice sale "{sale}" you must define an account revenue for product "{product}".',
    (
        'To number the invoice "{invoice}", you must set an invoice date after "{date}" because the sequence '
        '"{sequence}" has already been used for invoice "{after_invoice}".'
    ),
    'To post invoice "{invoice}", you must define a sequence on fiscal year "{fiscalyear}".',
    'You are not allowed to access "{model}".',
    'You are not allowed to execute wizard "{wizard}".',
    'You are not allowed to modify the field "{field}" in record "{record}" of "{model}".',
    'You are not allowed to modify the field "{field}" of "{model}".',
    'You can not call "{button}" on "{record}" of "{model}".',
    'You cannot add lines to invoice "{invoice}" because it is no longer in a draft state.',
    'You cannot add lines to sale "{sale}" because it is no longer in a draft state.',
    'You cannot delete invoice "{invoice}" because it has a number.',
    'You cannot modify invoice "{invoice}" because it is posted, paid or cancelled.',
    'You cannot modify line "{line}" because its invoice "{invoice}" is posted, paid or cancelled.',
    'You cannot overpay invoice "{invoice}" because there is no more left to pay.',
)
"""As Tryton 8.2 and our module say them (their message.xml), of what we ask them for."""

_HOLE = re.compile(r"\{(\w+)\}")


def _pattern(sentence: str) -> re.Pattern[str]:
    words = _HOLE.split(sentence)[::2]
    return re.compile('([^"\n]{0,2000})'.join(map(re.escape, words)))


_KNOWN = [(_pattern(sentence), sentence) for sentence in _SENTENCES]


def told(message: str) -> str:
    """The sentence with what may be told of it, and … for the rest; UNKNOWN for one that is not Tryton's."""
    for pattern, sentence in _KNOWN:
        if found := pattern.fullmatch(message.strip()):
            values = iter(found.groups())
            return _HOLE.sub(lambda hole: _shown(hole[1], next(values)), sentence)  # noqa: B023  at once
    return UNKNOWN


def _shown(hole: str, value: str) -> str:
    may = _TOLD.get(hole)
    return value if may and may.fullmatch(value) else "…"
