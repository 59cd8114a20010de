"""The route of API v2 that saves the alternative text of an upload."""

from flask import jsonify
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.twitter.errors import TwitterError
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import invalid

media_metadata = blueprint("media_metadata")

_CHARACTERS = 1000


@media_metadata.post("/2/media/metadata")
@endpoint("v2/media/metadata", *USER, scopes=("media.write",))
def describe(caller: Caller) -> ResponseReturnValue:
    """Save the alternative text of an upload of the caller."""
    body = body_of({"id", "metadata"}, {"id"})
    store, media_id = the_sandbox().media, str(body["id"])
    metadata = body.get("metadata")
    alt_text = metadata.get("alt_text") if isinstance(metadata, dict) else None
    text = alt_text.get("text") if isinstance(alt_text, dict) else None
    if not isinstance(text, str) or len(text) > _CHARACTERS:
        raise invalid(f"$.metadata.alt_text.text: must have at most {_CHARACTERS} characters")
    try:
        store.describe(store.upload(media_id, caller.account.id), text)
    except TwitterError:
        raise invalid(f"The `id` value [{media_id}] is not valid", id=media_id) from None
    return jsonify(data={"id": media_id, "associated_metadata": {"alt_text": {"text": text}}})
