"""Two applications on one database: what an admin saves at one, the next sale at the other is judged by."""

import asyncio

import pytest

from crm.values import Role
from tests.api.http_answers import create
from tests.api.serving import serving, settings
from tests.services.program_helpers import SAVE, rule
from tests.support import RECORD, sale, whole


async def test_a_sale_at_one_process_is_judged_by_the_programme_just_saved_at_another(
    mongodb_uri: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings(mongodb_uri, driver, mongodb_database="tests_two_processes")
    async with serving(own) as office, serving(own) as till:
        known, forgotten = till.app.state.shop.known, asyncio.Event()
        forget = known.forget_programs

        def told() -> None:
            forget()
            forgotten.set()

        ann = await create(office)
        sold = {"input": sale(customer={"id": ann}, **whole(10))}
        first = (await till.post(RECORD, sold, role=Role.POS)).json()["data"]["recordPurchase"]["purchase"]
        monkeypatch.setattr(known, "forget_programs", told)

        saved = await office.post(SAVE, {"input": {"earningRules": [rule(pointsPerUnit="5")]}})
        assert saved.json()["data"]["saveLoyaltyProgram"]["userErrors"] == []
        await asyncio.wait_for(forgotten.wait(), 5)
        sold = {"input": sale(id="s-2", customer={"id": ann}, occurredAt=till.clock().isoformat(), **whole(10))}
        second = (await till.post(RECORD, sold, role=Role.POS)).json()["data"]["recordPurchase"]["purchase"]

        await office.app.state.database.drop()
    assert (first["pointsEarned"], second["pointsEarned"]) == (10, 50)
