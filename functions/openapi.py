"""The OpenAPI 3.1 document of the whole API, made from what the endpoints declare.

`python -m functions.openapi` writes functions/docs/openapi.json, which the docs function serves as it is; with `--check`
it writes nothing and exits 1 when the file is not what the code says. A tool of the build: no function imports it.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from functions import problems
from functions.web import Endpoint
from shared.idempotency.queries import KeyReused
from shared.kit.errors import DependencyDown, Forbidden, Invalid, Refusal
from shared.kit.settings import Settings
from shared.sign_in.tokens import InvalidToken

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "functions" / "docs" / "openapi.json"
JSON = "application/json"
Json = dict[str, Any]
Mode = Literal["validation", "serialization"]

DESCRIPTION = """
Amounts are rupees with at most two places, instants are UTC, dates and times of day are the place's own. An unknown
field is refused. In a PUT an absent field stays as it is and null clears it. Lists come newest first: send
`next_cursor` as `cursor` for the next page. Every error is a problem document (RFC 9457) whose `code` never changes.
"""

# What a field holds in the examples, by its name; an example its own model refuses stops the generation.
SAMPLES: Json = {
    "address_id": "0190d6b4-7c1e-7a52-9d3f-5b8e2a4c6f01",
    "avatar_url": "https://images.sizzle.example/meera.jpg",
    "bio": "Twelve years of Malvani and Goan home cooking.",
    "booking_date": "2026-12-24",
    "booking_id": "0190d6b4-7c1e-7a52-9d3f-5b8e2a4c6f02",
    "city": "Mumbai",
    "dob": "1990-04-17",
    "duration_hours": 3,
    "email": "meera@sizzle.example",
    "experience_years": 12,
    "full_address": "12 Hill Road, Bandra West",
    "guest_count": 6,
    "hourly_rate": 399,
    "is_available": True,
    "is_default": True,
    "label": "Home",
    "latitude": 19.0596,
    "longitude": 72.8295,
    "name": "Meera Nair",
    "otp": "482913",
    "phone": "+919876543210",
    "pincode": "400050",
    "refresh_token": "AZDWtHweelKdP1uOKkxvAQAAAAC0c2lnbmVkIGJ5IHVz",
    "service_city": "Mumbai",
    "special_requests": "No peanuts, please.",
    "specialties": ["Malvani", "Goan"],
    "state": "Maharashtra",
    "status": "confirmed",
    "time_slot": "19:00",
}
# What does not go together with the rest.
LEFT_OUT = {
    "BookingRequest": {"quote_id"},
    "CodePresented": {"phone", "refresh_token"},
    "Identified": {"phone", "refresh_token"},
}
PARAMETERS = {
    "cursor": "`next_cursor` of the page before.",
    "limit": "How many items at most.",
    "status": "Only those in this state.",
    "txn": "The attempt's `merchant_txn_id`.",
}

HEADERS: Json = {
    "Allow": {"description": "The methods there are.", "schema": {"type": "string", "examples": ["GET, POST"]}},
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string", "const": "Bearer"}},
    "X-Request-Id": {"description": "Names this request in our logs.", "schema": {"type": "string"}},
}
HEADERS_OF = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
PROBLEM = {
    "description": "Why a request was refused (RFC 9457). Some codes tell more in further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "What the code means, in a few words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for a person."},
        "code": {"type": "string", "pattern": "^[a-z_]+$", "description": "The reason, for a program."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
    },
    "additionalProperties": True,
}
FIELD_ERROR = {
    "type": "object",
    "required": ["field", "message"],
    "properties": {"field": {"type": "string", "examples": ["booking_date"]}, "message": {"type": "string"}},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes the request safe to repeat for 24 hours: the same key and body get the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of verify-otp or refresh. Its role must be the operation's `x-role`.",
}
# PhonePe's message is verified over its bytes before anything reads it, so no model describes it.
PHONEPE: Json = {
    "parameters": [
        {
            "name": "X-VERIFY",
            "in": "header",
            "required": True,
            "description": "SHA-256 of `response` and our salt in lower-case hex, `###`, the index of the salt.",
            "schema": {"type": "string", "pattern": "^[0-9a-f]{64}###[0-9]+$"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["response"],
                    "properties": {"response": {"type": "string", "contentEncoding": "base64"}},
                },
                "example": {"response": "eyJzdWNjZXNzIjp0cnVlLCJjb2RlIjoiUEFZTUVOVF9TVUNDRVNTIn0="},
            }
        },
    },
}
BY_HAND = {"callback_phonepe": PHONEPE, "callback_phonepe_by_name": PHONEPE}
