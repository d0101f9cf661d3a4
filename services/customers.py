"""Who the customers are: create, update, and what they consented to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from crm.ids import CUSTOMER, referral_code
from crm.refusals import Refusal, UserErrorCode, conflict, invalid, not_found
from crm.values import Role, Topic
from loyalty.tiers import tier_path
from loyalty.values import EarningEvent
from services import engagement, referrals
from services.audit import Change, digests
from services.consents import consent_document, consent_fact, statements
from services.context import Call
from services.input_types import JSON_BYTES_MAX
from services.inputs import CreateCustomerInput, CustomerKey, UpdateCustomerInput, UpdateMeInput
from services.known import Programs
from services.lookup import customer, own_customer
from services.outcomes import Outcome, done, finish
from services.standing import lock, tier_fields, write
from store import customers, keys, ledger
from store.client import Document, Tx
from store.outbox import Fact

_PLAIN = ("first_name", "last_name", "email", "phone", "card_number", "birth_date", "locale")
_NAMES = {
    "first_name": "firstName",
    "last_name": "lastName",
    "email": "email",
    "phone": "phone",
    "card_number": "cardNumber",
    "birth_date": "birthDate",
    "locale": "locale",
}


async def create_customer(call: Call, input: CreateCustomerInput) -> Outcome:
    """Create a customer with a loyalty account.

    Raises:
        Refusal: ALREADY_EXISTS with the field whose key belongs to somebody.
    """
    if call.caller.role is Role.POS and any(one.source == call.shop.jwt_source for one in input.external_ids or ()):
        # Whoever holds such an id is who that person's token says: a till must not choose it.
        raise Refusal(UserErrorCode.FORBIDDEN, "Only the identity provider names these ids.", ("externalIds",))
    profile = {_NAMES[name]: getattr(input, name) for name in _PLAIN if getattr(input, name) is not None}
    consents, said = statements([], [consent_document(call, consent) for consent in input.consents or ()])
    person = new_customer(
        call,
        call.new_id(CUSTOMER),
        {
            **profile,
            "externalIds": _pairs(input),
            "attributes": _merged({}, input.attributes),
            "tags": list(dict.fromkeys(input.tags or ())),
            "consents": consents,
        },
    )
    facts: list[Fact] = [(Topic.CUSTOMER, person["_id"], {"change": "CREATED", "version": 1})]
    facts += [consent_fact(person["_id"], consent) for consent in said]
    return await _insert(call, person, facts, input.referral_code)


def new_customer(call: Call, id_: str, profile: Mapping[str, Any]) -> Document:
    """Return the document of a customer created now."""
    person: Document = {
        "_id": id_,
        "referralCode": referral_code(id_),
        "version": 1,
        "createdAt": call.now,
        "updatedAt": call.now,
        "externalIds": [],
        "attributes": {},
        "tags": [],
        "consents": [],
        **profile,
        "metrics": dict(customers.NO_PURCHASES),
    }
    return _found_by(person, call.now)


def _found_by(person: Document, now: datetime) -> Document:
    """Return a person with what look-ups use: words, the name to sort by, the birthday and since when it is known."""
    found = {**person, "search": customers.search_words(person), "sortName": customers.sort_name(person)}
    birthday = person["birthDate"][5:] if person.get("birthDate") else None
    if birthday != person.get("birthday"):
        found |= {"birthday": birthday, "birthdaySince": now if birthday else None}
    return found


async def _insert(call: Call, person: Document, facts: Sequence[Fact], code: str | None) -> Outcome:
    programs = await call.shop.known.programs()
    account = ledger.new_account(person["_id"], call.now, first_tier(call, programs))

    async def work(tx: Tx) -> Outcome:
        await keys.insert(call.database, key_documents(person), tx=tx)
        await customers.insert(call.database, {**person, "tierSteps": account["tierSteps"]}, tx=tx)
        await ledger.insert_account(call.database, account, tx=tx)
        if code is not None:
            await referrals.accept(call, person["_id"], code, tx=tx)
        points = await _reward_profile(call, person, programs, tx=tx)
        return await finish(call, done(customer=person["_id"]), [*facts, *points], owner=person["_id"], tx=tx)

    try:
        return await call.database.transaction(work)
    except DuplicateKeyError:
        raise await _taken(call, person) from None


def first_tier(call: Call, programs: Programs) -> Document:
    """Return the fields of the tier of somebody who has bought nothing yet."""
    shop = call.shop
    steps = tier_path(
        [], ladders=programs.ladders, joined=call.now, zone=shop.time_zone, currency_digits=shop.currency_digits
    )
    return tier_fields(steps, programs, call.now)


async def _reward_profile(call: Call, person: Document, programs: Programs, *, tx: Tx) -> list[Fact]:
    """Post what the programme gives for a complete profile, where it gives anything and the profile is."""
    if not engagement.rewards(programs.at(call.now), EarningEvent.PROFILE_COMPLETED):
        return []
    standing = await lock(call, person["_id"], tx=tx)
    if standing is None:
        return []
    await engagement.grant_profile(call, standing, person, tx=tx)
    return await write(call, standing, tx=tx) if standing.ledger.entries else []


async def _taken(call: Call, person: Document) -> Refusal:
    """Return the refusal that names which of the person's keys is somebody else's."""
    mine = _fields_of_keys(person)
    found = await keys.find(call.database, mine)
    for id_, field in mine.items():
        if field and id_ in found and found[id_]["ref"] != person["_id"]:
            return Refusal(UserErrorCode.ALREADY_EXISTS, "Another customer has this already.", field)
    return conflict("Another request changed the same customer; try again.")


def _fields_of_keys(person: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return every natural key of a person with the input field it comes from."""
    mine: dict[str, tuple[str, ...]] = {}
    if person.get("email"):
        mine[keys.email(person["email"])] = ("email",)
    if person.get("phone"):
        mine[keys.phone(person["phone"])] = ("phone",)
    if person.get("cardNumber"):
        mine[keys.card(person["cardNumber"])] = ("cardNumber",)
    if person.get("referralCode"):
        mine[keys.referral(person["referralCode"])] = ()
    for index, external in enumerate(person["externalIds"]):
        mine[keys.external((external["source"], external["value"]))] = ("externalIds", str(index))
    return mine


