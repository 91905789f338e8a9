"""What Stripe hears."""

from ..fields import Flag
from ..schema import Schema


class ReceivedSchema(Schema):
    received = Flag(required=True)
