"""The operator's pages under /console. Off unless somebody may log in; open to look at beside the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from twitter_connector.config import Settings


def install(app: Flask, settings: Settings) -> None:
    """Add the pages to the application, if the settings turn them on."""
    if not settings.console_has_login and not settings.use_sandbox:
        return
    # Imported here: most installations start their processes without the pages.
    from . import account_page, actions, dead_letters, login, overview, pages, register, sessions, system, x_sign_in

    sessions.install(app, settings)
    app.register_blueprint(pages.bp)
    app.register_blueprint(overview.bp)
    app.register_blueprint(account_page.bp)
    app.register_blueprint(login.bp)
    app.register_blueprint(system.bp)
    app.register_blueprint(actions.bp)
    app.register_blueprint(dead_letters.bp)
    app.register_blueprint(register.bp)
    app.register_blueprint(x_sign_in.bp)
    if settings.console_oidc_issuer:
        from . import single_sign_on

        single_sign_on.install(app, settings)
