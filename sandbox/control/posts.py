"""Control API for public posts: what customers and the brand publish."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.control.conversations import upload
from sandbox.control.request_fields import (
    Refusal,
    account_in,
    blueprint,
    body_fields,
    customer_in,
    flag,
    integer,
    query_integer,
)
from sandbox.people import User
from sandbox.state import Sandbox, the_sandbox
from sandbox.twitter.dm import WEB_APP
from sandbox.twitter.post_store import Post
from sandbox.twitter.publish import delete, edit, publish

posts = blueprint("posts")


@posts.post("/customer/posts")
def customer_posts() -> ResponseReturnValue:
    """Let a customer publish: a mention, a reply, a quote or a repost, with up to four files."""
    sandbox, fields = the_sandbox(), body_fields()
    delivery = {**sandbox.switches.delivery(), **fields}
    how = {
        "times": integer(delivery, "repeat_delivery", 1),
        "swap": flag(delivery, "swap", default=False),
        "deliver": flag(delivery, "deliver", default=True),
    }
    return _published(sandbox, customer_in(fields), fields, **how)


@posts.post("/account/posts")
def account_posts() -> ResponseReturnValue:
    """Let the brand publish in X's own app, not through the contact centre."""
    fields = body_fields()
    return _published(the_sandbox(), account_in(fields), fields, source_app_id=WEB_APP["id"])


@posts.post("/posts/edit")
def edit_post() -> ResponseReturnValue:
    """Let the author edit a post: a new version with an id of its own."""
    sandbox, fields = the_sandbox(), body_fields()
    text = str(fields.get("text") or "")
    if not text:
        raise Refusal("text is missing")
    made = edit(sandbox, _post(sandbox, fields, "post_id"), text, deliver=flag(fields, "deliver", default=True))
    return jsonify(sandbox.post_store.show(made)), 201


@posts.post("/posts/delete")
def delete_post() -> ResponseReturnValue:
    """Let the author delete a post."""
    sandbox, fields = the_sandbox(), body_fields()
    delete(sandbox, _post(sandbox, fields, "post_id"), deliver=flag(fields, "deliver", default=True))
    return "", 204


@posts.post("/account/long-posts")
def allow_long_posts() -> ResponseReturnValue:
    """Let the posts of an account have 25,000 characters, or 280 again with `on` false."""
    fields = body_fields()
    account = account_in(fields)
    account.long_posts = flag(fields, "on", default=True)
    the_sandbox().directory.add_users([account])
    return "", 204


@posts.get("/posts")
def list_posts() -> ResponseReturnValue:
    """List posts, oldest first, deleted and earlier versions too."""
    sandbox, since, named = the_sandbox(), query_integer("since"), dict(request.args)
    account_id = named.get("account_id")
    return jsonify(
        posts=[
            {**sandbox.post_store.show(post), "shown": sandbox.post_texts.of(post).text}
            for post in sandbox.post_store.all()
            if int(post.id) > since
            and named.get("author_id") in (None, post.author_id)
            and named.get("conversation_id") in (None, post.conversation_id)
            and (account_id is None or account_id in {post.author_id, *post.mentioned_ids})
        ]
    )


def _published(sandbox: Sandbox, author: User, fields: dict[str, Any], **how: Any) -> ResponseReturnValue:
    text, files = str(fields.get("text") or ""), request.files.getlist("media_file")
    parent, quoted, reposted = (
        _post(sandbox, fields, name) if fields.get(name) else None for name in ("in_reply_to", "quote", "repost")
    )
    if not (text.strip() or files or reposted):
        raise Refusal("text, media_file or repost is missing")
    if len(files) > 4:
        raise Refusal("a post has at most four files")
    media = [upload(sandbox, author.id, file, fields.get("media_type"), "tweet") for file in files]
    alt_text = str(fields.get("alt_text") or "")
    for each in media if alt_text else ():
        sandbox.media.describe(each, alt_text)
    made = publish(
        sandbox,
        author,
        text,
        parent=parent,
        quoted_id=quoted.id if quoted else None,
        reposted_id=reposted.id if reposted else None,
        media_ids=[each.id for each in media],
        **how,
    )
    return jsonify(sandbox.post_store.show(made)), 201


def _post(sandbox: Sandbox, fields: dict[str, Any], name: str) -> Post:
    post = sandbox.post_store.visible(str(fields.get(name)))
    if post is None:
        raise Refusal(f"{name}: there is no such post", 404)
    return post
