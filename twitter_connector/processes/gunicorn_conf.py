"""gunicorn's settings and hook: it believes no proxy, and every web process knows all accounts from its first request.

Otherwise the first event of an account would cost a process a second look into the broker, and while the broker is
away a process that has not met the account yet could not verify the event, and would have to send Twitter away.
https://docs.gunicorn.org/en/stable/settings.html#post-worker-init
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from twitter_connector.errors import ConnectorError
from twitter_connector.store.accounts import Accounts

log = logging.getLogger(__name__)

REFRESH_SECONDS = 2.0

# Whom a request comes from is forwarded.py's affair, which trusts nobody. gunicorn by itself takes SCRIPT_NAME and the
# scheme from any caller on this machine or a unix socket, and with them the path, or a 500 where the path does not fit.
# https://docs.gunicorn.org/en/stable/settings.html#forwarder-headers
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def post_worker_init(worker: Any) -> None:
    """Read the accounts before the first request, and then again and again."""
    services = worker.wsgi.extensions.get("services")
    if services is None:
        return  # the empty view of the benchmarks
    _refresh(services.accounts)
    threading.Thread(target=_keep_fresh, args=(services.accounts,), name="accounts", daemon=True).start()


def _keep_fresh(accounts: Accounts) -> None:
    while True:
        time.sleep(REFRESH_SECONDS)
        _refresh(accounts)


def _refresh(accounts: Accounts) -> None:
    try:
        accounts.refresh()
    except ConnectorError as error:
        # What is known goes on being used; an event that needs more says so itself.
        log.debug("accounts_not_refreshed", extra={"reason": error.reason})
    except Exception as error:
        log.error("internal_error", exc_info=error)
