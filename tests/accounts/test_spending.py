"""Money: exact prices, the limits of a day, and what stops at each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest

from twitter_connector.accounts.spending import Limit, Spending
from twitter_connector.config import BadSetting, Settings
from twitter_connector.model.account import V1, V2, Account, Credentials
from twitter_connector.model.usage import PUBLISHED_PRICES, Usage, in_usd

DAY = date(2026, 11, 27)
ACCOUNT = Account("222222222", Credentials("k", "s", "t", "ts"), "", flavour=V2)


@dataclass
class Counts:
    counts: Mapping[str, int] = field(default_factory=dict)
    asked: int = 0

    def today(self, account_id: str) -> Usage:
        self.asked += 1
        return Usage(DAY, self.counts)


def settings(**env: str) -> Settings:
    return Settings.from_env({"SANDBOX": "1", **env})


class TestPrices:
    def test_the_published_ones_are_the_default(self) -> None:
        prices = settings().x_prices
        assert prices == PUBLISHED_PRICES
        assert {kind: str(price) for kind, price in prices.items()} == {
            "dm_received": "0.010",
            "dm_read": "0.010",
            "dm_sent": "0.015",
            "user_read": "0.010",
            "post_read": "0.005",
            "post_sent": "0.015",
            "post_sent_with_link": "0.200",
            "post_sent_summoned": "0.010",
            "media": "0.005",
        }

    def test_a_part_of_them_can_be_replaced_exactly(self) -> None:
        prices = settings(X_PRICES='{"dm_sent": 0.1, "dm_read": 0, "media": "0.007"}').x_prices
        assert prices["dm_sent"] * 3 == Decimal("0.3")
        assert (prices["dm_read"], prices["media"]) == (Decimal(0), Decimal("0.007"))
        assert prices["dm_received"] == Decimal("0.010")

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            ("0.01", "a JSON object"),
            ("[]", "a JSON object"),
            ('{"dm_sent": 0.01', "a JSON object"),
            ('{"dm_snet": 0.01}', "'dm_snet' is no kind of usage; the kinds are dm_received,"),
            ('{"dm_sent": -1}', "the price of dm_sent"),
            ('{"dm_sent": NaN}', "the price of dm_sent"),
            ('{"dm_sent": true}', "the price of dm_sent"),
            ('{"dm_sent": null}', "the price of dm_sent"),
        ],
    )
    def test_a_value_that_is_no_price_stops_the_start_with_one_line(self, raw: str, said: str) -> None:
        with pytest.raises(BadSetting, match=r"^X_PRICES: ") as caught:
            settings(X_PRICES=raw)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("raw", ["0", "-1", "5 USD", "1e3", "NaN", "five"])
    def test_a_limit_is_an_amount_above_zero(self, raw: str) -> None:
        for variable in ("USAGE_SOFT_LIMIT", "USAGE_HARD_LIMIT"):
            with pytest.raises(BadSetting, match=f"^{variable}: an amount of US dollars"):
                settings(**{variable: raw})

    def test_limits_are_unset_by_default(self) -> None:
        assert (settings().usage_soft_limit, settings().usage_hard_limit) == (None, None)
        assert settings(USAGE_HARD_LIMIT="2.50").usage_hard_limit == Decimal("2.5")

    def test_a_soft_limit_above_the_hard_one_is_named_in_a_warning(self) -> None:
        (warning,) = settings(USAGE_SOFT_LIMIT="5", USAGE_HARD_LIMIT="5").warnings
        assert "USAGE_SOFT_LIMIT" in warning
        assert settings(USAGE_SOFT_LIMIT="4", USAGE_HARD_LIMIT="5").warnings == ()


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.015", "0.015"), ("0.30", "0.30"), ("0.3", "0.30"), ("12", "12.00"), ("1234.5", "1234.50")],
)
def test_an_amount_is_shown_to_its_last_digit_with_two_places_at_least(amount: str, text: str) -> None:
    assert in_usd(Decimal(amount)) == text


def test_a_day_shows_the_fields_of_the_interface_and_the_exact_price() -> None:
    counts = {"dm_received": 3, "dm_read": 10, "dm_sent": 1, "user_read": 2, "post_sent": 1, "post_sent_with_link": 1}
    assert Usage(DAY, counts).shown(PUBLISHED_PRICES) == {
        "day": "2026-11-27",
        "dm_received": 3,
        "dm_read": 10,
        "dm_sent": 1,
        "user_read": 2,
        "post_read": 0,
        "post_sent": 2,
        "usd": "0.38",
    }


class TestLimits:
    @pytest.mark.parametrize(
        ("received", "limit"),
        [(0, Limit.NONE), (99, Limit.NONE), (100, Limit.SOFT), (199, Limit.SOFT), (200, Limit.HARD), (999, Limit.HARD)],
    )
    def test_a_limit_is_reached_at_its_amount(self, received: int, limit: Limit) -> None:
        spending = Spending(Counts({"dm_received": received}), soft=Decimal(1), hard=Decimal(2))
        assert spending.limit(ACCOUNT) is limit

    def test_without_a_limit_nothing_is_read(self) -> None:
        counts = Counts({"dm_received": 1000})
        assert Spending(counts).limit(ACCOUNT) is Limit.NONE
        assert counts.asked == 0

    def test_an_account_of_api_v1_1_costs_nothing_by_use(self) -> None:
        old = Account("1", Credentials("k", "s", "t", "ts"), "", flavour=V1)
        spending = Spending(Counts({"dm_received": 1000}), hard=Decimal(1))
        assert spending.limit(old) is Limit.NONE
        assert spending.shown(old, Usage(DAY, {"dm_received": 1000}))["usd"] == "0.00"

    def test_the_sentence_names_the_limit_the_price_and_what_to_do(self) -> None:
        spending = Spending(Counts(), soft=Decimal(1), hard=Decimal("2.50"))
        assert spending.attention(ACCOUNT, Usage(DAY, {"dm_received": 1})) == ""
        soft = spending.attention(ACCOUNT, Usage(DAY, {"dm_received": 123}))
        assert "1.23 USD" in soft
        assert "USAGE_SOFT_LIMIT (1 USD)" in soft
        hard = spending.attention(ACCOUNT, Usage(DAY, {"dm_received": 250}))
        assert "USAGE_HARD_LIMIT (2.50 USD)" in hard
        assert "Polling and look-ups stop until 00:00 UTC; replies are sent." in hard

    def test_a_limit_is_logged_once_a_day(self, caplog: pytest.LogCaptureFixture) -> None:
        taken: set[str] = set()

        def once(chore: str, seconds: int) -> bool:
            new = chore not in taken
            taken.add(chore)
            return new

        counts = Counts({"dm_received": 100})
        spending = Spending(counts, soft=Decimal(1), hard=Decimal(2))
        for _ in range(3):
            spending.log_reached([ACCOUNT], once)
        counts.counts = {"dm_received": 200}
        spending.log_reached([ACCOUNT], once)
        assert [(r.levelname, r.__dict__["limit"]) for r in caplog.records] == [("WARNING", "soft"), ("ERROR", "hard")]
