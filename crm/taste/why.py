"""Why something is recommended, in words that a shop can show; English only."""

from datetime import datetime
from math import log

from crm.taste.counters import CATEGORY_HALF_LIFE, Counter, decayed

RHYTHM_BASKETS_MIN = 3
RHYTHM_DAYS_MAX = 90
TWICE = 2
FOR_YOU = "For you"
FOR_EVERYBODY = "For everybody"


def days_between(counter: Counter, half_life: float, *, first: datetime, now: datetime) -> float:
    """Return about how many days lie between two purchases, newer ones counting more.

    Somebody who buys every d days for a time T has a decayed count of h / (d ln 2) * (1 - 2^(-T / h)): solved for d.
    """
    count = decayed(counter.s, now, half_life)
    span = max((now - first).total_seconds() / 86_400, 1.0)
    return float(half_life / log(2) * (1 - 2.0 ** (-span / half_life)) / count)


def shown(category: str) -> str:
    """Return a category as people read it: one in capitals is written with small letters."""
    return category.title() if category.isupper() else category


def rhythm(category: str, counter: Counter | None, *, first: datetime | None, now: datetime) -> str | None:
    """Return how often the person buys of a category; None where there is no rhythm to speak of."""
    if counter is None or counter.n < RHYTHM_BASKETS_MIN or first is None:
        return None
    days = round(days_between(counter, CATEGORY_HALF_LIFE, first=first, now=now))
    if days > RHYTHM_DAYS_MAX:
        return None
    return f"You buy {shown(category)} about every {days} days" if days >= TWICE else f"You buy {shown(category)} daily"


def bought_before(counter: Counter) -> str:
    """Return how often the person has bought it."""
    if counter.n == 1:
        return "You have bought it before"
    return "You have bought it twice" if counter.n == TWICE else f"You have bought it {counter.n} times"


def bought_with(title: str) -> str:
    """Return what it is bought together with."""
    return f"Often bought with {title}"


def popular(place: str) -> str:
    """Return where it is popular; `place` as `crm.taste.statistics` names it."""
    if place.startswith("store:"):
        return "Popular in your store in the last four weeks"
    return "New customers like it" if place == "new" else "Popular in the last four weeks"


def bought_of(category: str) -> str:
    """Return that the person buys of a category."""
    return f"You buy {shown(category)}"


def bought_title(title: str, counter: Counter) -> str:
    """Return how often the person has bought a product."""
    if counter.n == 1:
        return f"You have bought {title} before"
    return f"You have bought {title} twice" if counter.n == TWICE else f"You have bought {title} {counter.n} times"
