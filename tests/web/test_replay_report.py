"""X's report about a replay job is stored for the job it names, if the job is of the app that signed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.web_requests import ACCOUNT, post_event
from twitter_connector.bootstrap import Services
from twitter_connector.model.account import Webhook
from twitter_connector.model.replay import ReplayJob

HOOK = Webhook("77", ACCOUNT.webhook_url, True)


def report(**more: Any) -> dict[str, Any]:
    known = {"webhook_id": "77", "job_state": "Complete", "job_state_description": "…", "job_id": "42"}
    return {"replay_job_status": {**known, **more}}


@pytest.fixture
def job(client: FlaskClient, services: Services) -> ReplayJob:
    services.accounts.save(replace(ACCOUNT, webhook=HOOK))
    now = services.clock()
    job = ReplayJob("42", now, now, now)
    services.replay_jobs.keep(ACCOUNT.id, job)
    return job


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "Complete"),
        ({"job_state": "Incomplete"}, "Incomplete"),
        ({"job_state": "Failed"}, "Incomplete"),
        ({"job_id": 42}, "Complete"),
        ({"job_id": "43"}, ""),
        ({"webhook_id": "78"}, ""),
    ],
    ids=str,
)
def test_it_is_stored_for_the_job_that_it_names(
    client: FlaskClient, services: Services, job: ReplayJob, more: dict[str, Any], state: str
) -> None:
    assert post_event(client, report(**more)).status_code == 200
    stored = services.replay_jobs.of(ACCOUNT.id)
    assert stored is not None
    assert (stored.id, stored.state) == (job.id, state)


@pytest.mark.parametrize(
    "body", [{"replay_job_status": None}, {"replay_job_status": ["42"]}, {"replay_job_status": {}}]
)
def test_an_odd_report_is_answered_and_changes_nothing(
    client: FlaskClient, services: Services, job: ReplayJob, body: dict[str, Any]
) -> None:
    assert post_event(client, body).status_code == 200
    stored = services.replay_jobs.of(ACCOUNT.id)
    assert stored is not None
    assert stored.state == ""
