"""Carries out what an agent does in a conversation by public comments: answer, like, hide, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twitter_connector.errors import (
    CredentialsRejected,
    Endpoint,
    LeaseLost,
    Permanent,
    Retryable,
    Scope,
    UnsupportedKind,
)
from twitter_connector.messages.kinds.comment import ATTRIBUTES
from twitter_connector.model.account import Account
from twitter_connector.model.event import is_id
from twitter_connector.model.message import CimMessage
from twitter_connector.model.oauth2 import scopes_lacking
from twitter_connector.model.plan import ActOnPost, PostPlan, SendDm
from twitter_connector.model.post import OFF
from twitter_connector.model.posts import Posts
from twitter_connector.model.work import COMMENTS, Effect, InThread

from .consumer import Attempt
from .ports import ANSWERED_WITHIN, CommentsPort, ConversationsPort, TwitterFor
from .post_step import PostStep
from .send_tools import SendTools

# How often an answer looks again that waits for a grant with more scopes.
GRANT_LOOK = timedelta(minutes=1)
# CCM can have a comment before the connector knows that it does: its worker was killed, or CCM's answer was lost. Then
# the comment waits in its lane, is delivered again, and known. If a failover of the broker lost the record, X delivers
# the comment again within this time.
KNOWN_WITHIN = timedelta(minutes=2)
COMMENT_LOOK = timedelta(seconds=2)


@dataclass(frozen=True)
class PublicAnswers:
    """posts_for: the public posts of an account at X."""

    tools: SendTools
    comments: CommentsPort
    conversations: ConversationsPort
    posts_for: Callable[[Account], Posts]
    twitter_for: TwitterFor

    def carry_out(
        self, attempt: Attempt, message: CimMessage, plan: PostPlan | ActOnPost, account: Account
    ) -> Sequence[Effect]:
        """Bring a plan to its end, and return what settling it stores. Raises an error of one of the families."""
        if lacking := scopes_lacking(account):
            raise CredentialsRejected(
                "oauth2_scope_missing",
                lacking,
                scope=Scope.ENDPOINT,
                endpoint=Endpoint.POST,
                until=self.tools.clock() + GRANT_LOOK,
                ours=True,
            )
        posts = self.posts_for(account)
        if isinstance(plan, ActOnPost):
            self._act(message, plan, account, posts, attempt.lease.accepted_at)
            return ()
        return self._answer(attempt, message, plan, account, posts)

    def _answer(
        self, attempt: Attempt, message: CimMessage, plan: PostPlan, account: Account, posts: Posts
    ) -> Sequence[Effect]:
        """Publish the steps of a plan: the first below the comment, each further one below the one before it."""
        lease, target = attempt.lease, self._chosen(attempt, message, account)
        known = self.tools.ledger.steps(account.id, message.id)
        attempt.sent = [done.dm_id for _, done in sorted(known.items()) if done.dm_id]
        attempt.sent_before = len(attempt.sent)
        before = target
        for number, step in enumerate(plan.steps):
            done = known.get(number)
            if done is not None and done.dm_id:
                before = done.dm_id
                continue
            below = replace(step, in_reply_to=before)
            before = PostStep(
                self.tools,
                lease,
                message,
                number,
                SendDm(step.text, step.media),
                account,
                self.twitter_for(account),
                posts=posts,
                post=below,
                summoned=not number,
            ).perform(done)
            attempt.sent.append(before)
        thread = self.comments.thread_of(account.id, target) or target
        return [InThread(account.id, post_id, thread) for post_id in attempt.sent]

    def _chosen(self, attempt: Attempt, message: CimMessage, account: Account) -> str:
        """Return the comment that a message answers, the same one at every try: a newer one may come meanwhile."""
        ledger = self.tools.ledger
        target = ledger.target(account.id, message.id)
        if target is None:
            target = self._comment(message, account, attempt.lease.accepted_at)
            if not ledger.write_target(attempt.lease, message.id, target):
                raise LeaseLost
        return target

    def _act(self, message: CimMessage, plan: ActOnPost, account: Account, posts: Posts, accepted_at: datetime) -> None:
        if plan.action == "delete":
            with self.tools.endpoints.using(account.id, Endpoint.DELETE):
                for post_id in self._own(message, account):
                    posts.delete(post_id)
            return
        target = self._comment(message, account, accepted_at)
        acts = {"like": posts.like, "unlike": posts.unlike, "hide": posts.hide}
        with self.tools.endpoints.using(account.id, Endpoint.HIDE if plan.action == "hide" else Endpoint.LIKE):
            acts[plan.action](target)

    def _comment(self, message: CimMessage, account: Account, accepted_at: datetime) -> str:
        """Return the post that a message names by CIM's id or X's, else the customer's newest comment."""
        header = message.header
        if header.original_message_id and (post_id := self._post_of(header.original_message_id, message, account)):
            return post_id
        if header.provider_message_id and is_id(header.provider_message_id):
            return header.provider_message_id
        last = self.comments.last_comment(account.id, header.customer_id)
        named, now = header.original_message_id, self.tools.clock()
        age, more_waiting = now - accepted_at, self.conversations.any_waiting(account.id, header.customer_id + COMMENTS)
        not_yet = Retryable("comment_unknown", "The comment is not known yet.", until=now + COMMENT_LOOK)
        if last is None or (named and message.type == "COMMENT"):
            if more_waiting or (named and age < KNOWN_WITHIN):
                raise not_yet
            raise Permanent(
                "comment_unknown",
                "The connector does not know which comment this is for: it knows none of this customer, or not the one "
                "that originalMessageId names. Answer at X.",
            )
        if more_waiting and age < ANSWERED_WITHIN:
            # It may be for a comment that is newer than the last one.
            raise not_yet
        return last

    def _post_of(self, cim_id: str, message: CimMessage, account: Account) -> str:
        """Return the post of a CIM id, the customer's or ours; "" if it is none."""
        post_id = self.conversations.event_of(account.id, cim_id)
        if post_id is not None and self.comments.thread_of(account.id, post_id) is not None:
            return post_id
        return next((post_id for post_id, of in self._sent(message, account).items() if of == cim_id), "")

    def _own(self, message: CimMessage, account: Account) -> list[str]:
        """Return the posts that an earlier message of ours became, the last one first."""
        sent = self._sent(message, account)
        own = [post_id for post_id, of in sent.items() if of == message.header.original_message_id]
        if not own:
            raise Permanent(
                "reply_unknown",
                "The connector has not sent the reply that originalMessageId names, or sent it more than a week ago. "
                "Delete it at X.",
            )
        return own[::-1]

    def _sent(self, message: CimMessage, account: Account) -> dict[str, str]:
        return self.tools.ledger.own(account.id, message.header.customer_id + COMMENTS)


def refuse_if_off(message: CimMessage, account: Account) -> None:
    """Raise UnsupportedKind if an account takes no part in public posts, or not in this."""
    if account.posts == OFF:
        raise UnsupportedKind(
            "posts_off",
            "Public posts are off for this account. Switch them on with POSTS in its registration, in the channel's "
            f"attributes, or with `twitter-connector posts {account.id} all`.",
        )
    attribute = ATTRIBUTES.get(str(message.body.get("itemType") or "").upper() if message.type == "COMMENT" else "TEXT")
    if attribute and account.settings.get(attribute.lower()) == "false":
        raise UnsupportedKind("switched_off", f"{attribute} is false in the channel's attributes.")
