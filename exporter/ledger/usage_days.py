"""What finished days consumed, kept in the state for when the API no longer tells."""

from collections.abc import Mapping
from datetime import date

from exporter.ledger import records
from exporter.ledger.ledger import Ledger
from exporter.ledger.store import Store


class StoredUsageDays:
    """The memory of finished days of one integration, beside its ledger."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    async def remembered(self, month_start: date) -> Mapping[date, Mapping[str, int]]:
        """The remembered days from `month_start` on, each by metric. Raises StateError."""
        row = (await self._ledger.prepare()).row
        return await self._store.run(lambda state: records.usage_days(state, row, month_start))

    async def remember(self, day: date, values: Mapping[str, int]) -> None:
        """Keep a day's values; days of earlier months are forgotten. Raises StateError."""
        await self._ledger.run(
            lambda state, row: records.remember_usage_day(state, row, day, values)
        )
