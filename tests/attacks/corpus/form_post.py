"""A form, which a page of another origin may send without asking."""

from tests.attacks.attack import Attack

ATTACK = Attack(
    body=b'{"query": "mutation { saveStore(input: {code: \\"x\\"}) { replayed } }"}',
    headers={"Content-Type": "application/x-www-form-urlencoded"},
    codes=frozenset({"BAD_REQUEST"}),
)
