"""What is JSON and what is not, by the cases of nst/JSONTestSuite (MIT licence), at both doors by which JSON comes in.

What is none is refused whole. What the standard leaves open is refused too, or stays as it was written; nothing is
guessed, and nobody crashes.
"""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from include.connectors.stripe.webhooks import Malformed, Refused, receive
from include.connectors.wire import read_json
from include.ports import Retryable
from tests.fuzz.test_knocks import SECRET, signature

NO_JSON = [
    # arrays
    b"[1 true]", b"[a\xe5]", b'["": 1]', b'[""],', b"[,1]", b"[1,,2]", b'["x",,]', b'["x"]]', b'["",]', b'["x"',
    b"[x", b"[3[4]]", b"[\xff]", b"[1:2]", b"[,]", b"[-]", b'[   , ""]', b'["a",\n4\n,1,', b"[1,]", b"[1,,]",
    b'["\x0ba"\\f]', b"[*]", b'[""', b"[1,", b"[1,\n1\n,1", b"[{}", b"[fals]", b"[nul]", b"[tru]", b"123\x00",
    # numbers
    b"[++1234]", b"[+1]", b"[+Inf]", b"[-01]", b"[-1.0.]", b"[-2.]", b"[.-1]", b"[.2e-3]", b"[0.1.2]", b"[0.3e+]",
    b"[0.3e]", b"[0.e1]", b"[0E+]", b"[0E]", b"[0e+]", b"[0e]", b"[1.0e+]", b"[1.0e-]", b"[1.0e]", b"[1 000.0]",
    b"[1eE2]", b"[2.e+3]", b"[2.e-3]", b"[2.e3]", b"[9.e+]", b"[Inf]", b"[\xef\xbc\x91]", b"[1+2]", b"[0x1]",
    b"[0x42]", b"[0e+-1]", b"[-foo]", b"[- 1]", b"[-012]", b"[-.123]", b"[-1x]", b"[1ea]", b"[1e\xe5]", b"[1.]",
    b"[.123]", b"[1.2a-3]", b"[1.8011670033376514H-308]", b"[012]", b"[-00]", b"[00.0]", b"[-0e]", b"[123\xe5]",
    # records
    b'["x", truth]', b'{[: "x"}\n', b'{"x", null}', b'{"x"::"b"}', b'{"a":"a" 123}', b"{key: 'value'}", b'{"a" b}',
    b'{:"b"}', b'{"a" "b"}', b'{"a":', b'{"a"', b"{1:1}", b"{9999E9999:1}", b"{null:null,null:null}",
    b'{"id":0,,,,,}', b"{'a':0}", b'{"id":0,}', b'{"a":"b"}/**/', b'{"a":"b"}/**//', b'{"a":"b"}//', b'{"a":"b"}/',
    b'{"a":"b",,"c":"d"}', b'{a: "b"}', b'{"a":"a', b'{ "foo" : "bar", "a" }', b'{"a":"b"}#', b" ", b"",
    b"{\xff:1}", b'{"\xb9":"0",}',
    # texts
    b'["\\uD800\\u"]', b'["\\uD800\\u1"]', b'["\\uD800\\u1x"]', b"[\xc3\xa9]", b'["\\\x00"]', b'["\\x00"]',
    b'["\\\\\\"]', b'["\\\t"]', b'["\\\xf0\x9f\x8c\x80"]', b'["\\"]', b'["\\u00A"]', b'["\\uD834\\uDd"]',
    b'["\\uD800\\uD800\\x"]', b'["\\u\xe5"]', b'["\\a"]', b'["\\uqqqq"]', b'["\\\xe5"]', b'[\\u0020"asd"]',
    b"[\\n]", b'"', b"['single quote']", b"abc", b'["\\', b'["a\x00a"]', b'["new\nline"]', b'["\t"]', b'"\\UA66D"',
    b'""x', b'["\\u{110000}"]', b'["\\012"]', b'["asd\xe5"]', b'["\x1f"]',
    # as a whole
    b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"<.>", b"[<null>]", b"[1]x", b"[1]]", b'["asd]', b"a\xc3\xa5", b"[True]",
    b"1]", b'{"x": true,', b"[][]", b"]", b"\xef\xbb{}", b"\xe5", b"[", b"[\x00]", b"2@", b"{}}", b'{"":',
    b'{"a":/*c*/"b"}',
    b'{"a": true} "x"', b"['", b"[,", b'[{"":[{"":', b'["a', b'["a"', b"{", b"{]", b"{,", b"{[", b'{"a', b"{'a'",
    b'["\\{["\\{', b"\xe9", b"*", b'{"a":"b"}#{}', b'[\\u000A""]', b"[1", b"[ false, nul", b"[ true, fals",
    b"[ false, tru", b'{"asd":"asd"', b"\xc3\xa5", b"[\xe2\x81\xa0]", b"[\x0c]", b"[\xc2\xa0]", b"'a'",
]  # fmt: skip

TWO_READINGS = [
    b'{"amount":100,"amount":1}', b'{"a":"b","a":"c"}', b'{"a":"b","a":"b"}', b'[{"deep":{"a":1,"a":1}}]',
    b'{"\\u0061":1,"a":2}', b'{"a":1,"a":2,"b":"\\u003a"}', b'{"a":1,"a":2,"\\u003A":1}', b'{"a":":","a":""}',
]  # fmt: skip
"""A name twice in one record: one reader takes the first, another the last."""

