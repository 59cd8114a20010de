"""An empty Flask view: what Flask and gunicorn cost by themselves."""

from __future__ import annotations

from flask import Flask, Response

app = Flask(__name__)


@app.post("/webhook/twitter/<account_id>")
def view(account_id: str) -> Response:
    return Response(b"", 200)
