"""The enums of the contract, as GraphQL shows them; new values may be added, and clients must tolerate one."""

import strawberry

from crm import refusals, values
from crm.offers import values as offers
from crm.taste import ranking
from loyalty import values as loyalty

DESCRIPTIONS = {
    values.Role: "Who calls.",
    values.Channel: "Where the customer met the shop.",
    values.PurchaseStatus: "How much of a purchase still stands.",
    values.ConsentPurpose: "What a person allows, or not.",
    values.ConsentState: "What a person said about a purpose.",
    values.LifecycleStage: (
        "PROSPECT never bought; NEW first bought within 30 days; LOYAL bought five times or more, first 90 days ago or "
        "more; AT_RISK silent for 90 days or three times the usual interval; LAPSED silent for 365 days; else ACTIVE."
    ),
    values.FeedbackKind: "What a piece of feedback is.",
    values.CustomerSort: "The order of a list of customers.",
    values.Period: "The span over which a cap or a limit counts.",
    ranking.RecommendationKind: (
        "BUY_AGAIN bought before and likely again; DISCOVER popular and new to the person; BOUGHT_TOGETHER goes with "
        "what the person buys."
    ),
    refusals.UserErrorCode: "What was wrong with a request, for programs.",
    offers.OfferKind: "What an offer gives.",
    offers.Stacking: "Whether an offer may apply beside others.",
    offers.IneligibilityCode: "Why an offer does not apply, for programs.",
    loyalty.EarningEvent: "What makes an earning rule apply.",
    loyalty.PendingKind: "When earned points become spendable.",
    loyalty.ExpiryKind: "When earned points end.",
    loyalty.HoldStatus: "What became of a hold.",
    loyalty.RewardKind: "What a reward gives.",
    loyalty.ReturnPolicy: "What happens to points of a returned sale that are already spent.",
    loyalty.TierBasis: "What counts towards a tier.",
    loyalty.TierWindow: "The span whose sales count towards a tier.",
    loyalty.TransactionType: "What an entry of the ledger did.",
    loyalty.SourceKind: "What points came from.",
}

_NAMES = {"TransactionType": "PointsTransactionType", "SourceKind": "PointsSourceKind"}

for enum, description in DESCRIPTIONS.items():
    strawberry.enum(enum, name=_NAMES.get(enum.__name__, enum.__name__), description=description)
