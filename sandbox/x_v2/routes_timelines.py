"""Routes of API v2 that look posts up: by id, the mentions of a user, and a user's own timeline."""

import time
from datetime import datetime

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.post_store import Post
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import ANY, blueprint, endpoint
from sandbox.x_v2.pages import read_token, token_for
from sandbox.x_v2.posts import asked_posts
from sandbox.x_v2.problems import invalid, not_found

timelines = blueprint("timelines")

_SCOPES = ("tweet.read", "users.read")


@timelines.get("/2/tweets/<post_id>")
@endpoint("v2/posts/lookup", *ANY, scopes=_SCOPES, billed=True)
def one(caller: Caller, post_id: str) -> ResponseReturnValue:
    """Show a post. An unknown or deleted one is 200 with `errors` and no `data`."""
    sandbox = the_sandbox()
    post = sandbox.post_store.visible(post_id)
    if post is None:
        return jsonify(errors=[not_found("tweet", "id", post_id)])
    _charge(caller, [post])
    body = sandbox.posts.page([post], asked_posts(dict(request.args)))
    return jsonify({**body, "data": body["data"][0]})


@timelines.get("/2/tweets")
@endpoint("v2/posts/lookup", *ANY, scopes=_SCOPES, billed=True)
def several(caller: Caller) -> ResponseReturnValue:
    """Show up to 100 posts, with `errors` for those that are unknown or deleted."""
    sandbox = the_sandbox()
    ids = [each for each in request.args.get("ids", "").split(",") if each]
    if not 1 <= len(ids) <= 100:
        raise invalid("The `ids` query parameter must have between 1 and 100 values", ids=request.args.get("ids", ""))
    posts = [post for each in ids if (post := sandbox.post_store.visible(each))]
    _charge(caller, posts)
    known = {post.id for post in posts}
    missing = [not_found("tweet", "ids", each) for each in ids if each not in known]
    page = sandbox.posts.page(posts, asked_posts(dict(request.args)))
    return jsonify({**page, **({"errors": missing} if missing else {})})


@timelines.get("/2/users/<user_id>/mentions")
@endpoint("v2/posts/mentions", *ANY, scopes=_SCOPES, billed=True)
def mentions(caller: Caller, user_id: str) -> ResponseReturnValue:
    """List the posts that mention a user, newest first, without reposts."""
    posts = [
        post for post in the_sandbox().post_store.shown() if user_id in post.mentioned_ids and not post.reposted_id
    ]
    return _page(caller, posts)


@timelines.get("/2/users/<user_id>/tweets")
@endpoint("v2/posts/timeline", *ANY, scopes=_SCOPES, billed=True)
def timeline(caller: Caller, user_id: str) -> ResponseReturnValue:
    """List the posts of a user, newest first."""
    left_out = set(filter(None, request.args.get("exclude", "").split(",")))
    posts = [
        post
        for post in the_sandbox().post_store.shown()
        if post.author_id == user_id
        and not (post.in_reply_to_id and "replies" in left_out)
        and not (post.reposted_id and "retweets" in left_out)
    ]
    return _page(caller, posts)


def _page(caller: Caller, posts: list[Post]) -> ResponseReturnValue:
    sandbox = the_sandbox()
    count = request.args.get("max_results", "10")
    if not count.isdigit() or not 5 <= int(count) <= 100:
        raise invalid(f"The `max_results` query parameter value [{count}] is not between 5 and 100", max_results=count)
    since, until = _number("since_id", 0), _number("until_id", 1 << 64)
    begun, ended = _moment("start_time", 0.0), _moment("end_time", time.time() - sandbox.settings.timeline_lag)
    below = read_token(token) if (token := request.args.get("pagination_token")) else until
    matching = [
        post for post in reversed(posts) if since < int(post.id) < min(until, below) and begun <= post.created <= ended
    ]
    page = matching[: int(count)]
    _charge(caller, page)
    body = sandbox.posts.page(page, asked_posts(dict(request.args)))
    body["meta"] = {"result_count": len(page)}
    if page:
        body["meta"] |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
    if len(matching) > len(page):
        body["meta"]["next_token"] = token_for(int(page[-1].id))
    return jsonify(body)


def _charge(caller: Caller, posts: list[Post]) -> None:
    account_id = caller.user.id if caller.user else ""
    for post in posts:
        owned = account_id and account_id in {post.author_id, *post.mentioned_ids}
        kind = "post_owned_read" if owned else "post_read"
        the_sandbox().v2.credits.charge(caller.app.id, kind, account_id, post.id)


def _number(name: str, usual: int) -> int:
    value = request.args.get(name, str(usual))
    if not value.isdigit():
        raise invalid(f"The `{name}` query parameter value [{value}] does not match ^[0-9]{{1,19}}$", **{name: value})
    return int(value)


def _moment(name: str, usual: float) -> float:
    value = request.args.get(name)
    try:
        return datetime.fromisoformat(value).timestamp() if value else usual
    except ValueError:
        raise invalid(
            f"The `{name}` query parameter value [{value}] is not a valid moment", **{name: value or ""}
        ) from None
