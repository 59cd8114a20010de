"""The stored form of an account: a JSON object with one sealed value for its secrets.

Release 0.1.0 seals the secrets as a list and knows no flavours. Rows are written in its form until the broker is marked
with the present one; both are always read. See docs/decisions/0015-form-of-stored-accounts.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from twitter_connector.errors import Permanent
from twitter_connector.logs import hide
from twitter_connector.model.account import V1, Account, Credentials, Remark, Webhook
from twitter_connector.model.timestamps import epoch_ms, moment

from .vault import Vault

# The mark of a broker whose rows have named fields. A broker without a mark has rows of 0.1.0.
NAMED_FIELDS = "2"

_FIELDS = frozenset(field.name for field in fields(Credentials))
_OF_0_1_0 = ("api_key", "api_key_secret", "access_token", "access_token_secret", "bearer_token")


class AccountRows:
    """Reads and writes rows. now: the present moment, for retired secrets."""

    def __init__(self, vault: Vault, now: Callable[[], datetime]) -> None:
        self._vault = vault
        self._now = now

    def dump(self, account: Account, mark: str | None) -> str:
        """Return the row of an account, in the form that the broker's mark asks for.

        Raises Permanent(stored_form_old) where 0.1.0 has no form for this account.
        """
        webhook = account.webhook
        row: dict[str, Any] = {
            "id": account.id,
            "screen_name": account.screen_name,
            "name": account.name,
            "webhook_url": account.webhook_url,
            "webhook": [webhook.id, webhook.url, webhook.valid] if webhook else None,
            "subscribed": account.subscribed,
            "attention": account.attention,
            "app_id": account.app_id,
            "registered_at": epoch_ms(account.registered_at) if account.registered_at else None,
            "retired_until": epoch_ms(account.retired_until) if account.retired_until else None,
        }
        secrets = asdict(account.credentials)
        if mark == NAMED_FIELDS:
            row |= {"flavour": account.flavour, "settings": dict(account.settings)}
            row["remarks"] = [[remark.event, remark.sentence, remark.refused] for remark in account.remarks]
            # Fields of OAuth 2.0 are there only if the account has it.
            present = {name: value for name, value in secrets.items() if value or name in _OF_0_1_0}
            sealed: object = {**present, "retired_secrets": account.retired_secrets}
        else:
            if account.flavour != V1:
                raise Permanent(
                    "stored_form_old",
                    f"The form of release 0.1.0, in which accounts are stored here, has no place for account "
                    f"{account.id} of X's API {account.api}. Once every process runs the present release, run "
                    "`twitter-connector credentials reseal --new-form`, then register the account again. To go back "
                    "to 0.1.0, unregister the account.",
                    ours=True,
                )
            if account.settings.keys() - {"environment"}:
                raise Permanent(
                    "stored_form_old",
                    f"The form of release 0.1.0, in which accounts are stored here, has no place for the settings of "
                    f"account {account.id}. Once every process runs the present release, run "
                    "`twitter-connector credentials reseal --new-form`, then try again.",
                    ours=True,
                )
            row["environment"] = account.settings.get("environment")
            sealed = [*(secrets[name] for name in _OF_0_1_0), list(account.retired_secrets)]
        return json.dumps({**row, "sealed": self._vault.seal(json.dumps(sealed))})

    def load(self, row: str) -> Account:
        """Return the account of a row of either form. Raises Permanent(credentials_key_wrong)."""
        stored = json.loads(row)
        secrets = _named(json.loads(self._vault.open(stored["sealed"])))
        retired = tuple(secrets.get("retired_secrets", ()))
        credentials = Credentials(**{name: value for name, value in secrets.items() if name in _FIELDS})
        values = (*asdict(credentials).values(), *retired)
        hide(f"account {stored['id']}", *(value for value in values if isinstance(value, str)))
        until = stored.get("retired_until")
        return Account(
            id=stored["id"],
            credentials=credentials,
            webhook_url=stored["webhook_url"],
            settings=_settings(stored),
            screen_name=stored["screen_name"],
            name=stored["name"],
            webhook=Webhook(*stored["webhook"]) if stored["webhook"] else None,
            subscribed=stored["subscribed"],
            attention=stored["attention"],
            app_id=stored.get("app_id", ""),
            registered_at=moment(stored["registered_at"]) if stored["registered_at"] is not None else None,
            retired_secrets=() if self.retirement_is_over(row) else retired,
            retired_until=moment(until) if until is not None else None,
            flavour=stored.get("flavour", V1),
            remarks=tuple(Remark(*remark) for remark in stored.get("remarks", ())),
        )

    def retirement_is_over(self, row: str) -> bool:
        """Say whether the row has retired secrets whose time has ended. Needs no key."""
        until = json.loads(row).get("retired_until")
        return until is not None and moment(until) <= self._now()


def _named(secrets: Any) -> Mapping[str, Any]:
    if isinstance(secrets, dict):
        return secrets
    *first, retired = secrets
    return {**dict(zip(_OF_0_1_0, first, strict=True)), "retired_secrets": retired}


def _settings(stored: Mapping[str, Any]) -> dict[str, str]:
    if "settings" in stored:
        return dict(stored["settings"])
    return {"environment": stored["environment"]} if stored["environment"] else {}
