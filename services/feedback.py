"""What customers say about purchases, products and stores, and what the shop answers."""

from crm.ids import FEEDBACK, prefix_of, product_id, store_id
from crm.refusals import Refusal, UserErrorCode, invalid, not_found
from crm.values import Topic
from loyalty.points import Source
from loyalty.values import EarningEvent, SourceKind
from services import engagement
from services.context import Call
from services.inputs import FeedbackInput
from services.lookup import customer, named_purchase, purchase_key, unknown_purchase
from services.outcomes import Outcome, done, finish
from services.standing import locked, write
from store import customers, feedback, keys, purchases, shop
from store.client import Document, Tx
from store.collections import PRODUCTS, STORES
from store.outbox import Fact


async def submit_feedback(call: Call, input: FeedbackInput) -> Outcome:
    """Record feedback, tied to the purchase line, product and store it is about.

    Raises:
        Refusal: NOT_FOUND for a customer, purchase, SKU or store that is not there; INVALID for a line the purchase
            does not have; FORBIDDEN where the key belongs to another store or channel.
    """
    _check_place(call, input)
    speaker = await customer(call, input.customer, "customer")
    about = await _about(call, input, speaker)
    document: Document = {
        "_id": call.new_id(FEEDBACK),
        "owner": speaker,
        "customerId": speaker,
        "kind": input.kind.value,
        "channel": input.channel.value,
        "createdAt": call.now,
        **{
            name: value
            for name, value in {"score": input.score, "comment": input.comment, **about}.items()
            if value is not None
        },
    }

    earns = engagement.rewards((await call.shop.known.programs()).at(call.now), EarningEvent.FEEDBACK)

    async def work(tx: Tx) -> Outcome:
        points = await _reward(call, document, input.store_code, tx=tx) if earns else []
        if await customers.get(call.database, speaker, tx=tx) is None:
            raise not_found("No such customer.", "customer")
        await feedback.insert(call.database, document, tx=tx)
        values = {name: document.get(name) for name in ("customerId", "kind", "score", "purchaseId", "sku", "storeId")}
        fact: Fact = (Topic.FEEDBACK, document["_id"], {"change": "SUBMITTED", **values})
        return await finish(call, done(feedback=document["_id"]), [fact, *points], owner=speaker, tx=tx)

    return await call.database.transaction(work, queue=speaker if earns else None)


async def _reward(call: Call, document: Document, store_code: str | None, *, tx: Tx) -> list[Fact]:
    """Post what the programme gives for feedback."""
    standing = await locked(call, document["owner"], "customer", tx=tx, lots=False)
    await engagement.grant(
        call,
        standing,
        EarningEvent.FEEDBACK,
        at=call.now,
        source=Source(kind=SourceKind.FEEDBACK, node_id=document["_id"]),
        channel=document["channel"],
        store_code=store_code or call.caller.store_code,
        tx=tx,
    )
    return await write(call, standing, tx=tx)


def _check_place(call: Call, input: FeedbackInput) -> None:
    """Hold that a till speaks of its own channel and store."""
    if call.caller.channel not in (None, input.channel):
        raise Refusal(UserErrorCode.FORBIDDEN, "This key belongs to another channel.", ("channel",))
    if input.store_code and call.caller.store_code not in (None, input.store_code):
        raise Refusal(UserErrorCode.FORBIDDEN, "This key belongs to another store.", ("storeCode",))


async def _about(call: Call, input: FeedbackInput, speaker: str) -> Document:
    """Return the fields that tie feedback to what it is about."""
    about: Document = {"sku": input.sku, "lineNumber": input.line_number}
    if input.purchase:
        about |= await _about_purchase(call, input, speaker)
    elif input.sku and not await shop.existing(call.database, PRODUCTS, [product_id(input.sku)]):
        raise not_found("No such product.", "sku")
    if input.store_code or (call.caller.store_code and not about.get("storeId")):
        about["storeId"] = store_id(input.store_code or call.caller.store_code or "")
        if input.store_code and not await shop.existing(call.database, STORES, [about["storeId"]]):
            raise not_found("No such store.", "storeCode")
    return about


async def _about_purchase(call: Call, input: FeedbackInput, speaker: str) -> Document:
    assert input.purchase is not None
    found = await keys.find(call.database, [purchase_key(input.purchase)])
    known = named_purchase(input.purchase, found, "purchase")
    (purchase,) = await purchases.owned_by(call.database, [(known["owner"], known["ref"])])
    if purchase is None or purchase["customerId"] != speaker:
        raise unknown_purchase("purchase")
    lines = {line["lineNumber"]: line for line in purchase["lines"]}
    about: Document = {"purchaseId": purchase["_id"], "storeId": purchase["storeId"]}
    if input.line_number is not None:
        if input.line_number not in lines:
            raise invalid("The purchase has no such line.", "lineNumber")
        about["sku"] = lines[input.line_number]["sku"]
    if input.sku and input.sku not in {line["sku"] for line in lines.values()} | {about.get("sku")}:
        raise not_found("The purchase has no such product.", "sku")
    if input.sku and about.get("sku") not in (None, input.sku):
        raise invalid("The line is of another product.", "sku")
    return about


async def reply_to_feedback(call: Call, id_: str, message: str) -> Outcome:
    """Answer feedback in the shop's name; a later answer replaces the earlier one.

    Raises:
        Refusal: INVALID for an id of another type or an empty answer, NOT_FOUND.
    """
    message = message.strip()
    if not message:
        raise invalid("Say something.", "message")
    if prefix_of(id_) != FEEDBACK:
        raise invalid("This is not an id of feedback.", "id")
    reply = {"message": message, "by": call.caller.name, "at": call.now}

    async def work(tx: Tx) -> Outcome:
        saved = await feedback.set_reply(call.database, id_, reply, tx=tx)
        if saved is None:
            raise not_found("No such feedback.", "id")
        fact = (Topic.FEEDBACK, id_, {"change": "REPLIED", "customerId": saved["customerId"]})
        return await finish(call, done(feedback=id_), [fact], owner=saved["owner"], tx=tx)

    return await call.database.transaction(work)
