"""The words of the shop that more than one package uses."""

from enum import StrEnum


class Role(StrEnum):
    """Who calls; what each may is stated in resolvers/policy.py."""

    STOREFRONT = "STOREFRONT"
    CUSTOMER = "CUSTOMER"
    POS = "POS"
    STAFF = "STAFF"
    ADMIN = "ADMIN"


class Channel(StrEnum):
    """Where the customer met the shop."""

    WEB = "WEB"
    MOBILE = "MOBILE"
    POS = "POS"
    SOCIAL = "SOCIAL"
    MARKETPLACE = "MARKETPLACE"
    PHONE = "PHONE"


class PurchaseStatus(StrEnum):
    """How much of a purchase still stands."""

    COMPLETED = "COMPLETED"
    PARTIALLY_RETURNED = "PARTIALLY_RETURNED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"


class ConsentPurpose(StrEnum):
    """What a person allows, or not."""

    EMAIL_MARKETING = "EMAIL_MARKETING"
    SMS_MARKETING = "SMS_MARKETING"
    PUSH_MARKETING = "PUSH_MARKETING"
    PERSONALIZATION = "PERSONALIZATION"
    ANALYTICS = "ANALYTICS"


class ConsentState(StrEnum):
    """What the person last said about a purpose; no record means not given."""

    GRANTED = "GRANTED"
    DENIED = "DENIED"
    WITHDRAWN = "WITHDRAWN"


class LifecycleStage(StrEnum):
    """Where a customer stands with the shop; rules in crm/lifecycle.py."""

    PROSPECT = "PROSPECT"
    NEW = "NEW"
    ACTIVE = "ACTIVE"
    LOYAL = "LOYAL"
    AT_RISK = "AT_RISK"
    LAPSED = "LAPSED"


class FeedbackKind(StrEnum):
    """What a piece of feedback is; REVIEW, CSAT and NPS carry a score."""

    REVIEW = "REVIEW"
    CSAT = "CSAT"
    NPS = "NPS"
    COMPLAINT = "COMPLAINT"
    IDEA = "IDEA"
    QUESTION = "QUESTION"


class CustomerSort(StrEnum):
    """Orders in which customers are listed."""

    CREATED_AT = "CREATED_AT"
    CREATED_AT_DESC = "CREATED_AT_DESC"
    LAST_PURCHASE_AT_DESC = "LAST_PURCHASE_AT_DESC"
    TOTAL_SPENT_DESC = "TOTAL_SPENT_DESC"
    NAME = "NAME"


class Topic(StrEnum):
    """What an event of the change feed is about."""

    CUSTOMER = "CUSTOMER"
    PURCHASE = "PURCHASE"
    RETURN = "RETURN"
    POINTS = "POINTS"
    TIER = "TIER"
    OFFER = "OFFER"
    FEEDBACK = "FEEDBACK"
    TICKET = "TICKET"
    SEGMENT = "SEGMENT"
    CAMPAIGN = "CAMPAIGN"
    CONSENT = "CONSENT"


class Period(StrEnum):
    """The span over which a cap or a limit counts."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"
    EVER = "EVER"
