"""The product as it is served, limits and all, but with points that no load uses up: a bench has few callers.

What a person may spend at once, and so how often a process draws from the shared bucket, is the product's; it is only
given back sooner. A desk's and a till's key stand for many here, so theirs have more as well.
"""

from starlette.applications import Starlette

from api.cli import served
from api.limits.numbers import POINTS, Points
from crm.values import Role

TIMES = 1000


def app() -> Starlette:
    """Return the application of the environment's settings; uvicorn calls it in every worker."""
    for role, points in POINTS.items():
        more = 1 if role is Role.CUSTOMER else TIMES
        POINTS[role] = Points(points.maximum * more, points.rate * TIMES)
    return served.app()
