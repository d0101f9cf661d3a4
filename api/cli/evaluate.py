"""`crm evaluate`: how well what is served meets what people then bought, on real data."""

import json
from typing import Any

import typer
from rich.table import Table

from api.cli.runtime import AsJson, Stop, counting, one_sentence, out
from services.evaluation import Coupons, Evaluation, Lists, Method
from services.evaluation import evaluate as run_evaluation
from services.imports.journey_files import JourneyDataError

METHODS = (("served", "served"), ("popularity", "popularity"), ("personal_frequency", "personal top frequency"))


def evaluate(as_json: AsJson = False) -> None:
    """Score recommendations and coupon ranking on the Complete Journey, beside two baselines; about a minute."""
    with one_sentence():
        try:
            with counting("Households") as told:
                evaluation = run_evaluation(progress=told)
        except JourneyDataError as problem:
            raise Stop(str(problem)) from None
    if as_json:
        typer.echo(json.dumps(as_object(evaluation)))
    else:
        out.print(_lists(evaluation))
        out.print(_coupons(evaluation))


def as_object(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures as one JSON object."""
    return {
        **_method(evaluation.served),
        "baselines": {
            "popularity": _method(evaluation.popularity),
            "personal_frequency": _method(evaluation.personal_frequency),
        },
    }


def _method(method: Method) -> dict[str, Any]:
    return {
        "product": _measures(method.product),
        "category": _measures(method.category),
        "coupons": _coupon_measures(method.coupons),
    }


def _measures(lists: Lists) -> dict[str, dict[str, float]]:
    spans = {"weeks": lists.weeks, "next": lists.next}
    told = {name: {"recall": of.recall, "ndcg": of.ndcg, "hit": of.hit} for name, of in spans.items()}
    return {**told, "novel": {"hit": lists.novel.hit}}


def _coupon_measures(coupons: Coupons) -> dict[str, float]:
    return {"auc": coupons.auc, "hit5": coupons.hit5, "recall16": coupons.recall16}


def _lists(evaluation: Evaluation) -> Table:
    people = evaluation.served.product.weeks.people
    title = f"Trained on weeks 1 to 49, {people:,} households in weeks 50 to 53, of {evaluation.lines:,} lines"
    heads = ("four weeks: recall", "NDCG", "hit", "next basket: recall", "NDCG", "hit", "new to the person: hit")
    table = Table("first ten", *heads, title=title, title_justify="left")
    for kind in ("product", "category"):
        for name, label in METHODS:
            lists: Lists = getattr(getattr(evaluation, name), kind)
            figures = [lists.weeks.recall, lists.weeks.ndcg, lists.weeks.hit]
            figures += [lists.next.recall, lists.next.ndcg, lists.next.hit, lists.novel.hit]
            table.add_row(f"{kind}, {label}", *(f"{figure:.4f}" for figure in figures))
    return table


def _coupons(evaluation: Evaluation) -> Table:
    title = f"Coupons mailed from August on: {evaluation.served.coupons.lists:,} lists with one or more redeemed"
    table = Table("coupons", "AUC", "hit@5", "recall@16", title=title, title_justify="left")
    for name, label in METHODS:
        coupons: Coupons = getattr(evaluation, name).coupons
        table.add_row(label, *(f"{figure:.4f}" for figure in (coupons.auc, coupons.hit5, coupons.recall16)))
    return table
