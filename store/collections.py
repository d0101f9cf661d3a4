"""The names of the collections, what stands in each, and how each is sharded when one server is no longer enough."""

CUSTOMERS = "customers"
KEYS = "keys"
ACCOUNTS = "loyalty_accounts"
LOTS = "points_lots"
TRANSACTIONS = "points_transactions"
PURCHASES = "purchases"
FEEDBACK = "feedback"
STORES = "stores"
PRODUCTS = "products"
PROGRAMS = "loyalty_programs"
API_KEYS = "api_keys"
OUTBOX = "outbox"
INSTALLATION = "installation"
MIGRATIONS = "migrations"

SHARD_KEYS = {
    CUSTOMERS: {"_id": "hashed"},
    KEYS: {"_id": "hashed"},
    ACCOUNTS: {"_id": "hashed"},
    LOTS: {"owner": 1},
    TRANSACTIONS: {"owner": 1},
    PURCHASES: {"owner": 1},
    FEEDBACK: {"owner": 1},
    OUTBOX: {"_id": "hashed"},
}
"""docs/scaling.md says why; collections not named here are small and stay on one shard."""
