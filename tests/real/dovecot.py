"""Dovecot 2.3 on 127.0.0.1, with all it speaks: IMAP, POP3, ManageSieve, LMTP, submission, each on its own port.

Its programs look for one another and for their modules below /usr, so they run where the unpacked folder lies over it.
Source: https://doc.dovecot.org/2.3/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from real.running import HOST, NAME, Files, Server, Slot, Unpacked, free_port, scratch_folder, started, written

SERVICES = {
    "imap": "imap-login",
    "imaps": "imap-login",
    "pop3": "pop3-login",
    "pop3s": "pop3-login",
    "sieve": "managesieve-login",
    "lmtp": "lmtp",
    "submission": "submission-login",
    "submissions": "submission-login",
}
"""Listener → the service that it belongs to; a name that ends in "s" speaks TLS from the first byte."""


@contextmanager
def dovecot(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Dovecot; its port is that of submission, all are in ``ports`` by the name of the listener."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(free_port()) for name in SERVICES}
        folder = stack.enter_context(scratch_folder())
        paths, environment = written(files, folder), unpacked.environment(folder)
        del environment["LD_PRELOAD"]  # it drops its rights to users that every system has
        config = _configured(folder, ports, _tls(files, paths))
        inside = [*unpacked.over_usr("dovecot"), "/usr/sbin/dovecot", "-F", "-c", str(config)]
        process = stack.enter_context(started(inside, ports["submission"], folder, environment))
        enter = ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt"]
        slots: dict[str, Slot] = {
            "cert": str(paths["cert"]),
            "doveconf": [*enter, "doveconf", "-c", str(config)],
            "reload": [*enter, "doveadm", "-c", str(config), "reload"],
            "starttls": ["-starttls", "smtp"],
        }
        yield Server("dovecot", ports["submission"], folder, process, environment, slots, paths["key"], ports)


def _tls(files: Files, paths: Mapping[str, Path]) -> str:
    """Write the TLS settings; "<" reads the file (https://doc.dovecot.org/2.3/configuration_manual/dovecot_ssl_configuration/)."""
    lines = [f"ssl_cert = <{paths['cert']}", f"ssl_key = <{paths['key']}"]
    return "\n".join(lines + [f"ssl_ca = <{paths['ca']}"] * bool(files.ca))


def _configured(folder: Path, ports: Mapping[str, int], tls: str) -> Path:
    for name in ("run", "log", "mail"):
        (folder / name).mkdir()
    services = "\n".join(_service(service, ports) for service in dict.fromkeys(SERVICES.values()))
    config = folder / "dovecot.conf"
    config.write_text(_CONF.format(folder=folder, tls=tls, services=services), encoding="utf-8")
    return config


def _service(service: str, ports: Mapping[str, int]) -> str:
    listeners = [_listener(name, ports[name]) for name, owner in SERVICES.items() if owner == service]
    chroot = "  chroot =\n" * service.endswith("-login")
    return f"service {service} {{\n{chroot}{''.join(listeners)}}}"


def _listener(name: str, port: int) -> str:
    at_once = "    ssl = yes\n" * name.endswith("s")
    return f"  inet_listener {name} {{\n    address = {HOST}\n    port = {port}\n{at_once}  }}\n"


_CONF = f"""\
protocols = imap pop3 lmtp sieve submission
base_dir = {{folder}}/run
state_dir = {{folder}}/run
log_path = {{folder}}/log/dovecot.log
import_environment = LD_LIBRARY_PATH
default_internal_user = daemon
default_internal_group = daemon
default_login_user = nobody
hostname = {NAME}
submission_relay_host = {HOST}
mail_location = maildir:{{folder}}/mail
ssl = yes
{{tls}}
passdb {{{{
  driver = static
  args = password=x
}}}}
userdb {{{{
  driver = static
  args = uid=daemon gid=daemon home={{folder}}/mail
}}}}
{{services}}
"""
