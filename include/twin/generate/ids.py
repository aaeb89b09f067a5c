"""Identifiers with the check digits their issuers define. Another serial gives another identifier."""

from collections.abc import Callable

BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def with_suffix(id15: str) -> str:
    """The 18-character form of a Salesforce id: a suffix letter tells which of five are capitals."""
    chunks = (id15[start : start + 5] for start in (0, 5, 10))
    return id15 + "".join(
        SUFFIX[sum(1 << place for place, letter in enumerate(chunk) if "A" <= letter <= "Z")]
        for chunk in chunks
    )


def salesforce_id(prefix: str, serial: int) -> str:
    digits = ""
    for _ in range(7):
        serial, digit = divmod(serial, 62)
        digits = BASE62[digit] + digits
    return with_suffix(f"{prefix}5g000{digits}")


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def luhn(text: str, base: int = 10) -> str:
    """The Luhn check character of `text`, also for GSTIN's base 36."""
    total = 0
    for place, letter in enumerate(reversed(text)):
        value = BASE36.index(letter) * (2 - place % 2)
        total += value // base + value % base
    return BASE36[-total % base]


def uen(serial: int) -> str:
    """Singapore, local companies: year, five digits, check letter."""
    body = f"{1990 + serial % 35}{serial // 35 % 100_000:05d}"
    return body + uen_check(body)


def uen_check(body: str) -> str:
    return "ZKCMDNERGWH"[_weighted(body, (10, 8, 6, 4, 9, 7, 5, 3, 1)) % 11]


def abn(serial: int) -> str:
    """Australia: two check digits before nine digits, modulus 89."""
    body = f"{500_000_000 + serial:09d}"
    return f"{11 + (-_weighted(body, (3, 5, 7, 9, 11, 13, 15, 17, 19)) - 1) % 89}{body}"


def corporate_number(serial: int) -> str:
    """Japan: check digit before twelve digits, modulus 9."""
    body = f"{10_400_000_000 + serial:012d}"
    return f"{9 - _weighted(body, (2, 1) * 6) % 9}{body}"


def gstin(serial: int) -> str:
    """India: state, PAN, registration, Z, check character."""
    letters = "".join(BASE62[serial // 26**place % 26] for place in (2, 1, 0))
    body = f"27{letters}C{BASE62[serial // 26**3 % 26]}{1000 + serial % 9000}F1Z"
    return body + luhn(body, 36)


def brn(serial: int) -> str:
    """South Korea: nine digits and a check digit."""
    body = f"{100_810_000 + serial:09d}"
    total = _weighted(body, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(body[8]) * 5 // 10
    return f"{body}{-total % 10}"


def tin_thailand(serial: int) -> str:
    body = f"0105{55_000_000 + serial:08d}"
    return f"{body}{(11 - _weighted(body, tuple(range(13, 1, -1))) % 11) % 10}"


def npwp(serial: int) -> str:
    """Indonesia: nine digits with a Luhn check, tax office, branch."""
    body = f"{1_000_000 + serial:08d}"
    return f"{body}{luhn(body)}013000"


def mst(serial: int) -> str:
    """Viet Nam: nine digits and a check digit; a body whose check would be ten is not issued."""
    body = f"{30_000_000 + serial * 2:010d}"[1:]
    weights = (31, 29, 23, 19, 17, 13, 7, 5, 3)
    if _weighted(body, weights) % 11 == 0:
        body = f"{int(body) + 1:09d}"
    return f"{body}{10 - _weighted(body, weights) % 11}"


def uscc(serial: int) -> str:
    """China: 17 characters and a check character, modulus 31."""
    body = f"91310000{10_000_000 + serial:08d}X"
    total = sum(USCC.index(letter) * 3**place for place, letter in enumerate(body))
    return body + USCC[-total % 31]


TAX_IDS: dict[str, Callable[[int], str]] = {
    "SG": uen,
    "US": lambda serial: f"{20 + serial // 10**7 % 70}-{serial % 10**7:07d}",
    "AU": abn,
    "JP": corporate_number,
    "IN": gstin,
    "MY": lambda serial: f"{2000 + serial % 25}01{serial // 25:06d}",
    "ID": npwp,
    "HK": lambda serial: f"{30_000_000 + serial:08d}",
    "TH": tin_thailand,
    "PH": lambda serial: f"{200_000_000 + serial:09d}000",
    "KR": brn,
    "VN": mst,
    "CN": uscc,
}
