"""Asking CCM about accounts nobody registered: one process of all, once in a while, about so many."""

from __future__ import annotations

import redis

from tests.brokers import Broker, services_of
from twitter_connector.bootstrap import Services
from twitter_connector.broker import keys
from twitter_connector.store.enquiries import Enquiries


def test_one_of_all_asks_until_it_has_said_how_that_ended(
    services: Services, broker_process: Broker, inspector: redis.Redis
) -> None:
    here, there = Enquiries(services.redis), Enquiries(services_of(broker_process.settings).redis)
    assert here.begin_enquiry("1", 60) == ""
    assert [here.begin_enquiry("1", 60), there.begin_enquiry("1", 60)] == ["asking", "asking"]
    assert there.begin_enquiry("2", 60) == ""
    here.end_enquiry("1", "in_vain", 600)
    assert there.begin_enquiry("1", 60) == "in_vain"
    there.forget_enquiry("1")
    assert here.begin_enquiry("1", 60) == ""
    assert 590 < inspector.ttl(keys.ENQUIRIES) <= keys.PULL_SECONDS


def test_what_is_over_can_be_asked_again(services: Services, inspector: redis.Redis) -> None:
    enquiries = Enquiries(services.redis)
    enquiries.end_enquiry("1", "later", 0)
    assert enquiries.begin_enquiry("1", 0) == ""
    assert enquiries.begin_enquiry("1", 60) == "", "the one that asked has died"


def test_made_up_ids_flood_neither_ccm_nor_the_broker(services: Services, inspector: redis.Redis) -> None:
    enquiries = Enquiries(services.redis)
    asked = [enquiries.begin_enquiry(str(n), 60) for n in range(keys.ENQUIRIES_MAX + 20)]
    assert asked == [""] * keys.ENQUIRIES_MAX + ["full"] * 20
    assert inspector.hlen(keys.ENQUIRIES) == keys.ENQUIRIES_MAX
    assert inspector.keys("tc:pulled*") == [keys.ENQUIRIES]
    enquiries.end_enquiry("0", "in_vain", 0)
    assert enquiries.begin_enquiry("new", 60) == ""
