"""Routes of the key directory: the public keys of users."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from sandbox.state import the_sandbox
from sandbox.x_chat.library import new_chat
from sandbox.x_chat.records import PublicKeys
from sandbox.x_chat.request_values import chosen_fields, needs_library
from sandbox.x_v2.caller import Caller
from sandbox.x_v2.endpoint import USER, blueprint, body_of, endpoint
from sandbox.x_v2.problems import invalid, plain

chat_keys = blueprint("chat_keys")

_FIELDS = (
    "identity_public_key_signature",
    "juicebox_config",
    "public_key",
    "public_key_version",
    "signing_public_key",
)
_READ = ("users.read", "tweet.read", "dm.read")


@chat_keys.get("/2/users/<user_id>/public_keys")
@endpoint("v2/chat/public_keys", *USER, scopes=_READ)
def show(caller: Caller, user_id: str) -> ResponseReturnValue:
    """Show the keys of a user, the newest first; `juicebox_config` only to the user itself."""
    fields = chosen_fields("public_key.fields", _FIELDS)
    return jsonify(data=[_shown(keys, fields, caller) for keys in the_sandbox().chat.keys.of_user(user_id)])


@chat_keys.get("/2/users/public_keys")
@endpoint("v2/chat/public_keys", *USER, scopes=_READ)
def show_several(caller: Caller) -> ResponseReturnValue:
    """Refuse the list form, as X was seen to do."""
    raise plain(403)


@chat_keys.post("/2/users/<user_id>/public_keys")
@endpoint("v2/chat/public_keys/add", *USER, scopes=("tweet.read", "dm.write", "users.read"))
@needs_library
def add(caller: Caller, user_id: str) -> ResponseReturnValue:
    """Register keys of the caller."""
    body = body_of({"public_key", "version", "generate_version"}, {"public_key", "version"})
    if caller.account.id != user_id:
        raise plain(403, "You may register your own keys only.")
    names = ("public_key", "signing_public_key", "identity_public_key_signature")
    made = body["public_key"] if isinstance(body["public_key"], dict) else {}
    values = [made.get(name) for name in names]
    if not all(isinstance(value, str) and value for value in values):
        raise invalid(f"$.public_key: {', '.join(names)} are required")
    if not _is_bound(values):
        raise invalid("$.public_key.identity_public_key_signature: does not belong to these keys")
    keys = the_sandbox().chat.keys
    version = keys.new_version(user_id) if body.get("generate_version") else str(body["version"])
    if not version.isdigit() or keys.with_version(user_id, version):
        raise invalid("$.version: must be a new number")
    public, signing, signature = (str(value) for value in values)
    keys.add(PublicKeys(user_id, version, public, signing, signature))
    return jsonify(data={"public_key_version": version, "juicebox_config": _key_backup()})


def _is_bound(values: list[Any]) -> bool:
    try:
        return bool(new_chat().verify_key_binding(*values))
    except ValueError:
        return False


def _shown(keys: PublicKeys, fields: frozenset[str], caller: Caller) -> dict[str, Any]:
    known = {
        "identity_public_key_signature": keys.identity_public_key_signature,
        "public_key": keys.public_key,
        "public_key_version": keys.version,
        "signing_public_key": keys.signing_public_key,
    }
    if caller.account.id == keys.user_id:
        known["juicebox_config"] = _key_backup()
    return {name: value for name, value in known.items() if name in fields}


def _key_backup() -> Any:
    """Return where a user's keys are backed up behind a PIN. The sandbox has no such server: each PIN fails."""
    address = f"{request.host_url}_sandbox/no-key-backup/"
    realm = "5a" * 16
    stored = {
        "realms": [{"id": realm, "address": address}],
        "register_threshold": 1,
        "recover_threshold": 1,
        "pin_hashing_mode": "Standard2019",
    }
    return {
        "key_store_token_map_json": jsonify(stored).get_data(as_text=True),
        "max_guess_count": 20,
        "token_map": [{"key": realm, "value": {"address": address, "token": "SANDBOX-no-key-backup"}}],
    }
