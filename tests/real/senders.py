"""Real mail servers that send: one message to a port on loopback, presenting a certificate when they are asked.

    postfix(unpacked, port, Files(certificates, key))       # gives what it logged

The message waits in a queue that goes away with its folder. Sources: postconf(5), Exim's specification, chapters 30 and
42, and Sendmail's cf/README (confCLIENT_CERT).
"""

from __future__ import annotations

import os
import smtplib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from real import servers
from real.running import (
    COMMAND_SECONDS,
    HOST,
    NAME,
    USERS,
    Files,
    Unpacked,
    free_port,
    guarded,
    scratch_folder,
    started,
    written,
)

from probe.catalogue import routes

COMMAND = "$ "
Send = Callable[[Unpacked, int, Files | None, str], str]
"""Give what the sender logged; without files it has no certificate. The last is the address of the listener."""
RECIPIENT = "probe@chaincheck.invalid"
MESSAGE = f"From: <root@{NAME}>\nTo: <{RECIPIENT}>\nSubject: test\n\nHello.\n"


def postfix(unpacked: Unpacked, port: int, files: Files | None, host: str = HOST) -> str:
    """Hand it a message by SMTP; its queue manager sends it on at once."""
    with free_port() as own, scratch_folder() as folder:
        environment = unpacked.environment(folder) | {"MAIL_CONFIG": str(folder / "conf")}
        servers._configure_postfix(unpacked.folder / "postfix", folder, own, _postfix_settings(folder, files))
        with (folder / "conf/master.cf").open("a", encoding="utf-8") as table:
            table.write(_POSTFIX_PARTS)
        command = [str(unpacked.folder / "postfix/usr/sbin/postfix"), "start-fg"]
        steps = routes.steps("postfix", host, port)
        _obeyed(steps[: steps.index("$ postfix reload")], {"/etc/postfix": f"{folder}/conf"}, environment)
        with started(command, own, folder, environment):
            with smtplib.SMTP(HOST, own) as client:
                client.sendmail("", [RECIPIENT], MESSAGE)
            return _awaited(folder / "output", "status=")


def _postfix_settings(folder: Path, files: Files | None) -> str:
    """Write what is presented (https://www.postfix.org/TLS_README.html#client_cert_key).

    With a CA file it verifies the server to which it sends.
    """
    level = "verify" if files and files.ca else "may"
    lines = [f"smtp_tls_security_level = {level}", "smtp_tls_loglevel = 1", "inet_protocols = all"]
    if files:
        paths = written(files, folder)
        lines += [f"smtp_tls_cert_file = {paths['cert']}", f"smtp_tls_key_file = {paths['key']}"]
        lines += [f"smtp_tls_CAfile = {paths['ca']}"] * bool(files.ca)
    return "\n".join(lines)


_POSTFIX_PARTS = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
"""


def _obeyed(steps: Sequence[str], instead: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Run the commands of a route in one shell, with the folders of the test in them."""
    commands = "\n".join(line.removeprefix(COMMAND) for line in steps if line.startswith(COMMAND))
    for word, here in instead.items():
        commands = commands.replace(word, here)
    subprocess.run(["sh", "-e", "-c", commands], check=True, env=environment, timeout=COMMAND_SECONDS)


def _lines(steps: Sequence[str]) -> str:
    """Give what a route puts into a configuration."""
    return "\n".join(line.removeprefix("  ") for line in steps if line.startswith("  "))


def _awaited(log: Path, word: str) -> str:
    """Wait until that word stands in a log."""
    deadline = time.monotonic() + COMMAND_SECONDS
    while word not in (text := log.read_text(encoding="utf-8", errors="replace")):
        assert time.monotonic() < deadline, f"no {word} in the log:\n{text}"
        time.sleep(0.05)
    return text


