"""How good a ranked list is, held against what really happened."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log2

LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Means over people: how much of what came was in the first ten, how high, and for how many anything was.

    `ndcg` (Järvelin and Kekäläinen 2002) discounts place r by log2(r + 1) and is 1 where all first places are right.
    """

    recall: float
    ndcg: float
    hit: float
    people: int


def measures(lists: Mapping[str, Sequence[str]], truth: Mapping[str, Collection[str]]) -> Measures:
    """Return how well each person's list meets what the person then bought; who bought nothing is left out."""
    recall = ndcg = hit = 0.0
    people = 0
    for person, bought in truth.items():
        if not bought:
            continue
        people += 1
        places = [place for place, thing in enumerate(lists[person][:LENGTH]) if thing in bought]
        recall += len(places) / len(bought)
        ndcg += sum(map(_gain, places)) / sum(map(_gain, range(min(LENGTH, len(bought)))))
        hit += bool(places)
    many = max(people, 1)
    return Measures(recall=recall / many, ndcg=ndcg / many, hit=hit / many, people=people)


def _gain(place: int) -> float:
    return 1 / log2(place + 2)


def area_under_curve(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """Return the chance that a right one has a higher score than a wrong one, ties half; None without both kinds."""
    rights = sum(right)
    wrongs = len(right) - rights
    if not rights or not wrongs:
        return None
    order = sorted(zip(scores, right, strict=True))
    ranks, start = 0.0, 0
    while start < len(order):
        end = start
        while end < len(order) and order[end][0] == order[start][0]:
            end += 1
        middle = (start + 1 + end) / 2
        ranks += middle * sum(is_right for _, is_right in order[start:end])
        start = end
    return (ranks - rights * (rights + 1) / 2) / (rights * wrongs)
