"""Signed DNS on loopback: Knot DNS serves and signs zones, Unbound validates them, and Postfix's prober asks it.

    with signed_dns(unpacked, {"signed.test": "a.signed.test. A 127.0.0.1"}, …) as dns:
        dns.ask_postfix("[a.signed.test]:2525")        # what posttls-finger printed

The root is ours as well, and the resolver trusts its key: it asks Knot for everything, and has no other way out.
Sources: Knot DNS 3.2, "Configuration" and keymgr(8); unbound.conf(5); posttls-finger(1).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
from real.running import COMMAND_SECONDS, HOST, START_SECONDS, Unpacked, free_port, running, scratch_folder

ROOT = "."
FOREIGN = "4711 13 2 " + "00" * 32
"""The digest of no key: a zone that is to have this one is bogus."""
PROBER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class SignedDns:
    """A validating resolver at its own loopback address."""

    resolver: str
    folder: Path
    unpacked: Unpacked
    environment: Mapping[str, str]

    def ask_postfix(self, destination: str) -> str:
        """Let posttls-finger try DANE there; it asks the resolver of /etc/resolv.conf, which is ours for it alone."""
        resolv = shlex.quote(str(self.folder / "resolv.conf"))
        inside = ["unshare", "--mount", "sh", "-c", f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh"]
        prober = str(self.unpacked.folder / "postfix/usr/sbin/posttls-finger")
        ask = [prober, "-c", "-t", "10", "-T", "10", "-L", "verbose,summary", "-l", "dane", destination]
        done = subprocess.run(
            [*inside, *ask],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBER_SECONDS,
            env=self.environment,
        )
        return done.stdout + done.stderr


@contextmanager
def signed_dns(
    unpacked: Unpacked, zones: Mapping[str, str], *, bogus: Collection[str], unsigned: Collection[str]
) -> Iterator[SignedDns]:
    """Serve a root and these zones, name → records; sign all but the unsigned, and let the root deny the bogus."""
    with ExitStack() as stack:
        port, folder = stack.enter_context(free_port()), stack.enter_context(scratch_folder())
        environment, programs = _environment(unpacked, folder), unpacked.folder / "dns/usr/sbin"
        signed = [ROOT, *(zone for zone in zones if zone not in unsigned)]
        config = _knot(folder / "knot", [ROOT, *zones], signed, port)
        keys = {zone: _key([programs / "keymgr", "-c", config, zone], environment) for zone in signed}
        root = "".join(f"{zone}. NS ns.{zone}.\nns.{zone}. A {HOST}\n" for zone in zones)
        root += "".join(f"{zone}. DS {FOREIGN if zone in bogus else keys[zone]}\n" for zone in signed if zone != ROOT)
        for zone, records in {ROOT: root, **zones}.items():
            text = _HEAD.format(origin=zone if zone == ROOT else f"{zone}.") + records
            (config.parent / f"{zone}zone").write_text(text, encoding="utf-8")
        server = stack.enter_context(running([programs / "knotd", "-c", config], config.parent, environment))
        _await((HOST, port), signed, dns.flags.Flag.AA, server, config.parent)
        resolver = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        settings = _unbound(folder / "unbound", resolver, [ROOT, *zones], keys[ROOT], port)
        command = [str(programs / "unbound"), "-d", "-p", "-c", str(settings)]
        server = stack.enter_context(running(command, settings.parent, environment))
        _await((resolver, 53), set(signed) - set(bogus), dns.flags.Flag.AD, server, settings.parent)
        (folder / "resolv.conf").write_text(f"nameserver {resolver}\n", encoding="utf-8")
        yield SignedDns(resolver, folder, unpacked, environment)


def _environment(unpacked: Unpacked, folder: Path) -> dict[str, str]:
    """Postfix's prober wants a folder of settings; nobody here has to be another user."""
    (folder / "conf").mkdir()
    installed = unpacked.folder / "postfix"
    settings = [
        "compatibility_level = 3.6",
        f"shlib_directory = {installed}/usr/lib/postfix",
        "myhostname = sender.test",
    ]
    (folder / "conf/main.cf").write_text("\n".join([*settings, ""]), encoding="utf-8")
    return unpacked.environment(folder) | {"MAIL_CONFIG": str(folder / "conf")}


def _knot(folder: Path, zones: Sequence[str], signed: Collection[str], port: int) -> Path:
    folder.mkdir()
    entries = (_ENTRY.format(zone=zone, signing="on" if zone in signed else "off") for zone in zones)
    config = folder / "knot.conf"
    config.write_text(_KNOT.format(folder=folder, port=port) + "".join(entries), encoding="utf-8")
    return config


_HEAD = f"""\
$ORIGIN {{origin}}
$TTL 60
@ SOA ns.test. root.test. 1 60 60 60 60
@ NS ns
ns A {HOST}
"""
_ENTRY = """\
  - domain: {zone}
    file: {zone}zone
    dnssec-signing: {signing}
    dnssec-policy: ours
"""
_KNOT = f"""\
server:
  rundir: {{folder}}
  listen: {HOST}@{{port}}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: {{folder}}
policy:
  - id: ours
    manual: on
    single-type-signing: on
template:
  - id: default
    storage: {{folder}}
    zonefile-sync: -1
zone:
"""


def _key(keymgr: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Make the key of a zone, and give its DS data with SHA-256."""
    make = ["generate", "algorithm=ECDSAP256SHA256", "ksk=true", "zsk=true"]
    for words in (make, ["ds"]):
        done = subprocess.run(
            [*keymgr, *words], check=True, capture_output=True, text=True, timeout=COMMAND_SECONDS, env=environment
        )
    return next(line.split(" DS ")[1] for line in done.stdout.splitlines() if line.split()[-2] == "2")


def _unbound(folder: Path, resolver: str, zones: Sequence[str], key: str, port: int) -> Path:
    folder.mkdir()
    ways = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {HOST}@{port}\n' for zone in zones)
    settings = folder / "unbound.conf"
    settings.write_text(_UNBOUND.format(folder=folder, resolver=resolver, key=key) + ways, encoding="utf-8")
    return settings


_UNBOUND = """\
server:
  interface: {resolver}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
  chroot: ""
  username: ""
  pidfile: ""
  directory: {folder}
  use-syslog: no
  num-threads: 1
  val-log-level: 2
  trust-anchor: ". DS {key}"
"""


def _await(
    server: tuple[str, int],
    zones: Collection[str],
    flag: dns.flags.Flag,
    process: subprocess.Popen[bytes],
    folder: Path,
) -> None:
    """Wait until it answers for these zones with this flag."""
    deadline = time.monotonic() + START_SECONDS
    while not all(_flagged(server, zone, flag) for zone in zones):
        said = (folder / "output").read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def _flagged(server: tuple[str, int], zone: str, flag: dns.flags.Flag) -> bool:
    question = dns.message.make_query(zone, "SOA", want_dnssec=True)
    try:
        answer = dns.query.udp(question, server[0], timeout=1, port=server[1])
    except (OSError, dns.exception.DNSException):
        return False
    signed = any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in answer.answer)
    return bool(answer.flags & flag) and signed
