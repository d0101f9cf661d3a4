"""The names of the collections, what stands in each, and how each is sharded when one server is no longer enough."""

CUSTOMERS = "customers"
KEYS = "keys"
ACCOUNTS = "loyalty_accounts"
LOTS = "points_lots"
TRANSACTIONS = "points_transactions"
PURCHASES = "purchases"
FEEDBACK = "feedback"
HOLDS = "points_holds"
CAPS = "cap_counters"
EVENTS = "customer_events"
REDEMPTIONS = "reward_redemptions"
STOCKS = "reward_stocks"
REFERRALS = "referrals"
TASTES = "tastes"
TASTE_STATISTICS = "taste_statistics"
OFFERS = "offers"
OFFER_AUDIENCE = "offer_audience"
OFFER_CODES = "offer_codes"
OFFER_REDEMPTIONS = "offer_redemptions"
OFFER_COUNTERS = "offer_counters"
STORES = "stores"
PRODUCTS = "products"
PROGRAMS = "loyalty_programs"
API_KEYS = "api_keys"
OUTBOX = "outbox"
INSTALLATION = "installation"
MIGRATIONS = "migrations"
LEASES = "leases"
BUCKETS = "rate_buckets"
AUDIT = "audit"

SHARD_KEYS = {
    CUSTOMERS: {"_id": "hashed"},
    KEYS: {"_id": "hashed"},
    ACCOUNTS: {"_id": "hashed"},
    LOTS: {"owner": 1},
    TRANSACTIONS: {"owner": 1},
    PURCHASES: {"owner": 1},
    FEEDBACK: {"owner": 1},
    HOLDS: {"owner": 1},
    CAPS: {"owner": 1},
    EVENTS: {"owner": 1},
    REDEMPTIONS: {"owner": 1},
    TASTES: {"owner": 1},
    REFERRALS: {"_id": "hashed"},
    OFFER_AUDIENCE: {"owner": 1},
    OFFER_CODES: {"owner": 1},
    OFFER_REDEMPTIONS: {"owner": 1},
    OFFER_COUNTERS: {"_id": "hashed"},
    OUTBOX: {"_id": "hashed"},
    BUCKETS: {"_id": "hashed"},
    AUDIT: {"_id": "hashed"},
}
"""docs/scaling.md says why; collections not named here are small and stay on one shard."""
