"""What is decided about an error: family, scope and `until`, endpoint by endpoint."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_deliveries import account
from tests.fakes import FakeClock, FakeCredentials, FakeEndpointPauses
from twitter_connector.delivery.limits import OPEN_LIMIT_PAUSE, PROBE_LONGEST, STRIKES, Endpoints
from twitter_connector.delivery.retry_policy import (
    FIRST_WAIT,
    LONGEST_WAIT,
    OWN_FAULT_TRIES,
    PUBLIC_FILE_TRIES,
    REJECTED_TRIES,
    TRY_NEWER_AFTER,
    Decision,
    GiveUp,
    Pause,
    RetryPolicy,
    Wait,
    backoff,
    too_old,
)
from twitter_connector.errors import (
    AWAITS_A_PERSON,
    ConnectorError,
    CredentialsRejected,
    Endpoint,
    MediaProcessing,
    MediaTooLarge,
    OutcomeUnknown,
    OverCapacity,
    Permanent,
    RateLimited,
    RecipientRefused,
    RefusedOrDelivered,
    Retryable,
    Scope,
    ServiceUnavailable,
    UnsupportedKind,
)
from twitter_connector.model.timestamps import epoch_ms
from twitter_connector.model.work import Direction, Lease

IN, OUT = Direction.IN, Direction.OUT
ACCOUNT = account()
CLOCK = FakeClock()
NOW = CLOCK()
OF_X = [e for e in Endpoint if e not in (Endpoint.SEND, Endpoint.FILE_ENGINE, Endpoint.PUBLIC_FILE)]
AGREES = object()
REJECTION = CredentialsRejected("oauth2_grant_ended", "Authorize again.", endpoint=Endpoint.CREDENTIALS)


class Asked:
    """A policy with its collaborators, and one question."""

    def __init__(self, direction: Direction = OUT, *, answer: object = AGREES, newer: bool = False) -> None:
        self.credentials = FakeCredentials()
        if answer is not AGREES:
            assert answer is None or isinstance(answer, ConnectorError)
            self.credentials.answers[ACCOUNT.id] = answer
        if newer:
            self.credentials.replaced.add(ACCOUNT.id)
        self.pauses = FakeEndpointPauses()
        self.endpoints = Endpoints(CLOCK, self.pauses)
        self.chance = 0.0
        self.policy = RetryPolicy(direction, CLOCK, self.endpoints, self.credentials, lambda: self.chance)

    def __call__(self, error: Exception, tries: int = 0) -> Decision:
        lease = Lease(self.policy.direction, ACCOUNT.id, "17", "1", "1|m", "", NOW, claims=1, tries=tries)
        return self.policy.decide(error, lease, ACCOUNT)

    def may_call(self, endpoint: Endpoint) -> bool:
        try:
            with self.endpoints.using(ACCOUNT.id, endpoint):
                return True
        except Retryable as error:
            return error.scope is not Scope.LANE


def decided(error: Exception, tries: int = 0) -> Decision:
    return Asked()(error, tries)


def at(endpoint: Endpoint, family: type[ConnectorError], **facts: object) -> ConnectorError:
    """Return the error as X's gateways raise it from this endpoint."""
    return family("reason", "Sentence.", endpoint=endpoint, scope=Scope.ENDPOINT, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", [Permanent, UnsupportedKind, MediaTooLarge, RecipientRefused])
@pytest.mark.parametrize("tries", [0, 1, 1000])
def test_what_will_never_work_is_given_up_at_once(family: type[ConnectorError], tries: int) -> None:
    error = family("reason")
    assert decided(error, tries) == GiveUp(error)


LATER = [Retryable, OutcomeUnknown, OverCapacity, RefusedOrDelivered, MediaProcessing]


@pytest.mark.parametrize("family", LATER)
def test_what_may_work_later_waits_and_spends_a_try(family: type[ConnectorError]) -> None:
    assert decided(family("reason")) == Wait(FIRST_WAIT, spend=True)


def test_a_side_that_does_not_answer_counts_as_unreached() -> None:
    assert decided(ServiceUnavailable("reason")) == Wait(FIRST_WAIT, spend=True, unreached=True)


@pytest.mark.parametrize("family", LATER)
def test_an_error_that_names_a_moment_is_waited_for_without_spending_a_try(family: type[ConnectorError]) -> None:
    later = family("reason", until=NOW + timedelta(seconds=7))
    assert decided(later) == Wait(timedelta(seconds=7), spend=False)
    past = family("reason", until=NOW - timedelta(seconds=7))
    assert decided(past) == Wait(timedelta(), spend=False)


@pytest.mark.parametrize("reason", sorted(AWAITS_A_PERSON))
@pytest.mark.parametrize("family", [RateLimited, CredentialsRejected])
@pytest.mark.parametrize("endpoint", [Endpoint.SEND, Endpoint.UPLOAD, Endpoint.LIST])
@pytest.mark.parametrize("direction", [IN, OUT])
def test_what_waits_for_money_or_an_enrolment_pauses_the_account_and_is_never_given_up(
    direction: Direction, endpoint: Endpoint, family: type[RateLimited], reason: str
) -> None:
    scope = None if endpoint is Endpoint.SEND else Scope.ENDPOINT
    error = family(reason, "Sentence.", endpoint=endpoint, scope=scope, until=NOW + timedelta(hours=1))
    one_endpoint = family is CredentialsRejected and endpoint is not Endpoint.SEND
    # X rejects the credentials: nothing of the account goes on.
    asked = Asked(direction, answer=REJECTION if one_endpoint else None)
    waits: list[object] = []
    asked.policy.note_wait = lambda account_id, until: waits.append((account_id, until))
    shown = REJECTION.waiting(until=NOW + timedelta(hours=1)) if one_endpoint else error
    decision = asked(error, tries=100)
    assert isinstance(decision, Pause)
    assert (decision.until, decision.direction) == (NOW + timedelta(hours=1), OUT)
    assert decision.error.__dict__ == shown.__dict__
    assert waits == [(ACCOUNT.id, NOW + timedelta(hours=1))]


@pytest.mark.parametrize("reason", ["client_not_enrolled", "user_not_enrolled", "oauth2_needed"])
@pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
def test_an_enrolment_that_one_endpoint_wants_stops_only_that_endpoint(endpoint: Endpoint, reason: str) -> None:
    error = CredentialsRejected(
        reason, "Sentence.", endpoint=endpoint, scope=Scope.ENDPOINT, status=403, until=NOW + timedelta(minutes=10)
    )
    asked = Asked(answer=None)
    waits: list[object] = []
    asked.policy.note_wait = lambda account_id, until: waits.append((account_id, until))
    # Nobody says when the person acts, so the message looks again after a minute.
    assert asked(error, tries=100) == Wait(timedelta(minutes=1), spend=False)
    assert asked.credentials.asked == [ACCOUNT.id]
    assert not asked.may_call(endpoint)
    assert waits == [(ACCOUNT.id, error.until)]
    pause = asked.pauses.by_endpoint[ACCOUNT.id, endpoint]
    assert pause == {"until": str(epoch_ms(NOW + timedelta(minutes=10))), "reason": reason, "detail": "Sentence."}


def test_a_rejection_for_which_a_person_must_act_is_waited_for_however_it_was_seen() -> None:
    asked = Asked(answer=REJECTION)
    waits: list[object] = []
    asked.policy.note_wait = lambda account_id, until: waits.append((account_id, until))
    until = NOW + timedelta(minutes=10)
    asked(CredentialsRejected("credentials_rejected", endpoint=Endpoint.SEND, status=401, until=until))
    assert waits == [(ACCOUNT.id, until)]


def test_the_time_for_which_an_account_waited_for_a_person_does_not_make_a_message_too_old() -> None:
    policy, day = Asked().policy, timedelta(hours=24)
    lease = Lease(OUT, ACCOUNT.id, "17", "1", "1|m", "", NOW - timedelta(days=9), claims=1, tries=0)
    assert policy.too_old(lease, day) is not None
    policy.waited_until = lambda account_id: NOW - timedelta(hours=1)
    assert policy.too_old(lease, day) is None
    policy.waited_until = lambda account_id: NOW - timedelta(days=2)
    assert policy.too_old(lease, day) is not None


def test_a_side_that_names_a_moment_is_left_alone_until_then() -> None:
    error = ServiceUnavailable("ccm_unavailable", until=NOW + timedelta(seconds=25))
    assert Asked(IN)(error) == Pause(NOW + timedelta(seconds=25), error, IN)


@pytest.mark.parametrize("direction", [IN, OUT])
def test_a_limit_pauses_the_account_in_this_direction(direction: Direction) -> None:
    for until, expected in ((600, 600), (-60, 0), (None, OPEN_LIMIT_PAUSE.total_seconds())):
        moment = None if until is None else NOW + timedelta(seconds=until)
        error = RateLimited("reason", until=moment)
        assert Asked(direction)(error) == Pause(NOW + timedelta(seconds=expected), error, direction)


@given(st.floats(0, 1), st.integers(-3600, 86400))
def test_a_pause_never_ends_early_and_at_most_a_second_late(chance: float, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    asked = Asked()
    asked.chance = chance
    decision = asked(RateLimited("reason", until=until))
    assert isinstance(decision, Pause)
    assert max(until, NOW) <= decision.until <= max(until, NOW) + timedelta(seconds=1)


class TestOneEndpoint:
    """A limit, a silence or a refusal of one endpoint concerns only the work that needs it."""

    @pytest.mark.parametrize("endpoint", [*OF_X, Endpoint.FILE_ENGINE])
    def test_a_limit_makes_its_lane_wait_and_keeps_the_others_from_calling(self, endpoint: Endpoint) -> None:
        asked = Asked()
        error = at(endpoint, RateLimited, until=NOW + timedelta(seconds=40))
        assert asked(error) == Wait(timedelta(seconds=40), spend=False)
        assert not asked.may_call(endpoint)
        assert all(asked.may_call(other) for other in Endpoint if other is not endpoint)
        with asked.endpoints.using("another account", endpoint):
            pass

    @pytest.mark.parametrize("endpoint", [*OF_X, Endpoint.FILE_ENGINE])
    def test_a_limit_without_an_end_grows_for_itself(self, endpoint: Endpoint) -> None:
        asked = Asked()
        assert asked(at(endpoint, RateLimited)) == Wait(OPEN_LIMIT_PAUSE, spend=False)
        decision = asked(RateLimited("of_sending"))
        assert isinstance(decision, Pause)
        assert decision.until == NOW + OPEN_LIMIT_PAUSE

    @pytest.mark.parametrize("endpoint", [*OF_X, Endpoint.FILE_ENGINE])
    def test_a_limit_without_an_end_begins_short_again_after_a_call_that_worked(self, endpoint: Endpoint) -> None:
        asked = Asked()
        error = at(endpoint, RateLimited)
        asked(error)
        seconds = OPEN_LIMIT_PAUSE.total_seconds()
        CLOCK.advance(seconds)
        try:
            assert asked(error) == Wait(2 * OPEN_LIMIT_PAUSE, spend=False)
            CLOCK.advance(2 * seconds)
            assert asked.may_call(endpoint)
            assert asked(error) == Wait(OPEN_LIMIT_PAUSE, spend=False)
        finally:
            CLOCK.advance((NOW - CLOCK()).total_seconds())

    @pytest.mark.parametrize("endpoint", [*OF_X, Endpoint.FILE_ENGINE])
    def test_silence_spends_tries_and_never_counts_against_sending(self, endpoint: Endpoint) -> None:
        asked = Asked()
        for tries in range(STRIKES):
            decision = asked(at(endpoint, ServiceUnavailable), tries)
            assert decision == Wait(backoff(tries, 0), spend=True)
        assert not asked.may_call(endpoint)
        CLOCK.advance(PROBE_LONGEST.total_seconds())
        try:
            assert asked.may_call(endpoint)
            # It answered, so it counts as there again: one more failure pauses nothing.
            asked(at(endpoint, ServiceUnavailable))
            assert asked.may_call(endpoint)
        finally:
            CLOCK.advance(-PROBE_LONGEST.total_seconds())

    def test_a_call_that_began_before_a_failure_does_not_end_what_the_failure_began(self) -> None:
        asked = Asked()
        error = at(Endpoint.UPLOAD, RateLimited)
        with asked.endpoints.using(ACCOUNT.id, Endpoint.UPLOAD):
            asked(error)
        assert not asked.may_call(Endpoint.UPLOAD)
        CLOCK.advance(OPEN_LIMIT_PAUSE.total_seconds())
        try:
            # Nothing worked in between, so the next pause is longer.
            assert asked(error) == Wait(2 * OPEN_LIMIT_PAUSE, spend=False)
        finally:
            CLOCK.advance(-OPEN_LIMIT_PAUSE.total_seconds())

    def test_a_pause_that_another_worker_noted_counts_here_too(self) -> None:
        asked = Asked()
        asked.pauses.pause(ACCOUNT.id, Endpoint.UPLOAD, epoch_ms(NOW) + 40_000, "rate_limited", "Sentence.")
        with pytest.raises(Retryable) as paused, asked.endpoints.using(ACCOUNT.id, Endpoint.UPLOAD):
            pass
        assert (paused.value.reason, paused.value.detail, paused.value.scope) == (
            "rate_limited",
            "Sentence.",
            Scope.LANE,
        )
        assert paused.value.until == NOW + timedelta(seconds=40)
        assert asked.may_call(Endpoint.DOWNLOAD)

    @pytest.mark.parametrize("endpoint", [*OF_X, Endpoint.FILE_ENGINE])
    def test_an_overloaded_endpoint_that_names_a_moment_is_left_alone_until_then(self, endpoint: Endpoint) -> None:
        asked = Asked()
        error = at(endpoint, ServiceUnavailable, until=NOW + timedelta(seconds=25))
        assert asked(error) == Wait(timedelta(seconds=25), spend=False)
        assert not asked.may_call(endpoint)

    @pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_stops_the_account_only_if_x_rejects_its_credentials(
        self, endpoint: Endpoint, status: int
    ) -> None:
        asked = Asked()
        error = at(endpoint, CredentialsRejected, status=status, until=NOW + timedelta(minutes=10))
        decision = asked(error)
        assert isinstance(decision, Pause)
        assert (decision.until, decision.direction) == (error.until, OUT)
        assert decision.error.reason == ("reason" if status == 401 else "credentials_rejected")
        assert asked.credentials.asked == [ACCOUNT.id]

    @pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
    def test_a_refusal_of_an_accepted_account_is_final_for_the_message(self, endpoint: Endpoint) -> None:
        decision = Asked(answer=None)(at(endpoint, CredentialsRejected, status=403, code=453))
        assert isinstance(decision, GiveUp)
        assert isinstance(decision.error, Permanent)
        assert (decision.error.code, decision.error.status) == (453, 403)

    @pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
    @pytest.mark.parametrize("reason", ["account_locked", "account_suspended"])
    def test_an_account_that_x_has_locked_stops_whichever_call_says_so(self, endpoint: Endpoint, reason: str) -> None:
        asked = Asked(answer=None)
        until = NOW + timedelta(minutes=10)
        error = CredentialsRejected(reason, "x", status=403, endpoint=endpoint, scope=Scope.ENDPOINT, until=until)
        assert asked(error) == Pause(until, error, OUT)

    def test_a_post_with_a_revoked_token_pauses_the_account_and_names_the_token(self) -> None:
        """X answers 401 to posts of API v1.1 accounts also because their tokens may not use API v2."""
        error = CredentialsRejected("not_in_plan", "v1.1", status=401, endpoint=Endpoint.POST, scope=Scope.ENDPOINT)
        asked = Asked()
        decision = asked(error)
        assert isinstance(decision, Pause)
        assert decision.error.reason == "credentials_rejected"
        accepted = Asked(answer=None)
        waits = [accepted(error, tries) for tries in range(REJECTED_TRIES)]
        assert waits == [Wait(backoff(tries, 0), spend=True) for tries in range(REJECTED_TRIES)]
        given_up = accepted(error, REJECTED_TRIES)
        assert isinstance(given_up, GiveUp)
        assert (given_up.error.reason, given_up.error.detail) == ("not_in_plan", "v1.1")

    @pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
    def test_a_401_of_an_accepted_account_is_retried_and_then_final(self, endpoint: Endpoint) -> None:
        asked = Asked(answer=None)
        error = at(endpoint, CredentialsRejected, status=401, code=32)
        for tries in range(REJECTED_TRIES):
            assert asked(error, tries) == Wait(backoff(tries, 0), spend=True)
        assert isinstance(asked(error, REJECTED_TRIES), GiveUp)

    @pytest.mark.parametrize("endpoint", [e for e in OF_X if e is not Endpoint.CREDENTIALS])
    @pytest.mark.parametrize("trouble", [RateLimited("x"), ServiceUnavailable("x")])
    def test_a_refusal_waits_while_x_cannot_be_asked(self, endpoint: Endpoint, trouble: ConnectorError) -> None:
        asked = Asked(answer=trouble)
        assert asked(at(endpoint, CredentialsRejected, status=403)) == Wait(FIRST_WAIT, spend=True)

    @pytest.mark.parametrize("family", [Permanent, CredentialsRejected])
    def test_an_uncertain_send_that_cannot_be_looked_for_is_a_matter_for_a_person(
        self, family: type[ConnectorError]
    ) -> None:
        decision = Asked(answer=None)(at(Endpoint.LIST, family, status=403, code=87))
        assert isinstance(decision, GiveUp)
        assert (decision.error.reason, decision.error.ours, decision.error.code) == ("outcome_unknown", True, 87)
        assert "check the conversation" in decision.error.detail

    def test_an_upload_that_is_refused_says_so_to_the_agent(self) -> None:
        decision = Asked(answer=None)(at(Endpoint.UPLOAD, CredentialsRejected, status=403, code=453))
        assert isinstance(decision, GiveUp)
        assert "the file was not sent" in decision.error.detail
        assert "Sentence." in decision.error.detail

    def test_a_public_file_is_waited_for_half_a_minute(self) -> None:
        error = ServiceUnavailable("media_host_unreachable", endpoint=Endpoint.PUBLIC_FILE, scope=Scope.LANE)
        for tries in range(PUBLIC_FILE_TRIES):
            assert decided(error, tries) == Wait(backoff(tries, 0), spend=True)
        decision = decided(error, PUBLIC_FILE_TRIES)
        assert isinstance(decision, GiveUp)
        assert decision.error.reason == "media_unreachable"
        named = error.waiting(until=NOW + timedelta(seconds=30))
        assert decided(named) == Wait(timedelta(seconds=30), spend=True)


class TestRefusedSends:
    """A send that X refuses with 401 or 403."""

    REFUSED = CredentialsRejected(
        "write_permission_missing", "x", status=403, endpoint=Endpoint.SEND, until=NOW + timedelta(minutes=10)
    )
    ONCE = CredentialsRejected(
        "credentials_rejected", "x", status=401, code=32, endpoint=Endpoint.SEND, until=NOW + timedelta(minutes=10)
    )

    def test_a_403_stops_the_account_without_a_question(self) -> None:
        asked = Asked()
        assert asked(self.REFUSED) == Pause(NOW + timedelta(minutes=10), self.REFUSED, OUT)
        assert asked.credentials.asked == []

    def test_a_401_that_x_confirms_stops_the_account(self) -> None:
        assert Asked()(self.ONCE) == Pause(NOW + timedelta(minutes=10), self.ONCE, OUT)

    @pytest.mark.parametrize("answer", [None, RateLimited("x"), ServiceUnavailable("x")])
    def test_a_401_that_x_does_not_confirm_costs_seconds(self, answer: ConnectorError | None) -> None:
        asked = Asked(answer=answer)
        waits = [asked(self.ONCE, tries) for tries in range(REJECTED_TRIES)]
        assert waits == [Wait(backoff(tries, 0), spend=True) for tries in range(REJECTED_TRIES)]
        assert asked(self.ONCE, REJECTED_TRIES) == Pause(NOW + timedelta(minutes=10), self.ONCE, OUT)

    @pytest.mark.parametrize("error", [REFUSED, ONCE])
    def test_newer_credentials_are_tried_a_moment_later(self, error: CredentialsRejected) -> None:
        assert Asked(newer=True)(error) == Pause(NOW + TRY_NEWER_AFTER, error, OUT)

    def test_a_limit_of_what_the_account_was_before_does_not_pause_it(self) -> None:
        limited = RateLimited("rate_limited", "", until=NOW + timedelta(minutes=10))
        assert Asked()(limited) == Pause(NOW + timedelta(minutes=10), limited, OUT)
        assert Asked(newer=True)(limited) == Wait(TRY_NEWER_AFTER, spend=False)

    def test_a_limit_of_what_the_account_was_before_closes_no_endpoint(self) -> None:
        limited = RateLimited("x", "", scope=Scope.ENDPOINT, endpoint=Endpoint.UPLOAD, until=NOW + timedelta(minutes=9))
        asked = Asked(newer=True)
        assert asked(limited) == Wait(TRY_NEWER_AFTER, spend=False)
        assert asked.may_call(Endpoint.UPLOAD)

    def test_a_message_to_cim_stops_the_accounts_sending(self) -> None:
        rejected = self.ONCE.waiting(endpoint=Endpoint.CREDENTIALS, scope=Scope.ENDPOINT)
        assert Asked(IN)(rejected) == Pause(NOW + timedelta(minutes=10), rejected, OUT)


def test_a_slow_endpoint_leaves_threads_for_other_messages() -> None:
    endpoints = Endpoints(CLOCK, FakeEndpointPauses(), places=2, total=3)
    with endpoints.using("a", Endpoint.UPLOAD), endpoints.using("a", Endpoint.UPLOAD):
        with pytest.raises(Retryable) as busy, endpoints.using("a", Endpoint.UPLOAD):
            pass
        assert busy.value.until is not None
        with (
            endpoints.using("a", Endpoint.MARK_READ),
            pytest.raises(Retryable),
            endpoints.using("b", Endpoint.UPLOAD),
        ):
            pass
    with endpoints.using("a", Endpoint.UPLOAD), endpoints.using("b", Endpoint.UPLOAD):
        pass


def test_a_fault_of_our_own_is_tried_a_few_times_and_then_given_up_without_its_words() -> None:
    error = KeyError("planted words")
    for tries in range(OWN_FAULT_TRIES - 1):
        assert isinstance(decided(error, tries), Wait)
    decision = decided(error, OWN_FAULT_TRIES - 1)
    assert isinstance(decision, GiveUp)
    assert (decision.error.reason, decision.error.ours) == ("internal_error", True)
    assert "KeyError" in decision.error.detail
    assert "planted" not in str(decision.error)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_waits_grow_up_to_a_ceiling_and_chance_takes_at_most_half(tries: int, chance: float) -> None:
    whole = backoff(tries, 0)
    assert FIRST_WAIT <= whole <= LONGEST_WAIT
    assert backoff(tries + 1, 0) >= whole
    # One microsecond for rounding.
    assert whole / 2 - timedelta(microseconds=1) <= backoff(tries, chance) <= whole


def test_the_first_waits_are_short_enough_for_a_hiccup() -> None:
    assert [backoff(n, 0) / timedelta(seconds=1) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("age", "old"), [(timedelta(), False), (timedelta(hours=24), False), (timedelta(hours=24, seconds=1), True)]
)
def test_a_message_is_given_up_when_it_is_older_than_it_may_be(age: timedelta, old: bool) -> None:
    reason = too_old(NOW - age, NOW, timedelta(hours=24))
    assert (reason is not None) == old
    if reason is not None:
        assert reason.reason == "too_old"
        assert "24 hours" in reason.detail
