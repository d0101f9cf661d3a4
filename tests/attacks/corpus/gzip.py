"""A compressed body."""

import gzip

from tests.attacks.attack import Attack

ATTACK = Attack(
    body=gzip.compress(b"{}" * 1_000_000), headers={"Content-Encoding": "gzip"}, codes=frozenset({"BAD_REQUEST"})
)
