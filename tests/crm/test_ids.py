"""Ids: a prefix that names the type, 26 characters, in the order of their creation; some follow from a name."""

import hashlib
import re

import pytest

from crm import ids

BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
UNIQUE = "01J" + "0" * 23


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0" * 26),
        (1, "0" * 25 + "1"),
        (31, "0" * 25 + "Z"),
        (32, "0" * 24 + "10"),
        (1024, "0" * 23 + "100"),
        (2**128 - 1, "7" + "Z" * 25),
        (2**127, "4" + "0" * 25),
    ],
)
def test_a_number_is_written_in_crockfords_base_32(number: int, text: str) -> None:
    assert ids.encode(number) == text


def test_the_alphabet_leaves_out_the_letters_that_people_mix_up() -> None:
    written = "".join(ids.encode(number)[-1] for number in range(32))

    assert written == BASE_32
    assert not set(written) & set("ILOU")


def test_an_id_begins_with_its_instant_and_later_ones_sort_later_whatever_their_randomness() -> None:
    # 1,700,000,000,000 ms = 01HF7YAT00 in Crockford's base 32
    assert ids.time_ordered("cus", 1_700_000_000_000, 0) == "cus_01HF7YAT00" + "0" * 16
    earlier = ids.time_ordered("cus", 1_700_000_000_000, 2**80 - 1)
    later = ids.time_ordered("cus", 1_700_000_000_001, 0)

    assert earlier == "cus_01HF7YAT00" + "Z" * 16
    assert earlier < later


def test_what_has_a_name_has_one_id_and_another_name_another() -> None:
    digest = int(hashlib.sha256(b"MUG").hexdigest()[:32], 16)
    digits = ""
    for _ in range(26):
        digest, digit = divmod(digest, 32)
        digits = BASE_32[digit] + digits

    assert ids.product_id("MUG") == f"prd_{digits}"
    assert ids.store_id("MUG") == f"sto_{digits}"
    assert len({ids.product_id(sku) for sku in ("MUG", "mug", "MUG ", "MÜG", "")}) == 5


def test_a_customer_and_the_loyalty_account_are_told_from_each_other_by_the_prefix_alone() -> None:
    assert ids.account_of(f"cus_{UNIQUE}") == f"loy_{UNIQUE}"
    assert ids.customer_of(f"loy_{UNIQUE}") == f"cus_{UNIQUE}"


@pytest.mark.parametrize("prefix", ["cus", "loy", "pur", "ptx", "sto", "prd", "fbk", "lpr", "zzz"])
def test_the_prefix_of_a_well_formed_id_is_read_off(prefix: str) -> None:
    assert ids.prefix_of(f"{prefix}_{UNIQUE}") == prefix
    assert ids.prefix_of(ids.time_ordered(prefix, 1_700_000_000_000, 12345)) == prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cus",
        "cus_",
        UNIQUE,
        f"cus-{UNIQUE}",
        f"CUS_{UNIQUE}",
        f"cu_{UNIQUE}",
        f"cust_{UNIQUE}",
        f"cus_{UNIQUE.lower()}",
        f"cus_{UNIQUE[:-1]}",
        f"cus_{UNIQUE}0",
        f"cus_{UNIQUE}\n",
        f" cus_{UNIQUE}",
        f"cus_{UNIQUE[:-1]}I",
        f"cus_{UNIQUE[:-1]}L",
        f"cus_{UNIQUE[:-1]}O",
        f"cus_{UNIQUE[:-1]}U",
        f"cus_{UNIQUE[:-1]}\x00",
        f"cus_{UNIQUE[:-1]}\u0661",
        '{"$ne": ""}',
    ],
)
def test_anything_else_has_no_prefix(text: str) -> None:
    assert ids.prefix_of(text) is None


def test_no_two_types_share_a_prefix() -> None:
    prefixes = [
        value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str) and len(value) == 3
    ]

    assert len(prefixes) >= 14
    assert len(set(prefixes)) == len(prefixes)
    assert all(re.fullmatch("[a-z]{3}", prefix) for prefix in prefixes)
