"""Finds the customer or the purchase a key names, for this caller: what is another's is as if it were not there."""

from collections.abc import Sequence
from datetime import timedelta

from crm.ids import AUDIT, CUSTOMER, PURCHASE, prefix_of
from crm.names import camel
from crm.refusals import Refusal, Refusals, invalid, not_found
from crm.values import Role
from services.context import Call
from services.inputs import CustomerKey, PurchaseKey, with_one_key
from store import customers, keys
from store.client import Document, Tx

PROBLEMS_MAX = 100

KEEP = timedelta(days=90)
"""How long look-ups are kept: they tell when somebody was where."""


def customer_key(key: CustomerKey) -> str:
    """Return the natural key that a customer key stands for; ids stand for themselves."""
    if key.id is not None:
        return key.id
    name, value = with_one_key(key)
    if name == "external_id":
        return keys.external(value.pair)
    return {"email": keys.email, "phone": keys.phone, "card_number": keys.card}[name](value)


def purchase_key(key: PurchaseKey) -> str:
    """Return the key document's id that a purchase key stands for."""
    name, value = with_one_key(key)
    return keys.of_id(value) if name == "id" else keys.purchase(value.pair)


def check_kind(key: CustomerKey | PurchaseKey, prefix: str, *path: str) -> None:
    """Refuse an id of another type."""
    if key.id is not None and prefix_of(key.id) != prefix:
        raise invalid("This is an id of another type.", *path, "id")


def own_customer(call: Call, *path: str) -> str:
    """Return the calling customer's id."""
    if call.caller.customer_id is None:
        raise not_found("No such customer.", *path)
    return call.caller.customer_id


def named_customer(call: Call, key: CustomerKey, found: dict[str, Document], *path: str) -> str:
    """Return the id of the customer `key` names, given the key documents that were `found`.

    Raises:
        Refusal: NOT_FOUND where there is none, or it is not the calling customer.
    """
    check_kind(key, CUSTOMER, *path)
    text, (name, _) = customer_key(key), with_one_key(key)
    id_ = text if key.id else found[text]["ref"] if text in found else None
    if id_ is None or (call.caller.role is Role.CUSTOMER and id_ != call.caller.customer_id):
        note_look_up(call, name, None)
        raise not_found("No such customer.", *path)
    return str(id_)


def note_look_up(call: Call, key: str, found: str | None) -> None:
    """Note for the audit log that a till asked for a customer: by which kind of key, and whom it found.

    Those it finds to sell them something are in the ledger; of these only the guesses are noted.

    Args:
        key: the kind, such as `email`; never its value.
        found: the customer's id, None where there was none.
    """
    if call.caller.role is Role.POS:
        entry = {
            "_id": call.new_id(AUDIT),
            "at": call.now,
            "until": call.now + KEEP,
            "by": call.caller.principal,
            "role": call.caller.role.value,
            "what": call.action or "customer",
            "of": [found] if found else [],
            "key": camel(key),
        }
        call.shop.notebook.looked_up(entry)


async def customer(call: Call, key: CustomerKey | None, *path: str) -> str:
    """Return the id of the customer a mutation is about: the one named, else the calling customer.

    That a customer with this id exists is left to the transaction.

    Raises:
        Refusal: NOT_FOUND as above; INVALID where nobody is named and the caller is no customer.
    """
    if key is None:
        if call.caller.role is Role.CUSTOMER:
            return own_customer(call, *path)
        raise invalid("Name the customer.", *path)
    found = {} if key.id else await keys.find(call.database, [customer_key(key)])
    return named_customer(call, key, found, *path)


async def named_customers(call: Call, named: Sequence[CustomerKey], *path: str, tx: Tx | None = None) -> list[str]:
    """Return the ids of many customers, in the order named; `path` is the list's.

    Raises:
        Refusals: NOT_FOUND for each that is not there, INVALID for an id of another type; the first hundred.
    """
    found = await keys.find(call.database, [customer_key(key) for key in named if not key.id], tx=tx)
    there = await customers.existing(call.database, [str(key.id) for key in named if key.id], tx=tx)
    ids: list[str] = []
    problems: list[Refusal] = []
    for index, key in enumerate(named):
        try:
            id_ = named_customer(call, key, found, *path, str(index))
            if key.id and id_ not in there:
                raise not_found("No such customer.", *path, str(index))
            ids.append(id_)
        except Refusal as problem:
            problems.append(problem)
    if problems:
        raise Refusals(tuple(problems[:PROBLEMS_MAX]))
    return ids


def named_purchase(key: PurchaseKey, found: dict[str, Document], *path: str) -> Document:
    """Return the key document of the purchase that is named: `ref` is its id, `owner` whose it is."""
    check_kind(key, PURCHASE, *path)
    document = found.get(purchase_key(key))
    if document is None:
        raise unknown_purchase(*path)
    return document


def unknown_purchase(*path: str) -> Refusal:
    """Return the refusal for a purchase that is not there, or not the caller's."""
    return not_found("No such purchase.", *path)