def exim(unpacked: Unpacked, port: int, files: Files | None, host: str = HOST) -> str:
    """Let it send in the foreground. It reads its files as Debian-exim, so all lies in its reach."""
    with scratch_folder() as folder:
        near = unpacked.near(folder)
        program = str(near.folder / "exim/usr/sbin/exim4")
        for name in ("spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, USERS["Debian-exim"], USERS["Debian-exim"])
        paths = written(files, folder, USERS["Debian-exim"]) if files else {}
        named = {"cert": "tls_certificate", "key": "tls_privatekey"}
        tls = "".join(f"  {named[kind]} = {path}\n" for kind, path in paths.items() if kind in named)
        router = _lines(routes.steps("exim", host, port))
        text = _EXIM_CONF.format(folder=folder, router=router, program=program, tls=tls)
        (folder / "exim.conf").write_text(text, encoding="utf-8")
        _fed([program, "-C", str(folder / "exim.conf"), "-odf", "-f", "<>", RECIPIENT], near.environment(folder))
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("log/*")))


_EXIM_CONF = f"""\
primary_hostname = {NAME}
exim_path = {{program}}
spool_directory = {{folder}}/spool
log_file_path = {{folder}}/log/%slog
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : ^NSS_WRAPPER_

begin routers
{{router}}

begin transports
remote_smtp:
  driver = smtp
{{tls}}
begin retry
* * F,1h,15m
"""


def sendmail(unpacked: Unpacked, port: int, files: Files | None, host: str = HOST) -> str:
    """Let it send in the foreground, told by -v; it wants no folder above its files that others may write."""
    with scratch_folder(guarded(unpacked.folder.parent, Path.home())) as folder:
        environment = unpacked.environment(folder)
        environment["PATH"] = f"{unpacked.folder}/sendmail/usr/sbin:{environment['PATH']}"  # makemap
        paths = written(files or Files("", ""), folder)
        servers._configure_sendmail(unpacked.folder / "sendmail", folder, port, paths)
        own = _SENDMAIL_OWN.format(**paths) if files else ""
        own += _SENDMAIL_CA.format(folder=folder, **paths) if files and files.ca else ""
        steps = routes.steps("sendmail", host, port)
        text = _SENDMAIL_MC.format(folder=folder, route=_lines(steps), own=own)
        (folder / "mail/sendmail.mc").write_text(text, encoding="utf-8")
        build = ["make", "-s", "-C", str(folder / "mail")]
        subprocess.run(build, check=True, env=environment, timeout=COMMAND_SECONDS)
        instead = {"/etc/mail": f"{folder}/mail", "makemap ": f"makemap -C {folder}/mail/sendmail.cf "}
        _obeyed([step for step in steps if "/etc/mail" in step], instead, environment)
        program = str(unpacked.folder / "sendmail/usr/libexec/sendmail/sendmail")
        return _fed([program, f"-C{folder / 'mail/sendmail.cf'}", "-v", "-odi", RECIPIENT], environment)


_SENDMAIL_MC = f"""\
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{NAME}')dnl
define(`QUEUE_DIR', `{{folder}}/queue')dnl
define(`STATUS_FILE', `{{folder}}/statistics')dnl
define(`HELP_FILE', `')dnl
define(`ALIAS_FILE', `')dnl
define(`confDEAD_LETTER_DROP', `{{folder}}/dead.letter')dnl
define(`confDEF_USER_ID', `nobody')dnl
define(`confSERVICE_SWITCH_FILE', `{{folder}}/switch')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confLOG_LEVEL', `14')dnl
{{route}}
{{own}}FEATURE(`mailertable', `hash -o {{folder}}/mail/mailertable')dnl
MAILER(`smtp')dnl
"""
_SENDMAIL_OWN = """\
define(`confCLIENT_CERT', `{cert}')dnl
define(`confCLIENT_KEY', `{key}')dnl
"""
_SENDMAIL_CA = """\
define(`confCACERT', `{ca}')dnl
define(`confCACERT_PATH', `{folder}/cas')dnl
"""


def _fed(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, input=MESSAGE, check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS, env=environment
    )
    return done.stdout + done.stderr


SENDERS: dict[str, Send] = {"postfix": postfix, "exim": exim, "sendmail": sendmail}
