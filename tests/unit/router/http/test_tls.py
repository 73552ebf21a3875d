"""Whom the router trusts: a certificate authority that AWS_CA_BUNDLE names, for the right host alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambdas.router.http.client import HttpClient
from lambdas.router.http.errors import ConnectFailed
from lambdas.router.http.origin import Origin
from lambdas.router.http.tls import client_context
from tests.unit.router.http.wire import run

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for `localhost`, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pair.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(autouse=True)
def _fresh_context() -> Iterator[None]:
    client_context.cache_clear()
    yield
    client_context.cache_clear()


async def fetched(certificate: Path, host: str) -> bytes:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    client = HttpClient(Origin("https", host, server.sockets[0].getsockname()[1]))
    try:
        due_s = asyncio.get_running_loop().time() + 3
        return (await client.fetch(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n", due_s, 100)).body
    finally:
        client.close()
        server.close()
        await asyncio.sleep(0.02)


def test_a_named_authority_is_trusted(loop: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert run(fetched(certificate, "localhost"), loop) == b"hi"


@pytest.mark.parametrize(("host", "named"), [("localhost", False), ("127.0.0.1", True)])
def test_an_unknown_authority_and_another_hosts_certificate_are_not(
    loop: str, certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, named: bool
) -> None:
    if named:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with pytest.raises(ConnectFailed, match="SSLCertVerificationError"):
        run(fetched(certificate, host), loop)


def test_an_authority_that_cannot_be_read_is_said_so(
    loop: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate.parent / "nothing"))
    with pytest.raises(ConnectFailed, match="FileNotFoundError"):
        run(fetched(certificate, "localhost"), loop)
