"""50,000 empty rows for a batch of 500."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    query="mutation($rows: [RecordPurchaseInput!]!) { recordPurchases(inputs: $rows) { replayed } }",
    variables={"rows": [{}] * 50_000},
)
