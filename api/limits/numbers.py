"""Every bound in one place. Whoever changes one finds the reason beside it, and the tests that hold it."""

from dataclasses import dataclass

from crm.values import Role

DOCUMENT_CHARS_MAX = 32_768
"""The lexer takes 70 µs for every thousand characters, blanks too; generated documents stay below 20,000."""

TOKENS_MAX = 2000
"""Parsing takes about 9 µs a token. Introspection has 350, an app's largest screen some hundreds; rows of a batch come
as variables, which are no tokens."""

DEPTH_MAX = 10
"""me, purchases, edges, node, lines, product, title are seven."""

INTROSPECTION_DEPTH_MAX = 16
"""What GraphiQL asks for is 13 deep (nine times ofType)."""

OPERATIONS_MAX = 10
FRAGMENTS_MAX = 50
ALIASES_MAX = 30
DIRECTIVES_MAX = 50
DIRECTIVES_AT_ONE_PLACE_MAX = 4

SELECTIONS_MAX = 1000
"""Fields and spreads with every fragment written out where it is spread; GraphiQL's introspection has 236."""

OVERLAPS_MAX = 2000
"""Pairs of fields under one response key. Validation compares every pair with every pair inside (8 µs each)."""

LITERALS_MAX = 600
"""Values written into a document; more belongs into variables."""

LITERAL_DEPTH_MAX = 12
MUTATIONS_MAX = 20
"""An answer is given when the last of them is done."""

ERRORS_MAX = 5
"""Validation errors told at once: each suggestion "Did you mean" is searched for."""

REQUEST_POINTS = 1
CHARS_A_POINT = 100
"""Of a document that was not judged yet: 2,000 tokens are some 6,000 characters and 40 ms."""

CONNECTION_POINTS = 2
COUNT_POINTS = 10
"""MongoDB walks the index for every entry it counts."""

MUTATION_POINTS = 10
"""A transaction with a majority's acknowledgement."""

LIST_LENGTH = 5
"""What a list without `first` is taken to hold, such as a purchase's lines, until the answer says how many it were."""

HEAVY = {
    "LoyaltyAccount.balanceAsOf": 20,
    "LoyaltyAccount.rewards": 5,
    "Query.quote": 30,
    "Customer.offers": 10,
    "Customer.recommendations": 10,
    "Query.__schema": 20,
    "Query.__type": 5,
}
"""Points of fields that cost more than the objects they give: they replay a ledger, weigh offers, rank products."""


@dataclass(frozen=True, slots=True)
class Points:
    """What a caller may spend: at most `maximum` points at once, restored by `rate` a second."""

    maximum: int
    rate: float

    @property
    def slice(self) -> int:
        """How many points a process borrows at once: it may let pass so many too many."""
        return self.maximum // 4


POINTS = {
    Role.STOREFRONT: Points(10_000, 500),
    Role.CUSTOMER: Points(5_000, 200),
    Role.POS: Points(20_000, 1_000),
    Role.STAFF: Points(20_000, 1_000),
    Role.ADMIN: Points(50_000, 2_500),
}
"""The account page of the README comes to 83, 20 products to 23, a sale to 24, a day of 500 sales to 6,002.

A storefront's key is in every browser: these are the points of one address, behind which an office may sit. A
customer's are of one person, on one app. POS is one till or the shop's own server. One operation never costs more than
`maximum`: it could not be carried out at any time."""

MISSES = {Role.STOREFRONT: Points(20, 0.1), Role.CUSTOMER: Points(20, 0.1), Role.POS: Points(60, 0.2)}
"""Look-ups that found nobody: a cashier mistypes a number now and then, twelve times a minute it is guessing. STAFF and
ADMIN may list everybody and have nothing to guess."""

GUESSES = frozenset(
    {
        "Query.customer",
        "Query.purchase",
        "Query.quote",
        "Mutation.claimPurchase",
        "Mutation.createCustomer",
        "Mutation.holdPoints",
        "Mutation.redeemReward",
        "Mutation.setConsents",
        "Mutation.submitFeedback",
        "Mutation.trackEvents",
        "Mutation.updateMe",
    }
)
"""Fields whose answer tells whether a key, a code or a receipt exists: closed to whoever has guessed too often. A till
can record its sales and returns all the same; what these miss is counted."""

MISSED = frozenset({"NOT_FOUND", "ALREADY_EXISTS", "OFFER_NOT_ELIGIBLE"})
"""Codes of user errors by which a guess shows to be wrong, or right."""

FAILURES = Points(30, 0.5)
"""Credentials that are none, from one address, in one process; every one costs a signature or a question to MongoDB."""

SECONDS_MAX = 10.0
BATCH_SECONDS_MAX = 60.0
"""No row begins after that; the one that is under way has `SECONDS_MAX` more."""

BODY_BYTES_MAX = 256 * 1024
BATCH_BODY_BYTES_MAX = 4 * 1024 * 1024
"""500 sales of ten lines are 800 kB; only roles that record take so much, and only with a credential that is good."""

BATCH_ROLES = frozenset({Role.POS, Role.STAFF, Role.ADMIN})
BODY_SECONDS_MAX = 5.0
BATCH_BODY_SECONDS_MAX = 30.0
"""4 MB in 30 s is a line of 1 Mbit/s."""

VALUES_MAX = 20_000
BATCH_VALUES_MAX = 400_000
"""Values in the variables: each one is coerced, 1 to 2 µs."""
