"""What Stripe hears."""

from ..http.fields import Flag
from ..http.schemas import Schema


class ReceivedSchema(Schema):
    received = Flag(required=True)
