"""What customers consented to: the newest statement about each purpose stands."""

from collections.abc import Iterable, Sequence

from crm.refusals import not_found
from crm.values import Topic
from services.context import Call
from services.inputs import ConsentInput, CustomerKey
from services.lookup import customer
from services.outcomes import Outcome, done, finish
from store import customers
from store.client import Document, Tx
from store.outbox import Fact


async def set_consents(call: Call, key: CustomerKey | None, consents: Sequence[ConsentInput]) -> Outcome:
    """Record what a person said about purposes; for each purpose the newest statement stands, however late it comes.

    Raises:
        Refusal: NOT_FOUND.
    """
    id_ = await customer(call, key, "customer")

    async def work(tx: Tx) -> Outcome:
        person = await customers.get(call.database, id_, tx=tx)
        if person is None or person.get("erasedAt"):
            raise not_found("No such customer.", "customer")
        stand, said = statements(person["consents"], [consent_document(call, consent) for consent in consents])
        facts = [consent_fact(id_, consent) for consent in said]
        if facts:
            changes = {"consents": stand, "version": person["version"] + 1, "updatedAt": call.now}
            await customers.replace(call.database, {"_id": id_, **changes}, tx=tx)
        return await finish(call, done(customer=id_), facts, owner=id_, tx=tx)

    return await call.database.transaction(work, queue=id_)


def statements(known: Iterable[Document], said: Iterable[Document]) -> tuple[list[Document], list[Document]]:
    """Return what stands after further statements, the newest for each purpose, and which of them changed it."""
    stand = {consent["purpose"]: consent for consent in known}
    changes: list[Document] = []
    for consent in said:
        before = stand.get(consent["purpose"])
        if consent != before and (before is None or before["at"] <= consent["at"]):
            stand[consent["purpose"]] = consent
            changes.append(consent)
    return list(stand.values()), changes


def consent_document(call: Call, consent: ConsentInput) -> Document:
    """Return a statement as stored."""
    return {
        "purpose": consent.purpose.value,
        "state": consent.state.value,
        "at": consent.at or call.now,
        "source": consent.source,
        "evidence": consent.evidence,
    }


def consent_fact(id_: str, consent: Document) -> Fact:
    """Return the fact of a statement that changed what stands."""
    said = {"purpose": consent["purpose"], "state": consent["state"], "at": consent["at"], "source": consent["source"]}
    return (Topic.CONSENT, id_, said)
