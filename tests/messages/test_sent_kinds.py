"""Texts, links, places, contacts, templates, lists and signs on their way to the customer; and bodies of any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.twitter.validation import read_draft
from tests.messages import message_builders as t
from twitter_connector.errors import UnsupportedKind
from twitter_connector.messages.kinds.typing import INTERNAL
from twitter_connector.messages.registry import BY_TYPE
from twitter_connector.messages.to_twitter import MESSAGES_MAX, to_plan
from twitter_connector.model.message import CimMessage
from twitter_connector.model.plan import MarkRead, Plan, SendDm, ShowTyping, Skip

# Text


def test_a_text_of_10000_characters_is_one_message_and_one_more_makes_two() -> None:
    assert len(t.plan({"type": "PLAIN", "markdownText": "x" * 10_000}).steps) == 1
    plan = t.plan({"type": "PLAIN", "markdownText": "x" * 10_001})
    assert [len(step.text) for step in plan.steps] == [10_000, 1]


def test_a_text_of_more_messages_than_a_customer_should_get_is_refused() -> None:
    whole = {"type": "PLAIN", "markdownText": "x" * 10_000 * MESSAGES_MAX}
    assert len(t.plan(whole).steps) == MESSAGES_MAX
    with pytest.raises(UnsupportedKind, match="would become 51 Direct Messages; the limit is 50") as refusal:
        to_plan(t.cim({"type": "PLAIN", "markdownText": "x" * (10_000 * MESSAGES_MAX + 1)}))
    assert refusal.value.reason == "text_too_long"


@pytest.mark.parametrize("intent", ["UPDATE", "update", "Update"])
def test_an_edited_text_says_so(intent: str) -> None:
    plan = t.plan({"type": "PLAIN", "markdownText": "It leaves *tomorrow*"}, intent=intent)
    assert [step.text for step in plan.steps] == ["(edited) It leaves tomorrow"]


def test_the_mark_of_an_edited_text_counts_to_its_length() -> None:
    room = 10_000 - len("(edited) ")
    assert len(t.plan({"type": "PLAIN", "markdownText": "x" * room}, intent="UPDATE").steps) == 1
    assert len(t.plan({"type": "PLAIN", "markdownText": "x" * (room + 1)}, intent="UPDATE").steps) == 2


@pytest.mark.parametrize("intent", ["REPLY_TO", "NONE", "track_order", None])
def test_any_other_intent_changes_nothing(intent: str | None) -> None:
    assert t.plan({"type": "PLAIN", "markdownText": "Yes"}, intent=intent).steps[0].text == "Yes"


@pytest.mark.parametrize("text", ["", " \n", None, 7])
def test_a_text_without_words_is_refused(text: object) -> None:
    with pytest.raises(UnsupportedKind, match="empty_text"):
        to_plan(t.cim({"type": "PLAIN", "markdownText": text}, intent="UPDATE"))


@pytest.mark.parametrize("text", ["Grüße", "SGVsbG8", "SGVsbG8= ", "gICA", "Hello", "👋"])
def test_a_text_that_is_not_what_its_flag_says_is_sent_as_it_is(text: str) -> None:
    assert t.plan({"type": "PLAIN", "markdownText": text}, encoded=True).steps[0].text == text


# Links


@pytest.mark.parametrize("name", ["mediaUrl", "mediaURL", "url"])
def test_a_link_is_sent_whatever_its_field_is_called(name: str) -> None:
    assert t.plan({"type": "URL", name: "https://example.com"}).steps[0].text == "https://example.com"


def test_a_link_that_stands_in_the_text_is_not_repeated() -> None:
    body = {"type": "URL", "markdownText": "See https://example.com/a_b_c", "mediaUrl": "https://example.com/a_b_c"}
    assert t.plan(body).steps[0].text == "See https://example.com/a_b_c"


def test_no_link_is_refused() -> None:
    with pytest.raises(UnsupportedKind, match="empty_link"):
        to_plan(t.cim({"type": "URL"}))


# Places


def location(latitude: object, longitude: object, **details: Any) -> dict[str, Any]:
    return {
        "type": "LOCATION",
        "location": {"latitude": latitude, "longitude": longitude},
        "additionalDetails": details or None,
    }


def test_a_place_is_an_attachment_with_name_address_and_link_in_the_text() -> None:
    step = t.plan(location(47.3769, 8.5417, name="Branch", address="Zurich", url="https://example.com")).steps[0]
    assert step.text == "Branch\nZurich\nhttps://example.com"
    point = t.extras_of(step)["attachment"]["location"]["shared_coordinate"]["coordinates"]
    assert point == {"type": "Point", "coordinates": [8.5417, 47.3769]}


@pytest.mark.parametrize(("latitude", "longitude"), [(90, 180), (-90, -180), ("47.5", "8"), (0, 0)])
def test_a_point_at_the_edge_is_a_point(latitude: object, longitude: object) -> None:
    assert t.extras_of(t.plan(location(latitude, longitude)).steps[0])


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90.1, 0), (0, -180.1), (None, 1), ("north", 1), (True, 1), ("nan", 1), ("inf", 1)]
)
def test_no_point_is_its_name_or_refused(latitude: object, longitude: object) -> None:
    step = t.plan(location(latitude, longitude, name="Branch")).steps[0]
    assert (step.text, t.extras_of(step)) == ("Branch", {})
    with pytest.raises(UnsupportedKind, match="no_coordinates"):
        to_plan(t.cim(location(latitude, longitude)))


# Contacts


@pytest.mark.parametrize(
    ("contact", "text"),
    [
        (
            {"name": {"formattedName": "Grace Hopper"}, "phones": [{"phone": "+12025550101"}]},
            "👤 Grace Hopper\n📞 +12025550101",
        ),
        ({"name": "Grace Hopper", "phones": ["+12025550101", None, {"phone": ""}]}, "👤 Grace Hopper\n📞 +12025550101"),
        ({"additionalContactDetails": {"emails": ["g@example.com"], "org": "Navy"}}, "✉️ g@example.com\n🏢 Navy"),
        ({"additionalContactDetails": {"ims": [{"service": "Skype", "user_id": "grace"}]}}, "💬 Skype, grace"),
        (
            {"additionalContactDetails": {"addresses": ["1 Main Street"], "birthday": "1906-12-09"}},
            "🏠 1 Main Street\n🎂 1906-12-09",
        ),
    ],
)
def test_a_contact_is_a_card_of_lines(contact: dict[str, Any], text: str) -> None:
    assert t.plan({"type": "CONTACT", "contacts": [contact]}).steps[0].text == text


def test_several_contacts_stand_below_each_other() -> None:
    contacts = [{"name": {"formattedName": name}} for name in ("Ada", "Grace")]
    assert t.plan({"type": "CONTACT", "contacts": contacts}).steps[0].text == "👤 Ada\n\n👤 Grace"


@pytest.mark.parametrize("contacts", [None, [], [{}], ["Ada"], [{"name": {}, "phones": [{}]}]])
def test_an_empty_contact_is_refused(contacts: object) -> None:
    with pytest.raises(UnsupportedKind, match="empty_contact"):
        to_plan(t.cim({"type": "CONTACT", "contacts": contacts}))


# Templates and lists


def template(*texts: str, **more: Any) -> dict[str, Any]:
    parameters = [{"parameterType": "text", "additionalParameterDetails": {"text": text}} for text in texts]
    return {"type": "TEMPLATE", "name": "t", "components": [{"type": "body", "parameters": parameters}], **more}


def test_a_template_is_its_parameters() -> None:
    assert t.plan(template("Order 4711", "Monday")).steps[0].text == "Order 4711\nMonday"


def test_a_template_whose_wording_is_known_is_filled_in() -> None:
    body = template("Ada", "4711", markdownText="Hello {{1}}: {{ 2 }}, {{3}} {{0}}")
    assert t.plan(body).steps[0].text == "Hello Ada: 4711, {{3}} {{0}}"


@pytest.mark.parametrize(
    "components",
    [None, [], [{"type": "body", "parameters": []}], [{"type": "button", "parameters": [{"payload": "/x"}]}]],
)
def test_a_template_without_text_is_refused(components: object) -> None:
    with pytest.raises(UnsupportedKind, match="template_without_text"):
        to_plan(t.cim({"type": "TEMPLATE", "name": "t", "components": components}))


@pytest.mark.parametrize("type_", ["LIST", "FORM_DATA"])
def test_a_list_is_its_title_and_entries(type_: str) -> None:
    rows = [{"title": "Monday", "description": "9 to 17"}, "Tuesday"]
    body = {"type": type_, "title": "Hours", "sections": [{"title": "Shop", "rows": rows}, {"rows": ["Never"]}]}
    assert t.plan(body).steps[0].text == "Hours\nShop\n• Monday – 9 to 17\n• Tuesday\n• Never"


def test_a_list_with_buttons_can_be_answered() -> None:
    plan = t.plan({"type": "LIST", "title": "Menu", "buttons": [t.button("Soup", "/soup")]})
    assert t.extras_of(plan.steps[0])["quick_reply"]["options"][0]["label"] == "Soup"
    assert plan.asked is not None


@pytest.mark.parametrize("type_", ["LIST", "FORM_DATA"])
def test_an_empty_list_is_refused(type_: str) -> None:
    with pytest.raises(UnsupportedKind, match="empty_list"):
        to_plan(t.cim({"type": type_, "items": [{}, None, []]}))


# Signs


@pytest.mark.parametrize("name", ["TYPING_STARTED", "typing_started", "Typing_Started", "TypingStarted"])
@pytest.mark.parametrize("sender", ["AGENT", "BOT", ""])
def test_an_agent_who_types_is_shown(name: str, sender: str) -> None:
    assert to_plan(t.cim({"type": "NOTIFICATION", "notificationType": name}, sender_type=sender)) == ShowTyping()


@pytest.mark.parametrize("sender", ["CONNECTOR", "CUSTOMER"])
def test_a_sign_of_the_customers_side_does_not_come_back_to_the_customer(sender: str) -> None:
    typing = {"type": "NOTIFICATION", "notificationType": "TYPING_STARTED"}
    read = {"type": "DELIVERYNOTIFICATION", "status": "READ", "messageId": "1"}
    assert to_plan(t.cim(typing, sender_type=sender)) == Skip("ignored_notification_own")
    assert to_plan(t.cim(read, sender_type=sender)) == Skip("ignored_deliverynotification")


@pytest.mark.parametrize("name", INTERNAL)
def test_other_notifications_are_ignored_and_counted_by_name(name: str) -> None:
    skip = to_plan(t.cim({"type": "NOTIFICATION", "notificationType": name}))
    assert skip == Skip(f"ignored_notification_{name.lower()}")


@pytest.mark.parametrize("name", ["SOMETHING_NEW", "", None, 7, ["x"]])
def test_notifications_nobody_knows_are_counted_together(name: object) -> None:
    assert to_plan(t.cim({"type": "NOTIFICATION", "notificationType": name})) == Skip("ignored_notification")


@pytest.mark.parametrize("status", ["READ", "read", "Read"])
def test_what_an_agent_has_read_is_marked_as_read(status: str) -> None:
    body = {"type": "DELIVERYNOTIFICATION", "status": status, "messageId": "5d2f9a10", "reasonCode": 200}
    assert to_plan(t.cim(body)) == MarkRead("5d2f9a10")


@pytest.mark.parametrize("status", ["DELIVERED", "FAILED", "CONNECTED", "", None])
def test_other_reports_are_ignored(status: object) -> None:
    body = {"type": "DELIVERYNOTIFICATION", "status": status, "messageId": "5d2f9a10"}
    assert to_plan(t.cim(body)) == Skip("ignored_deliverynotification")


def test_a_reading_that_names_no_message_is_ignored_under_its_own_name() -> None:
    assert to_plan(t.cim({"type": "DELIVERYNOTIFICATION", "status": "READ"})) == Skip("read_names_no_message")


# Anything

words = st.sampled_from(["", " ", "a", "https://example.com/a.png", "/x{}", "url", "READ", "1", "\ud800", "x" * 50])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words
names = st.sampled_from(
    [
        *("markdownText", "caption", "attachment", "mediaUrl", "mimeType", "size", "mediaName", "buttons", "title"),
        *("payload", "type", "url", "additionalButtonDetails", "description", "sectionTitle", "elements", "text"),
        *("additionalCarouselElementDetails", "defaultAction", "location", "latitude", "longitude", "name", "address"),
        *("additionalDetails", "fileName", "contacts", "phones", "phone", "additionalContactDetails", "emails", "org"),
        *("components", "parameters", "additionalParameterDetails", "items", "sections", "rows", "interactive", "body"),
        *("notificationType", "messageId", "status", "formattedName", "addresses", "image_url", "birthday"),
    ]
)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6), max_leaves=40
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(BY_TYPE)), st.dictionaries(names, anything, max_size=10), st.booleans())
def test_a_body_of_any_shape_is_either_sent_in_a_form_twitter_takes_or_refused_by_name(
    type_: str, body: dict[str, Any], encoded: bool
) -> None:
    message = t.cim({**body, "type": type_}, encoded=encoded)
    made = outcome_of(message)
    assert made == outcome_of(message)
    if isinstance(made, Plan):
        assert made.steps
        for step in made.steps:
            expect_twitter_to_take(step)


pairs = [t.payload(f"{name}.in")["body"] for name in t.pair_names("outbound")]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(pairs), st.data())
def test_a_documented_body_with_something_odd_in_it_is_sent_or_refused_too(
    body: dict[str, Any], data: st.DataObject
) -> None:
    bent = data.draw(bend(body))
    if not isinstance(bent, dict):
        return
    made = outcome_of(t.cim({**bent, "type": body["type"]}))
    for step in made.steps if isinstance(made, Plan) else ():
        expect_twitter_to_take(step)


def bend(value: Any) -> st.SearchStrategy[Any]:
    """Return values like this one, with here and there a part that is anything else."""
    if isinstance(value, dict):
        same: st.SearchStrategy[Any] = st.fixed_dictionaries({key: bend(inner) for key, inner in value.items()})
    elif isinstance(value, list):
        same = st.tuples(*(bend(inner) for inner in value)).map(list)
    else:
        same = st.just(value)
    return st.integers(0, 9).flatmap(lambda chance: anything if chance == 9 else same)


def outcome_of(message: CimMessage) -> object:
    try:
        return to_plan(message, public_base=t.PUBLIC_BASE)
    except UnsupportedKind as refusal:
        return (refusal.reason, refusal.detail)


def expect_twitter_to_take(step: SendDm) -> None:
    media = {"attachment": {"type": "media", "media": {"id": "1"}}} if step.media else {}
    assert not (media and "attachment" in t.extras_of(step)), "a message has one attachment"
    data = {"text": step.text, **t.extras_of(step), **media}
    json.dumps(data, allow_nan=False)
    create = {"target": {"recipient_id": "1"}, "message_data": data}
    read_draft({"event": {"type": "message_create", "message_create": create}})
