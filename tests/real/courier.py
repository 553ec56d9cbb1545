"""Courier 1.0 on 127.0.0.1: esmtpd, imapd and pop3d, the last two with TLS from the first byte as well.

The programs look for one another below /usr and for their host name below /etc/courier, so they run in a namespace
where the unpacked folder lies over the one, and a scratch folder over the other. What else they are told is in the
environment, read by a shell from one file; on Debian that is esmtpd, imapd-ssl and pop3d-ssl in /etc/courier.
Source: couriertcpd(8), couriertls(1).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from real.running import HOST, NAME, USERS, Files, Server, Slot, Unpacked, free_port, scratch_folder, started, written

TCPD = f"/usr/sbin/couriertcpd -address={HOST} -nodnslookup -noidentlookup"
LIBEXEC = "/usr/lib/courier/courier"
IMAP = f"{LIBEXEC}/imaplogin /usr/bin/imapd Maildir"
POP3 = f"{LIBEXEC}/courierpop3login {LIBEXEC}/courierpop3d Maildir"
AT_ONCE = "/usr/bin/couriertls -server -tcpd -user=courier"
LISTENERS = {
    "smtp": ("courieresmtpd", f"{TCPD} -user=courier -group=courier {{port}} /usr/sbin/courieresmtpd"),
    "imap": ("imapd", f"{TCPD} {{port}} {IMAP}"),
    "imaps": ("imapd-ssl", f"IMAP_TLS=1 {TCPD} {{port}} {AT_ONCE} {IMAP}"),
    "pop3": ("pop3d", f"{TCPD} {{port}} {POP3}"),
    "pop3s": ("pop3d-ssl", f"POP3_TLS=1 {TCPD} {{port}} {AT_ONCE} {POP3}"),
}
"""Listener → its name in the log, and the command; a name that ends in "s" speaks TLS from the first byte."""
SETTINGS = {
    "BOFHCHECKDNS": "0",
    "COURIERTLS": "/usr/bin/couriertls",
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE",
    "IMAP_STARTTLS": "YES",
    "POP3_STARTTLS": "YES",
    "TLS_VERIFYPEER": "NONE",
}


@contextmanager
def courier(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Courier; its port is that of SMTP, all are in ``ports`` by the name of the listener.

    Each connection reads the files, as the user courier: a reload is not needed.
    """
    with ExitStack() as stack:
        ports = {name: stack.enter_context(free_port()) for name in LISTENERS}
        folder = stack.enter_context(scratch_folder())
        paths = written(files, folder, USERS["courier"])
        environment = unpacked.environment(folder)
        config = _configured(folder / "etc/courier", SETTINGS | _tls(files, paths))
        etc = f"mount -t overlay overlay -o lowerdir={shlex.quote(str(folder))}/etc:/etc /etc"
        listen = " & ".join(_logged(*LISTENERS[name], port) for name, port in reversed(ports.items()))
        inside = [*unpacked.over_usr("courier", etc), "sh", "-c", f"set -a; . {config}/esmtpd; {listen} & wait"]
        process = stack.enter_context(started(inside, ports["smtp"], folder, environment))
        slots: dict[str, Slot] = {"config": str(config), "cert": str(paths["cert"]), "reload": ["true"]}
        yield Server("courier", ports["smtp"], folder, process, environment, slots, paths["key"], ports)


def _configured(config: Path, settings: Mapping[str, str]) -> Path:
    config.mkdir(parents=True)
    (config / "me").write_text(f"{NAME}\n", encoding="utf-8")
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (config / "esmtpd").write_text("".join(lines), encoding="utf-8")
    return config


def _logged(name: str, command: str, port: int) -> str:
    """Put a name before each line that the command prints, as courierlogger(1) does, for syslog alone."""
    return f"{command.format(port=port)} 2>&1 | sed -u 's/^/{name}: /'"


def _tls(files: Files, paths: Mapping[str, Path]) -> dict[str, str]:
    settings = {"TLS_CERTFILE": str(paths["cert"])}
    settings |= {"TLS_PRIVATE_KEYFILE": str(paths["key"])} if not files.together else {}
    return settings | ({"TLS_TRUSTCERTS": str(paths["ca"])} if files.ca else {})
