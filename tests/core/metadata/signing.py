"""Signs pictures with a certificate of the test's own, and reads signatures, by C2PA's own library."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from functools import cache
from io import BytesIO
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MANIFEST = {
    "claim_generator_info": [{"name": "test", "version": "1"}],
    "title": "signed",
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created"}]}}],
}


def sign(data: bytes, media_type: str, elsewhere: str | None = None) -> bytes:
    """Returns a signed copy; with an address, the manifest is kept there, and the file only names it."""
    certificates, key = _certificates()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, certificates, key, None)
    action: dict[str, Any] = MANIFEST["assertions"][0]["data"]["actions"][0]  # pyright: ignore
    action["digitalSourceType"] = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    builder = c2pa.Builder(MANIFEST)
    if elsewhere:
        builder.set_remote_url(elsewhere)
        builder.set_no_embed()
    file = BytesIO()
    builder.sign(c2pa.Signer.from_info(info), media_type, BytesIO(data), file)
    return file.getvalue()


def validity(data: bytes, media_type: str) -> tuple[str, list[str]]:
    """Returns whether a signature is valid, and what is wrong with it."""
    said = json.loads(c2pa.Reader(media_type, BytesIO(data)).json())
    return said["validation_state"], [status["code"] for status in said.get("validation_status", [])]


@cache
def _certificates() -> tuple[bytes, bytes]:
    """Returns two certificates, since C2PA takes none that signed itself, and the key of the first."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]) for name in ("Signer", "Root")]
    now, pem = datetime.now(timezone.utc), b""
    for is_root, (key, name) in enumerate(zip(keys, names, strict=True)):
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        built = (
            x509.CertificateBuilder(names[1], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=9))
            .add_extension(x509.BasicConstraints(bool(is_root), None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_root,
                    key_cert_sign=bool(is_root),
                    crl_sign=bool(is_root),
                    encipher_only=False,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[1].public_key()), critical=False
            )
        )
        if not is_root:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            built = built.add_extension(purpose, critical=False)
        pem += built.sign(keys[1], SHA256()).public_bytes(Encoding.PEM)
    return pem, keys[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
