"""One value: it opens where it was sealed, nowhere else, and not at all once its key is gone."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.names import may_be_same
from include.domain.stand_ins import DESTROYED, replaced, tokens_in
from include.domain.text_keys import head, text_key
from include.ports import Fatal, Rejected, SealedValue
from include.validation.schemas import TEXT_MAX
from include.vault.envelope import Secret, seal, unseal, unwrap, wrap
from include.vault.index import SURE_LETTERS, Index
from include.vault.keys import Keyring, new_key, new_keys, read_keyring
from include.vault.payloads import LONGEST, hide, refused_as_it_is

RING = read_keyring(new_keys())
INDEX = Index(RING.index)


def secret(text: str = "ana@example.com", *, name: str = "t") -> Secret:
    return Secret(f"pii1:{name}", "email", "contacts/C1", text)


@given(st.text())
def test_a_value_opens_to_what_was_sealed(text: str) -> None:
    assert unseal(RING, seal(RING, secret(text))) == text


def test_half_a_character_survives() -> None:
    assert unseal(RING, seal(RING, secret("\ud800"))) == "\ud800"


def test_an_envelope_says_nothing_and_never_the_same_twice() -> None:
    one, other = seal(RING, secret()), seal(RING, secret())
    assert b"ana" not in one.envelope + (one.wrapped_key or b"")
    assert one.envelope != other.envelope
    assert one.wrapped_key != other.wrapped_key


@pytest.mark.parametrize("part", ["token", "field", "subject"])
def test_what_is_moved_to_another_row_or_column_does_not_open(part: str) -> None:
    with pytest.raises(Rejected) as refused:
        unseal(RING, seal(RING, secret())._replace(**{part: "another"}))
    assert refused.value.reason == "DECRYPT_FAILED"


@pytest.mark.parametrize("part", ["envelope", "wrapped_key"])
def test_two_rows_that_swapped_their_ciphertexts_do_not_open(part: str) -> None:
    one, other = seal(RING, secret()), seal(RING, secret("ben@example.com", name="u"))
    swapped = one._replace(**{part: getattr(other, part)})
    with pytest.raises(Rejected, match="not as it was sealed"):
        unseal(RING, swapped)


def test_every_bit_of_an_envelope_counts() -> None:
    value = seal(RING, secret())
    for place in range(len(value.envelope)):
        bad = bytearray(value.envelope)
        bad[place] ^= 1
        with pytest.raises(Rejected):
            unseal(RING, value._replace(envelope=bytes(bad)))


@pytest.mark.parametrize("part", ["envelope", "wrapped_key"])
def test_what_was_cut_short_anywhere_does_not_open(part: str) -> None:
    value = seal(RING, secret())
    for length in range(len(getattr(value, part))):
        with pytest.raises(Rejected) as refused:
            unseal(RING, value._replace(**{part: getattr(value, part)[:length]}))
        assert refused.value.reason == "DECRYPT_FAILED"


def test_without_its_wrapped_key_a_value_is_gone() -> None:
    with pytest.raises(Rejected, match="destroyed"):
        unseal(RING, seal(RING, secret())._replace(wrapped_key=None))


def test_an_older_key_opens_until_everything_is_wrapped_by_the_newer_one() -> None:
    value, newer = seal(RING, secret()), added("k2", RING)
    assert unseal(newer, value) == "ana@example.com"
    anew = value._replace(kid="k2", wrapped_key=wrap(newer, unwrap(newer, value), value.token))
    alone = Keyring(newer.index, "k2", {"k2": newer.keys["k2"]})
    assert unseal(alone, anew) == "ana@example.com"
    with pytest.raises(Fatal, match="lack k1"):
        unseal(alone, value)


KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def added(kid: str, ring: Keyring) -> Keyring:
    fresh = read_keyring(f"index={new_key()} {kid}={new_key()}")
    return replace(ring, kid=kid, keys={**fresh.keys, **ring.keys})


@pytest.mark.parametrize("text", ["", "k1=AAAA", f"index={KEY}", f"k1={KEY}", f"index={KEY} k1=short", "%"])
def test_keys_that_are_none_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(Fatal) as refused:
        read_keyring(text)
    assert not text or text not in str(refused.value)


def test_no_log_shows_keys_or_values_by_accident() -> None:
    assert RING.index.hex() not in repr(RING)
    assert repr(RING.index) not in repr(RING)
    assert "ana" not in repr(secret())
    assert "ana" not in repr(seal(RING, secret()))


# --- what is compared without being opened


def test_the_same_address_has_one_stand_in_however_it_is_written_and_shows_its_domain_alone() -> None:
    assert (
        INDEX.alike("email", "Ana@Example.com").split("@")[0]
        == INDEX.alike("email", "ana@example.com").split("@")[0]
    )
    assert INDEX.alike("email", "ana@example.com").endswith("@example.com")
    assert INDEX.alike("email", "Ana <ana@example.com> ").endswith("@example.com")
    assert "@" not in INDEX.alike("payer_text", "ana@example.com")


@pytest.mark.parametrize(
    "said", ["@jane_doe_1987", "call@+6591234567", "x@janedoe/private", "@jane.doe", "x@jane@doe"]
)
def test_what_is_no_host_behind_an_at_is_not_shown(said: str) -> None:
    assert "@" not in INDEX.alike("email", said)


def test_a_stand_in_means_nothing_in_another_record_column_or_platform() -> None:
    own = INDEX.own("phone", "contacts/C1", "+65 1234")
    assert (
        len(
            {
                own,
                INDEX.own("phone", "contacts/C2", "+65 1234"),
                INDEX.own("first_name", "contacts/C1", "+65 1234"),
            }
        )
        == 3
    )
    assert Index(read_keyring(new_keys()).index).own("phone", "contacts/C1", "+65 1234") != own


NAMES = st.text(alphabet="abAB .é株", max_size=24)


@given(NAMES, NAMES)
def test_payers_are_each_others_start_exactly_where_their_names_are(one: str, other: str) -> None:
    keys, stands = (text_key(one), text_key(other)), (INDEX.start(one), INDEX.start(other))
    assert [key is None for key in keys] == [stand is None for stand in stands]
    if keys[0] and keys[1] and stands[0] and stands[1]:
        sure = keys[0][:SURE_LETTERS] == keys[1][:SURE_LETTERS]
        assert (stands[0][:SURE_LETTERS] == stands[1][:SURE_LETTERS]) is sure
        assert stands[0].startswith(stands[1]) is (sure and keys[0].startswith(keys[1]))


@given(NAMES, NAMES)
def test_a_payer_is_like_its_customer_exactly_where_their_names_are(payer: str, name: str) -> None:
    one, other = INDEX.likeness("C1", payer), INDEX.likeness("C1", name)
    assert (one.startswith(other) or other.startswith(one)) is may_be_same(payer, name)
    assert (INDEX.head(payer) == INDEX.head(name)) is (head(payer) == head(name))


def test_what_compares_a_payer_with_one_customer_says_nothing_of_another() -> None:
    assert not set(INDEX.likeness("C1", "acme")) & {INDEX.likeness("C2", "acme")}
    assert INDEX.likeness("C1", "acme") != INDEX.likeness("C2", "acme")


@pytest.mark.parametrize("piece", ["株式会社", "()", "(x) ", "ltd "])
def test_what_is_longer_than_any_name_costs_the_edge_no_more_than_a_long_one(piece: str) -> None:
    began = process_time()
    assert INDEX.likeness("C1", piece * 500_000)
    assert process_time() - began < 5


def test_an_address_with_a_page_of_blanks_behind_it_costs_no_more_than_another() -> None:
    began = process_time()
    assert "@" not in INDEX.alike("email", f"ana@example.com{' ' * 60_000}x")
    assert INDEX.alike("email", f"<ana@example.com{' ' * 9_900}> ").endswith("@example.com")
    assert process_time() - began < 1


# --- payloads


def test_everything_under_a_personal_name_is_hidden_at_any_depth() -> None:
    met: dict[str, str] = {}

    def stand_in(name: str, text: str) -> str:
        met[name] = text
        return "•"

    payload = {
        "id": 1,
        "a": {"name": "Ana", "list": [{"iban": ["DE1"]}]},
        "name": None,
        "phone": 12,
        "city": " ",
    }
    hidden = hide(payload, {"name", "iban", "phone", "city"}, stand_in)
    assert hidden == {
        "id": 1,
        "a": {"name": "•", "list": [{"iban": "•"}]},
        "name": None,
        "phone": "•",
        "city": " ",
    }
    assert met == {"name": "Ana", "iban": '["DE1"]', "phone": "12"}


def test_what_landing_refuses_is_refused_still_and_says_nothing() -> None:
    assert LONGEST == TEXT_MAX
    assert refused_as_it_is("x" * TEXT_MAX) is None
    assert refused_as_it_is("x" * (TEXT_MAX + 1)) == "•" * (TEXT_MAX + 1)
    assert refused_as_it_is("Ana\0\ud800") == "\0\ud800"


def test_stand_ins_are_found_and_replaced_wherever_they_are() -> None:
    token = INDEX.own("phone", "contacts/C1", "1")
    email = INDEX.alike("email", "ana@example.com")
    value = {"a": [token], "b": {"c": email}, "d": f"not {token}"}
    assert set(tokens_in(value)) == {token, email.split("@")[0]}
    assert replaced(value, {token: "1"}) == {"a": ["1"], "b": {"c": DESTROYED}, "d": f"not {token}"}


def test_a_sealed_value_is_a_row() -> None:
    assert SealedValue._fields == ("token", "field", "subject", "kid", "wrapped_key", "envelope")