JSON: dict[bytes, Any] = {
    b"[]": [], b"[[]   ]": [[]], b'[""]': [""], b'["a"]': ["a"], b"[false]": [False],
    b'[null, 1, "1", {}]': [None, 1, "1", {}],
    b"[null]": [None], b"[1\n]": [1], b" [1]": [1], b"[1,null,null,null,2]": [1, None, None, None, 2], b"[2] ": [2],
    b"[ 4]": [4], b"[-0]": [0], b"[-123]": [-123], b"[-1]": [-1], b"[123]": [123], b"[20e1]": [200], b"[0e1]": [0],
    b"[0e+1]": [0], b"[1E22]": [10**22], b"[1E+2]": [100], b"[123e45]": [123 * 10**45], b"[-0.0]": [0],
    b'{"asd":"sdf", "dfg":"fgh"}': {"asd": "sdf", "dfg": "fgh"}, b'{"":0}': {"": 0}, b"{}": {},
    b'{"a":[]}': {"a": []},
    b'{"foo\\u0000bar": 42}': {"foo\0bar": 42}, b'{ "min": -1, "max": 1 }': {"min": -1, "max": 1},
    b'{\n"a": "b"\n}': {"a": "b"},
    b'["\\u0060\\u012a\\u12AB"]': ["\u0060\u012a\u12ab"], b'["\\uD801\\udc37"]': ["\U00010437"],
    b'["\\ud83d\\ude39\\ud83d\\udc8d"]': ["\U0001f639\U0001f48d"],
    b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]': ['"\\/\b\f\n\r\t'],
    b'["\\\\u0000"]': ["\\u0000"], b'["\\""]': ['"'], b'["a/*b*/c/*d//e"]': ["a/*b*/c/*d//e"], b'["\\\\a"]': ["\\a"],
    b'["\\\\n"]': ["\\n"], b'["\\u0012"]': ["\x12"], b'["\\uFFFF"]': ["\uffff"], b'["asd"]': ["asd"],
    b'[ "asd"]': ["asd"],
    b'["\\uDBFF\\uDFFF"]': ["\U0010ffff"], b'["new\\u00A0line"]': ["new\xa0line"],
    b'["\xf4\x8f\xbf\xbf"]': ["\U0010ffff"],
    b'["\xef\xbf\xbf"]': ["\uffff"], b'["\\u0000"]': ["\0"], b'["\\u002c"]': [","], b'["\xcf\x80"]': ["\u03c0"],
    b'" "': " ",
    b'["\\uD834\\uDd1e"]': ["\U0001d11e"], b'["\\u0821"]': ["\u0821"], b'["\xe2\x80\xa8"]': ["\u2028"],
    b'["\x7f"]': ["\x7f"],
    b"false": False, b"42": 42, b"-0.1": "-0.1", b"null": None, b'"asd"': "asd", b"true": True, b'""': "",
    b'["a"]\n': ["a"],
}  # fmt: skip

OPEN = [
    b"[123.456e-789]", b"[0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999999]",
    b"[-1e+9999]", b"[1.5e+9999]", b"[-123123e100000]", b"[123123e100000]", b"[123e-10000000]",
    b"[-123123123123123123123123123123]", b"[100000000000000000000]", b'["\\uDADA"]', b'["\\uD888\\u1234"]',
    b'["\\uD800\\n"]', b'["\\uDd1ea"]', b'["\\uD800\\uD800\\n"]', b'["\\ud800abc"]', b'["\\uDd1e\\uD834"]',
    b'["\\uDFAA"]',
    b'["\xe6\x97\xa5\xd1\x88\xfa"]', b'["\xf4\xbf\xbf\xbf"]', b'["\xff"]', b'["\xe0\xff"]', b'["\x81"]',
    b'["\xed\xa0\x80"]',
    b'["\xc0\xaf"]', b'["\xfc\x80\x80\x80\x80\x80"]', b'\xff\xfe[\x00"\x00\xe9\x00"\x00]\x00',
    b'\x00[\x00"\x00\xe9\x00"\x00]',
    b"[" * 500 + b"]" * 500, b"\xef\xbb\xbf{}", b"[NaN]", b"[Infinity]", b"[-Infinity]",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_JSON, ids=repr)
def test_what_is_no_json_is_refused_at_both_doors(text: bytes) -> None:
    with pytest.raises(Retryable, match=r"^CRM: the answer is not JSON"):
        read_json(text, place="CRM")
    with pytest.raises(Refused):  # as forged where it is no text at all
        knock(text)


@pytest.mark.parametrize("text", TWO_READINGS, ids=repr)
def test_a_record_that_says_a_name_twice_is_refused_at_both_doors(text: bytes) -> None:
    with pytest.raises(Retryable, match=r"^CRM: .* states a name twice"):
        read_json(text, place="CRM")
    with pytest.raises(Malformed):
        knock(text)


@pytest.mark.parametrize(("text", "means"), JSON.items(), ids=[repr(one) for one in JSON])
def test_what_is_json_is_read_as_what_it_says(text: bytes, means: Any) -> None:
    read = read_json(text, place="CRM")
    assert read == means or str(read) == means


@pytest.mark.parametrize("text", OPEN, ids=lambda text: repr(text[:40]))
def test_what_the_standard_leaves_open_is_refused_or_stays_as_it_was_written(text: bytes) -> None:
    began = time.monotonic()
    try:
        read = read_json(text, place="CRM")
    except Retryable:
        return
    finally:
        assert time.monotonic() - began < 5
    [value] = read
    if isinstance(value, str):
        assert value.encode()  # a database can hold it
        assert value.replace("\n", "\\n").replace("\u1234", "\\u1234").lower() in text.decode().lower()
    else:
        assert value == json.loads(text, parse_float=Decimal)[0]


def knock(body: bytes) -> Any:
    """The body at the webhooks' door, signed."""
    now = datetime(2026, 7, 1, tzinfo=UTC)
    signed = signature(body, stamp=int(now.timestamp()))
    return receive(body, signed, secrets=[SECRET], now=now, livemode=False)