def key_documents(person: Mapping[str, Any]) -> list[Document]:
    """Return the key documents that name a person."""
    return [{"_id": id_, "ref": person["_id"], "owner": person["_id"]} for id_ in _fields_of_keys(person)]


def _pairs(input: CreateCustomerInput | UpdateCustomerInput) -> list[Document]:
    pairs = dict.fromkeys(external.pair for external in input.external_ids or ())
    return [{"source": source, "value": value} for source, value in pairs]


def _merged(known: Mapping[str, Any], change: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return attributes merged by top-level name; null removes a name, null for all of them clears them."""
    merged = {**known, **change} if change is not None else {}
    merged = {name: value for name, value in merged.items() if value is not None}
    if len(orjson.dumps(merged)) > JSON_BYTES_MAX:
        raise invalid(f"All attributes together have at most {JSON_BYTES_MAX} bytes.", "attributes")
    return merged


async def update_customer(call: Call, by: CustomerKey, input: UpdateCustomerInput) -> Outcome:
    """Change a customer's profile.

    Raises:
        Refusal: NOT_FOUND, ALREADY_EXISTS, CONFLICT where `expectedVersion` is not the version.
    """
    return await _update(call, await customer(call, by, "by"), input, "by")


async def update_me(call: Call, input: UpdateMeInput) -> Outcome:
    """Change the calling customer's own profile; a person the identity provider knows and the shop does not is created.

    Raises:
        Refusal: NOT_FOUND, ALREADY_EXISTS as above.
    """
    if call.caller.customer_id is None and call.caller.identity is not None:
        created = await _create_me(call, input, call.caller.identity)
        if created is not None:
            return created
    return await _update(call, own_customer(call), input)


async def _create_me(call: Call, input: UpdateMeInput, identity: keys.Pair) -> Outcome | None:
    """Create the calling customer, who is known to the rest of the request from then on.

    None where another request of the same person was first: what this one says is then a change.
    """
    source, value = identity
    said = input.model_fields_set & set(_PLAIN)
    profile = {_NAMES[name]: getattr(input, name) for name in said if getattr(input, name)}
    id_ = call.new_id(CUSTOMER)
    person = new_customer(call, id_, {**profile, "externalIds": [{"source": source, "value": value}]})
    try:
        created: list[Fact] = [(Topic.CUSTOMER, id_, {"change": "CREATED", "version": 1})]
        outcome = await _insert(call, person, created, input.referral_code)
    except Refusal:
        first = await keys.find(call.database, [keys.external(identity)])
        if not first:
            raise
        call.caller = replace(call.caller, customer_id=first[keys.external(identity)]["ref"])
        return None
    call.caller = replace(call.caller, customer_id=id_)
    return outcome


async def _update(call: Call, id_: str, input: UpdateCustomerInput | UpdateMeInput, *path: str) -> Outcome:
    wanted: Document = {}
    programs = await call.shop.known.programs()

    async def work(tx: Tx) -> Outcome:
        person = await customers.get(call.database, id_, tx=tx)
        if person is None or person.get("erasedAt"):
            raise not_found("No such customer.", *path)
        _expect_version(person, input)
        changed = _changed(person, input)
        wanted.clear()
        wanted.update(changed)
        code = getattr(input, "referral_code", None)
        if isinstance(input, UpdateMeInput) and code is not None:
            await referrals.accept(call, id_, code, tx=tx)
        names = sorted(name for name in changed if _differ(changed[name], person.get(name)))
        if not names:
            return await finish(call, done(customer=id_), [], owner=id_, tx=tx)
        changed = {**changed, "version": person["version"] + 1, "updatedAt": call.now}
        changed = _found_by(changed, call.now)
        old, new = _fields_of_keys(person), _fields_of_keys(changed)
        await keys.delete(call.database, [key for key in old if key not in new], ref=id_, tx=tx)
        added = [key for key in new if key not in old]
        await keys.insert(call.database, [{"_id": key, "ref": id_, "owner": id_} for key in added], tx=tx)
        await customers.replace(call.database, changed, tx=tx)
        points = await _reward_profile(call, changed, programs, tx=tx)
        fact: Fact = (Topic.CUSTOMER, id_, {"change": "UPDATED", "version": changed["version"], "fields": names})
        change = Change(
            of=id_,
            before={"version": person["version"], "keys": digests(call, set(old) - set(new))},
            after={"version": changed["version"], "keys": digests(call, added)},
        )
        return await finish(call, done(customer=id_), [fact, *points], owner=id_, tx=tx, changes=[change])

    try:
        return await call.database.transaction(work, queue=id_)
    except DuplicateKeyError:
        raise await _taken(call, wanted) from None


def _differ(new: Any, old: Any) -> bool:
    """Whether two values are told apart in JSON: to Python 1 and true are the same."""
    return new != old or (isinstance(new, dict) and _json(new) != _json(old))


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _expect_version(person: Document, input: UpdateCustomerInput | UpdateMeInput) -> None:
    expected = getattr(input, "expected_version", None)
    if expected is not None and expected != person["version"]:
        raise conflict(f"The customer has version {person['version']} by now.", "expectedVersion")


def _changed(person: Document, input: UpdateCustomerInput | UpdateMeInput) -> Document:
    """Return the person with the input's changes. Left out: unchanged. null: cleared."""
    changed = {**person}
    for name in input.model_fields_set & set(_PLAIN):
        changed[_NAMES[name]] = getattr(input, name)
    if isinstance(input, UpdateCustomerInput):
        if "external_ids" in input.model_fields_set:
            changed["externalIds"] = _pairs(input)
        if "tags" in input.model_fields_set:
            changed["tags"] = list(dict.fromkeys(input.tags or ()))
        if "attributes" in input.model_fields_set:
            changed["attributes"] = _merged(person["attributes"], input.attributes)
    return changed
