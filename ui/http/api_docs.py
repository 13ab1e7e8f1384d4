"""`/docs`: the OpenAPI document as a plain page, which loads nothing from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif }
section { margin: 2rem 0; padding-top: .5rem; border-top: 1px solid #8885 }
h2 code, .method { font-size: 1.1rem }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere }
table { border-collapse: collapse; table-layout: fixed; width: 100%; margin: .5rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8883 }
th { width: 25%; font-weight: 600 }
td, th { overflow-wrap: anywhere }
nav { columns: 18rem }
@media (max-width: 40rem) {
  tr { display: block; padding: .4rem 0; border-bottom: 1px solid #8883 }
  th, td { display: block; width: auto; border: 0; padding: 0 }
}
"""
_CODE = re.compile(r"`([^`]+)`")


def draw_docs(document: dict[str, Any]) -> str:
    """Returns the page."""
    info, schemas = document["info"], document["components"]["schemas"]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} for other programs</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} for other programs</h1>",
            f"<p>{_text(info['description'])} Tools read this as ",
            '<a href="openapi.json">openapi.json</a>.</p>',
            "<p>A key that the owner has given you goes into the header <code>Authorization: Bearer ",
            "limner_…</code>; without one the limits of anonymous visitors hold.</p>",
            _contents(document["paths"]),
            *(
                _operation(method, path, operation)
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
            ),
            "<section><h2>What is sent and answered</h2></section>",
            *(_schema(name, schema) for name, schema in schemas.items()),
            "</body></html>",
        ]
    )


def _contents(paths: dict[str, Any]) -> str:
    links = (
        f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a> '
        f"<code>{method.upper()} {escape(path)}</code></li>"
        for path, methods in paths.items()
        for method, operation in methods.items()
    )
    return f"<nav aria-label=Contents><ul>{''.join(links)}</ul></nav>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    bodies = operation.get("requestBody", {}).get("content", {})
    sent = [(f"body, {media}", _type(content["schema"]), "") for media, content in bodies.items()]
    parameters = [
        (f"{one['name']}, in the {one['in']}", _type(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    answers = [
        (status, ", ".join(_types(answer.get("content", {}))), answer["description"])
        for status, answer in sorted(operation["responses"].items())
    ]
    return "\n".join(
        [
            f"<section id={operation['operationId']}><h2>{escape(operation['summary'])}</h2>",
            f"<p class=method><code>{method.upper()} {escape(path)}</code></p>",
            f"<p>{_text(operation.get('description', ''))}</p>",
            _table([*parameters, *sent]),
            "<h3>Answers</h3>",
            _table(answers),
            "</section>",
        ]
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (field, f"{_type(inner)}{'' if field in required else ', optional'}", inner.get("description", ""))
        for field, inner in schema.get("properties", {}).items()
    ]
    about = _text(schema.get("description", ""))
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{about}</p>{_table(rows)}</section>'


def _table(rows: list[tuple[str, str, str]]) -> str:
    """Returns rows of a name, a type, which is HTML already, and a text."""
    drawn = (
        f"<tr><th><code>{escape(name)}</code></th><td>{type}</td><td>{_text(text)}</td></tr>"
        for name, type, text in rows
    )
    return f"<table>{''.join(drawn)}</table>" if rows else ""


def _types(content: dict[str, Any]) -> Iterator[str]:
    for media_type, one in content.items():
        yield f"{_type(one['schema'])} as {escape(media_type)}"


def _type(schema: dict[str, Any]) -> str:
    """Returns in a few words what a schema takes, with a link if it has a name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(map(_type, schema[choice]))
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if "enum" in schema:
        return ", ".join(f"<code>{escape(_value(value))}</code>" for value in schema["enum"])
    kinds = schema.get("type", "anything")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds == ["array"]:
        return f"list of {_type(schema['items'])}"
    return escape(" or ".join(kinds))


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
