"""Makes a span of each request of X and CCM that brings messages, if traces are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, after_this_request, request

if TYPE_CHECKING:
    from twitter_connector.tracing.spans import Spans

_BRING_MESSAGES = ("twitter_webhook.receive_activity", "cim_webhook.receive_message")


def install(app: Flask, spans: Spans) -> None:
    """Have the routes that bring messages make spans."""
    for endpoint in _BRING_MESSAGES:
        app.view_functions[endpoint] = _traced(app.view_functions[endpoint], spans)


def _traced(view: Callable[..., Any], spans: Spans) -> Callable[..., Any]:
    def in_a_span(**arguments: Any) -> Any:
        route = request.url_rule.rule if request.url_rule is not None else ""
        with spans.request(request.method, route, request.headers.get) as answered:
            # Also called for an answer that an error handler makes.
            @after_this_request
            def end_span(response: Response) -> Response:
                answered(response.status_code)
                return response

            return view(**arguments)

    return in_a_span
