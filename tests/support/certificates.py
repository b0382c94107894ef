"""A certificate authority for tests, which writes what it signs to files."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(self._name, self._key, DAY)
        self.file = self._write(f"{name}.pem", certificate.public_bytes(_PEM))

    def issue(
        self, name: str, *, ends_in: timedelta = DAY, is_for_localhost: bool = True
    ) -> tuple[str, str]:
        """Writes a certificate for 127.0.0.1 and its key; returns the two paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = [_ADDRESS, _LOCALHOST] if is_for_localhost else [_ADDRESS]
        certificate = self._sign(_name(name), key, ends_in, hosts)
        secret = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(f"{name}.pem", certificate.public_bytes(_PEM)),
            self._write(f"{name}.key", secret),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        ends_in: timedelta,
        hosts: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        """Signs a server's certificate for these hosts, or without hosts an authority's."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + ends_in)
            .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> str:
        file = self._folder / name
        file.write_bytes(content)
        return str(file)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


_PEM = serialization.Encoding.PEM
_ADDRESS = x509.IPAddress(ip_address("127.0.0.1"))
_LOCALHOST = x509.DNSName("localhost")
