"""What `doctor` says about an account whose events need no webhook."""

from __future__ import annotations

from twitter_connector.bootstrap import Services
from twitter_connector.findings.report import all_findings
from twitter_connector.model.account import INBOUND, POLL, V2, Account, Credentials
from twitter_connector.store.resealing import reseal


def test_a_polled_account_needs_neither_webhook_nor_subscription(services: Services) -> None:
    account = Account("732739706", Credentials("k", "s", "t", "ts"), "", flavour=V2, settings={INBOUND: POLL})
    reseal(services.redis, services.vault, new_form=True)  # 0.1.0's form has no place for API v2
    services.accounts.save(account)
    (finding,) = (finding for finding in all_findings(services) if finding.what == f"account {account.id}")
    assert (finding.ok, finding.advice) == (True, "")
    assert "poll" in finding.detail
