"""What flask-smorest is told of a view, for the public document."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from .documentation import IDEMPOTENCY_KEY, error_responses
from .errors import AuthRequired, CsrfFailed, InternalError, RateLimited, ServiceUnavailable
from .schema import camel_case

View = Callable[..., Any]


def documented(view: View, **info: Any) -> View:
    """``view``, with its name and ``info`` in the document."""
    info["operationId"] = camel_case(view.__name__)
    documents_of(view).setdefault("manual_doc", {}).update(info)
    return view


def documents_of(view: View) -> dict[str, Any]:
    """What flask-smorest is told of ``view``, in a copy of its own: wraps shares the original."""
    view._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
    return view._apidoc  # type: ignore[attr-defined]


def with_documents_of(described: View, view: View) -> View:
    """``view`` itself, which does by its own what ``described`` would wrap around it."""
    view._apidoc = described._apidoc  # type: ignore[attr-defined]
    return view


def with_errors(doc: Any, doc_info: Any, method: str) -> Any:
    """``doc`` of an operation, with all that may go wrong."""
    errors = {*doc_info.get("errors", []), InternalError, ServiceUnavailable}
    if not doc_info.get("unlimited"):
        errors.add(RateLimited)
    if AuthRequired in errors and method not in ("get", "head"):
        errors.add(CsrfFailed)
    doc["responses"] = {**error_responses(errors), **doc.get("responses", {})}
    if doc_info.get("cacheable"):
        doc["responses"][304] = {"description": "It is still as `If-None-Match` has it."}
    if doc_info.get("once"):
        doc["parameters"] = [*doc.get("parameters", []), IDEMPOTENCY_KEY]
    return doc
