"""The lower bound to compare the service with: W0, W1 and W2 in bare WSGI and psycopg.

It uses the service's tables, but has no rate limits, request ids, revocation or log, and hardly any
validation.
"""

import json
import os
import threading
from decimal import Decimal
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
import psycopg
import simplejson

DSN, SECRET = os.environ["DATABASE_URL"], os.environ["JWT_SECRET_KEY"]
local = threading.local()

PAGE = """
SELECT json_build_object('data', coalesce((SELECT json_agg(c) FROM (
    SELECT id, user_id AS "userId", wealth, nisab, zakat_amount AS "zakatAmount", eligible, notes,
           calculated_at AS "calculatedAt"
    FROM zakat_calculations WHERE user_id = %(user)s
    ORDER BY calculated_at DESC LIMIT %(limit)s OFFSET %(offset)s) c), '[]'),
  'pagination', json_build_object('limit', %(limit)s::int, 'offset', %(offset)s::int,
    'total', (SELECT count(*) FROM zakat_calculations WHERE user_id = %(user)s)))::text
"""
INSERT = """
INSERT INTO zakat_calculations (id, user_id, wealth, nisab, zakat_amount, eligible, rate, currency,
                                year_basis, notes, calculated_at)
VALUES (%s, %s, %s, %s, %s, %s, 0.025, 'USD', 'lunar', %s, now())
RETURNING json_build_object('id', id, 'userId', user_id, 'wealth', wealth, 'nisab', nisab,
    'zakatAmount', zakat_amount, 'eligible', eligible, 'notes', notes,
    'calculatedAt', calculated_at)::text
"""


def fetch_json(sql, values):
    """Execute a statement on this thread's connection, and return its one value."""
    if not hasattr(local, "connection"):
        local.connection = psycopg.connect(DSN, autocommit=True, prepare_threshold=0)
    return local.connection.execute(sql, values).fetchone()[0]


def handle(environ):
    """Return the status line and the body of the response."""
    if environ["PATH_INFO"] == "/api/health":
        return "200 OK", json.dumps({"status": "healthy"})
    user = jwt.decode(environ["HTTP_AUTHORIZATION"][7:], SECRET, ["HS256"])["sub"]
    if environ["REQUEST_METHOD"] == "GET":
        query = parse_qs(environ["QUERY_STRING"])
        limit, offset = int(query["limit"][0]), int(query["offset"][0])
        return "200 OK", fetch_json(PAGE, {"user": user, "limit": limit, "offset": offset})
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    data = simplejson.loads(body, use_decimal=True)
    wealth, nisab = data["wealth"], data["nisab"]
    due = (wealth * Decimal("0.025")).quantize(Decimal("0.01")) if wealth >= nisab else 0
    values = (uuid4(), user, wealth, nisab, due, wealth >= nisab, data["notes"])
    return "201 Created", fetch_json(INSERT, values)


def app(environ, start_response):
    status, text = handle(environ)
    body = text.encode()
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
