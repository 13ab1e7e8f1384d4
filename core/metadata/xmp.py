"""The XMP packet that says how a picture was made, after IPTC's guidance for generated pictures.

The packet of a service stays, with ours added to it. The forms: XMP (ISO 16684-1),
IPTC Photo Metadata 2025.1.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from core.chat.message import Version
from core.metadata.texts import MAX_TEXT
from limner.svg import LONG_NAMESPACE

LIMNER = "urn:limner:details:1#"
"""Our own namespace, whose names are those of a request."""
MAX_PACKET = 65_502
"""Bytes that a JPEG has room for in one part."""
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "limner": LIMNER,
}
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
_EMPTY = f'{_HEAD}<rdf:RDF xmlns:rdf="{_RDF}">\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'.encode()
_END = b"</rdf:RDF>"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_packet(packet: bytes) -> dict[str, str]:
    """Returns the properties in a packet as ``{namespace}name``: of a list, its first item.

    Raises ValueError or ElementTree.ParseError for one that is damaged, too long, or declares entities.
    """
    packet = packet.strip(b"\0 \r\n\t")
    if len(packet) > MAX_TEXT or b"<!DOCTYPE" in packet or LONG_NAMESPACE.search(packet):
        raise ValueError("not a packet that is read")
    root = ElementTree.fromstring(packet, ElementTree.XMLParser(encoding="utf-8"))
    found = dict[str, str]()
    for description in root.iterfind(f".//{{{_RDF}}}RDF/{{{_RDF}}}Description"):
        for name, value in description.items():
            found.setdefault(name, value)
        for child in description:
            value = next(child.iter(f"{{{_RDF}}}li"), child).text
            found.setdefault(child.tag, value or "")
    return found


def packet_of(version: Version, existing: bytes = b"") -> bytes:
    """Returns a packet about a version: that of its file, with what it does not say yet.

    It has the prompt three times, or once if that is too long. Raises ValueError if it is still too long.
    """
    properties = _properties(version)
    few = {name: value for name, value in properties.items() if value != version.provenance.prompt}
    few["limner:prompt"] = properties["limner:prompt"]
    for base in (existing, _EMPTY):
        for chosen in (properties, few):
            packet = _with(base, chosen)
            if packet and len(packet) <= MAX_PACKET:
                return packet
    raise ValueError("too long for a packet")


def _with(base: bytes, properties: dict[str, str]) -> bytes | None:
    """Returns a packet with more properties; None if it cannot be read, or has some of ours already."""
    at = base.rfind(_END)
    try:
        said = read_packet(base)
    except (ValueError, ElementTree.ParseError):
        return None
    if at < 0 or any(name.startswith(f"{{{LIMNER}}}") for name in said):
        return None
    new = [_element(name, value) for name, value in properties.items() if _expanded(name) not in said]
    namespaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    described = f'<rdf:Description rdf:about=""{namespaces}>\n{"".join(new)}</rdf:Description>\n'
    return base[:at] + described.encode() + base[at:]


def _properties(version: Version) -> dict[str, str]:
    made = version.provenance
    source = "compositeWithTrainedAlgorithmicMedia" if made.from_pictures else "trainedAlgorithmicMedia"
    ended = datetime.fromtimestamp(version.started + (version.duration or 0), timezone.utc)
    known = {
        "dc:description": made.prompt,
        "xmp:CreatorTool": "Limner",
        "xmp:CreateDate": ended.isoformat(timespec="seconds"),
        "Iptc4xmpExt:DigitalSourceType": f"{_SOURCE}{source}",
        "Iptc4xmpExt:AIPromptInformation": made.prompt,
        "Iptc4xmpExt:AISystemUsed": f"{made.model_label} via {made.provider_label}",
        "limner:prompt": made.prompt,
        "limner:negative_prompt": made.negative_prompt,
        "limner:provider": made.provider,
        "limner:model": made.model,
        "limner:size": made.size,
        "limner:seed": None if made.seed is None else str(made.seed),
        "limner:options": json.dumps(made.options, ensure_ascii=False) if made.options else None,
    }
    return {name: _NOT_IN_XML.sub("", value) for name, value in known.items() if value}


def _expanded(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _element(name: str, value: str) -> str:
    value = escape(value, {"\r": "&#13;"})
    if name == "dc:description":  # it may be said in several languages
        value = f'<rdf:Alt><rdf:li xml:lang="x-default">{value}</rdf:li></rdf:Alt>'
    return f"<{name}>{value}</{name}>\n"
