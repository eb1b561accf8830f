"""R's missing numbers with a letter in their bits (haven's tagged NA): the letters stand in a column of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge.fidelity import Verdict
from landbridge.kinds import Json
from landbridge.objects import FolderSource

if TYPE_CHECKING:
    import pyarrow as pa


def lost_tag_columns(table: pa.Table, descriptor: Json) -> dict[str, Verdict]:
    """Verdicts by wire name on columns of R with missing values, of which the column of letters was taken away."""
    hint = (descriptor.get("hint") or {}).get("columns") or {}
    own = descriptor.get("columns") or {}
    found = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        tag = (own.get(name) or hint.get(name) or {}).get("tag") or {}
        link = tag.get("na_tags")
        if link is not None and link not in table.column_names and column.null_count:
            reason = f"the tags of its missing values (haven) are lost with the column `{link}`"
            found[name] = Verdict("lossy", reason)
    return found


def shown_attributes(attributes: list[Json]) -> Json:
    """R's attributes by name, as plain values: pandas compares what it finds in ``attrs``.

    A named vector, such as haven's labels, is a dict; a missing value with a letter is the letter.
    """
    return {one["name"]: _shown(one["value"]) for one in attributes}


def _shown(node: Json) -> Any:
    from landbridge.values import decode

    # Attributes are short: their values stand in the node.
    value = decode(node, FolderSource(Path()))
    names = node.get("names")
    plain = value.tolist() if hasattr(value, "tolist") else value
    places = (node.get("tags") or {}).get("na_tags") or {}
    if places and isinstance(plain, list):
        for letter, rows in places.items():
            for row in rows:
                plain[row - 1] = letter
    elif places:
        plain = next(iter(places))
    if names and None not in names and len(set(names)) == len(names):
        return dict(zip(names, plain, strict=True))
    return plain


def shown_column_attributes(tags: Json, labels: dict[str, Any]) -> Json:
    """The attributes of R's columns, by the label that each has in the frame."""
    found: Json = {}
    for name, label in labels.items():
        attributes = ((tags.get(name) or {}).get("tag") or {}).get("attributes")
        if attributes and label is not None:
            found.setdefault(label, shown_attributes(attributes))
    return found
