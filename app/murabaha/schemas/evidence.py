"""Response schemas of the evidence of a sale."""

from marshmallow import fields

from ...http.fields import StrictBoolean, StrictDate, StrictUUID, Text, UtcDateTime
from ...http.schemas import Schema
from ..rules import STATES
from ..rules.evidence import RULE_OF_ACTION, RULES

OWNERS = ("vendor", "institution", "client")


class OwnershipSchema(Schema):
    """Who owned the goods, and from when to when."""

    owner = Text(required=True, metadata={"example": "institution", "enum": list(OWNERS)})
    name = Text(required=True, metadata={"example": "OSE Platform"})
    since = StrictDate(required=True, allow_none=True)
    until = StrictDate(required=True, allow_none=True, metadata={"example": "2026-01-28"})


class RuleCitationSchema(Schema):
    """A rule, and where it comes from."""

    rule = Text(required=True, metadata={"example": "ownership", "enum": list(RULES)})
    rule_text = Text(required=True, metadata={"example": str(RULES["ownership"].text)})
    source = Text(required=True, metadata={"example": RULES["ownership"].source})


class GateSchema(RuleCitationSchema):
    """A rule that the figures prove or disprove."""

    is_met = StrictBoolean(required=True)
    text = Text(required=True, metadata={"example": "Owned since 2026-01-26, sold on 2026-01-28."})


class EvidenceLineSchema(RuleCitationSchema):
    """A step, and the rule that asks for it."""

    at = UtcDateTime(required=True)
    action = Text(required=True, metadata={"example": "acquire", "enum": list(RULE_OF_ACTION)})
    text = Text(required=True, metadata={"example": "The institution acquired the goods"})
    user_id = StrictUUID(required=True, allow_none=True)
    is_deviation = StrictBoolean(required=True, metadata={"example": False})
    facts = fields.Dict(required=True, metadata={"example": {"invoice": "INV-2026-118"}})


class EvidenceSchema(Schema):
    """The evidence of a sale, for a Shari'ah board."""

    application_id = StrictUUID(required=True)
    application_number = Text(required=True, metadata={"example": "M-2026-000001"})
    status = Text(required=True, metadata={"example": "active", "enum": list(STATES)})
    currency = Text(required=True, metadata={"example": "USD"})
    ownership = fields.List(fields.Nested(OwnershipSchema), required=True)
    gates = fields.List(fields.Nested(GateSchema), required=True)
    lines = fields.List(fields.Nested(EvidenceLineSchema), required=True)
