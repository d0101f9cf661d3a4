"""Which offers a cart meets, and in which order they are shown."""

from crm.offers.book import book_of, nearest_first
from crm.offers.quoting import Candidate, priced_best
from crm.offers.values import Offer
from crm.offers.words import message
from tests.crm.offers.carts import NOON, basket, buyer, free_item, line, percent

CART = basket(line(1, "A", 1, 1000, "tea"), channel="POS", store="S1")
ANN = buyer(tags=frozenset({"vip"}))


def met(*offers: Offer, unlocked: tuple[str, ...] = ()) -> list[str]:
    return sorted(one.id for one in book_of(offers).candidates(CART, ANN, unlocked))


def test_a_cart_meets_what_has_to_do_with_it() -> None:
    assert met(
        percent("everywhere", 1),
        percent("sku", 1, skus=["A", "Z"]),
        percent("required", 1, required_skus=["A"]),
        percent("category", 1, categories=["tea"]),
        percent("store", 1, store_codes=["S1"]),
        percent("channel", 1, channels=["POS"]),
        percent("tier", 1, tiers=["tier_1"]),
        percent("tag", 1, tags=["vip"]),
        percent("customer", 1, customers=["cus_1"]),
        free_item("gift", "A"),
    ) == ["category", "channel", "customer", "everywhere", "gift", "required", "sku", "store", "tag", "tier"]


def test_a_cart_does_not_meet_the_rest() -> None:
    rest = (
        percent("sku", 1, skus=["Z"], channels=["POS"]),
        percent("required", 1, required_skus=["Z"]),
        percent("category", 1, categories=["coffee"]),
        percent("store", 1, store_codes=["S2"]),
        percent("channel", 1, channels=["WEB"]),
        percent("tier", 1, tiers=["tier_2"]),
        percent("tag", 1, tags=["staff"]),
        percent("customer", 1, customers=["cus_2"]),
        percent("code", 1, requires_code=True),
        free_item("gift", "Z"),
    )
    assert met(*rest) == []
    assert met(*rest, unlocked=("code", "sku", "nothing")) == ["code", "sku"]


def test_the_public_ones_are_those_that_name_nobody_and_need_no_code() -> None:
    book = book_of(
        [percent("b", 1), percent("a", 1), percent("c", 1, customers=["cus_1"]), percent("d", 1, requires_code=True)]
    )
    assert [one.id for one in book.public] == ["a", "b"]


def test_the_nearest_to_unlock_come_first_whatever_the_order() -> None:
    offers = [
        percent("applies", 50),
        percent("lost", 1, stacking_group="g", skus=["A"]),
        percent("won", 2, stacking_group="g", skus=["A"]),
        percent("1.00 more", 5, minimum_spend=1100),
        percent("5.00 more", 5, minimum_spend=1500),
        percent("5.00 and one more", 5, minimum_spend=1500, minimum_quantity=200_000),
        percent("products", 5, skus=["Z"]),
        percent("products, and code", 5, skus=["Z"], requires_code=True),
        percent("closed", 5, channels=["WEB"]),
        percent("over", 5, ends_at=NOON),
    ]
    expected = [
        "won", "applies", "lost", "1.00 more", "5.00 more", "5.00 and one more", "products", "products, and code",
        "closed", "over",
    ]  # fmt: skip
    for given in (offers, offers[::-1]):
        priced = priced_best(CART, [Candidate(offer=one) for one in given], ANN)
        assert [one.offer.id for one in nearest_first(priced.offers)] == expected


def test_words_say_what_is_missing() -> None:
    offers = [
        percent("a", 1, minimum_spend=1450),
        percent("b", 1, minimum_quantity=250_000),
        percent("c", 1, skus=["Z"]),
    ]
    priced = priced_best(CART, [Candidate(offer=one) for one in offers], ANN)
    assert [message(one.reasons[0], "USD", 2) for one in priced.offers] == [
        "4.50 USD more to unlock.",
        "1.5 more to unlock.",
        "The products it is about are not in the cart.",
    ]
