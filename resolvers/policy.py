"""Who may: every field of Query, Mutation, Subscription and Customer with the roles it is open to, in one table.

A field that a role may never see refuses the operation before it runs. Whose object it is, is decided where it is
found: a customer sees the own one, and everybody else's is as if it were not there.
"""

from collections.abc import Iterable, Mapping

from crm.values import Role

S, C, P, T, A = Role.STOREFRONT, Role.CUSTOMER, Role.POS, Role.STAFF, Role.ADMIN
EVERYBODY = frozenset(Role)
KNOWN = frozenset({C, P, T, A})
DESK = frozenset({T, A})
TILLS = frozenset({P, T, A})
OWN = frozenset({C, T, A})

POLICY: Mapping[str, frozenset[Role]] = {
    "Query.node": EVERYBODY,
    "Query.nodes": EVERYBODY,
    "Query.me": frozenset({C}),
    "Query.customer": KNOWN,
    "Query.customers": DESK,
    "Query.purchase": KNOWN,
    "Query.products": EVERYBODY,
    "Query.stores": EVERYBODY,
    "Query.loyaltyProgram": EVERYBODY,
    "Query.offers": EVERYBODY,
    "Query.offer": EVERYBODY,
    "Query.quote": EVERYBODY,  # with a customer: services/shoppers.py
    "Query.feedback": DESK,
    "Mutation.createCustomer": TILLS,
    "Mutation.updateCustomer": DESK,
    "Mutation.updateMe": frozenset({C}),
    "Mutation.setConsents": KNOWN,
    "Mutation.recordPurchase": TILLS,
    "Mutation.recordPurchases": TILLS,
    "Mutation.recordReturn": TILLS,
    "Mutation.recordReturns": TILLS,
    "Mutation.cancelPurchase": TILLS,
    "Mutation.claimPurchase": KNOWN,
    "Mutation.holdPoints": KNOWN,
    "Mutation.captureHold": TILLS,
    "Mutation.releaseHold": KNOWN,
    "Mutation.redeemReward": KNOWN,
    "Mutation.adjustPoints": DESK,
    "Mutation.transferPoints": DESK,
    "Mutation.trackEvents": KNOWN,
    "Mutation.saveLoyaltyProgram": frozenset({A}),
    "Mutation.saveOffer": DESK,
    "Mutation.archiveOffer": DESK,
    "Mutation.issueOfferCodes": DESK,
    "Mutation.submitFeedback": KNOWN,
    "Mutation.replyToFeedback": DESK,
    "Mutation.saveStore": frozenset({A}),
    "Mutation.saveProducts": frozenset({A}),
    "Subscription.loyaltyUpdated": frozenset({C}),
    "Customer.id": KNOWN,
    "Customer.version": OWN,
    "Customer.createdAt": OWN,
    "Customer.updatedAt": OWN,
    "Customer.erasedAt": OWN,
    "Customer.firstName": KNOWN,
    "Customer.lastName": KNOWN,
    "Customer.email": OWN,
    "Customer.phone": OWN,
    "Customer.cardNumber": KNOWN,
    "Customer.birthDate": OWN,
    "Customer.locale": OWN,
    "Customer.externalIds": OWN,
    "Customer.attributes": OWN,
    "Customer.tags": OWN,
    "Customer.consents": OWN,
    "Customer.personalization": OWN,
    "Customer.lifecycleStage": OWN,
    "Customer.metrics": OWN,
    "Customer.loyalty": KNOWN,
    "Customer.purchases": KNOWN,
    "Customer.offers": KNOWN,
    "Customer.recommendations": KNOWN,
    "Customer.feedback": OWN,
    "Customer.referralCode": OWN,
}


def may(role: Role, field: str) -> bool:
    """Whether a role may ask for a field; fields of other types are open to whoever reaches their object."""
    allowed = POLICY.get(field)
    return allowed is None or role in allowed


def first_forbidden(role: Role, fields: Iterable[str]) -> str | None:
    """Return the first of the fields that the role may not ask for."""
    return next((field for field in fields if not may(role, field)), None)
