"""Real mail servers on 127.0.0.1: Postfix, Exim (Debian's GnuTLS build), Sendmail, Haraka and aiosmtpd.

    with postfix(unpacked, Files(certificates, key)) as server:
        server.port, server.slots, server.log()

Each configuration holds what the server needs to run here and the TLS settings that the files ask for, nothing else.
Sources: postconf(5), Exim's specification, Sendmail's cf/README, and the servers' own complaints.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from real.running import (
    COMMAND_SECONDS,
    HOST,
    NAME,
    USERS,
    Files,
    Server,
    Slot,
    Unpacked,
    free_port,
    guarded,
    scratch_folder,
    started,
    written,
)

Start = Callable[[Unpacked, Files], AbstractContextManager[Server]]


@contextmanager
def postfix(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Postfix; smtpd_tls_chain_files names the file where the key is in it, else two settings name two files."""
    with free_port() as port, scratch_folder() as folder:
        paths = written(files, folder)
        environment = unpacked.environment(folder) | {"MAIL_CONFIG": str(folder / "conf")}
        _configure_postfix(unpacked.folder / "postfix", folder, port, _postfix_tls(files, paths))
        command = [str(unpacked.folder / "postfix/usr/sbin/postfix"), "start-fg"]
        with started(command, port, folder, environment) as process:
            slots = {"config": str(folder / "conf"), "cert": str(paths["cert"])}  # {reload} as it stands in the recipe
            yield Server("postfix", port, folder, process, environment, slots, paths["key"])


def _postfix_tls(files: Files, paths: Mapping[str, Path]) -> str:
    """Write the TLS settings (https://www.postfix.org/TLS_README.html#server_cert_key)."""
    lines = ["smtpd_tls_security_level = may"]
    if files.settings:
        return "\n".join([*lines, files.settings.replace("FOLDER", str(paths["cert"].parent))])
    if files.together:
        lines += [f"smtpd_tls_chain_files = {paths['cert']}"]
    else:
        lines += [f"smtpd_tls_cert_file = {paths['cert']}", f"smtpd_tls_key_file = {paths['key']}"]
    return "\n".join(lines + [f"smtpd_tls_CAfile = {paths['ca']}"] * bool(files.ca))


def _configure_postfix(installed: Path, folder: Path, port: int, tls: str) -> None:
    for name in ("conf", "queue", "data"):
        (folder / name).mkdir()
    os.chown(folder / "data", USERS["postfix"], 0)
    for name in ("postfix-files", "postfix-script", "post-install"):
        shutil.copy(installed / "etc/postfix" / name, folder / "conf")
    shutil.copy(installed / "usr/share/postfix/dynamicmaps.cf", folder / "conf")
    (folder / "conf/main.cf").write_text(_MAIN_CF.format(installed=installed, folder=folder, tls=tls), encoding="utf-8")
    (folder / "conf/master.cf").write_text(_MASTER_CF.format(port=port), encoding="utf-8")


_MAIN_CF = f"""\
compatibility_level = 3.6
daemon_directory = {{installed}}/usr/lib/postfix/sbin
command_directory = {{installed}}/usr/sbin
shlib_directory = {{installed}}/usr/lib/postfix
sendmail_path = {{installed}}/usr/sbin/sendmail
mailq_path = {{installed}}/usr/bin/mailq
newaliases_path = {{installed}}/usr/bin/newaliases
meta_directory = {{folder}}/conf
queue_directory = {{folder}}/queue
data_directory = {{folder}}/data
maillog_file = /dev/stdout
import_environment = MAIL_CONFIG LD_LIBRARY_PATH LD_PRELOAD NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP NSS_WRAPPER_HOSTS
export_environment = $import_environment
myhostname = {NAME}
mynetworks = {HOST}/32
inet_interfaces = {HOST}
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
{{tls}}
"""
_MASTER_CF = f"""\
{HOST}:{{port}} inet n - n - - smtpd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def exim(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Exim. It reads its files, and on HUP starts itself anew, as Debian-exim: so all lies in its reach."""
    with free_port() as port, scratch_folder() as folder:
        near = unpacked.near(folder)
        program, environment = str(near.folder / "exim/usr/sbin/exim4"), near.environment(folder)
        paths = written(files, folder, USERS["Debian-exim"])
        for name in ("spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, USERS["Debian-exim"], USERS["Debian-exim"])
        text = _EXIM_CONF.format(folder=folder, port=port, program=program, tls=_exim_tls(files, paths))
        (folder / "exim.conf").write_text(text, encoding="utf-8")
        command = [program, "-C", str(folder / "exim.conf")]
        with started([*command, "-bdf"], port, folder, environment) as process:
            slots: dict[str, Slot] = {"exim": command, "cert": str(paths["cert"]), "key": str(paths["key"])}
            slots["reload"] = ["kill", "-HUP", str(process.pid)]  # what "systemctl reload exim4" does
            yield Server("exim", port, folder, process, environment, slots, paths["key"])


def _exim_tls(files: Files, paths: Mapping[str, Path]) -> str:
    if files.settings:
        return files.settings.replace("FOLDER", str(paths["cert"].parent))
    lines = [f"tls_certificate = {paths['cert']}"]
    lines += [f"tls_privatekey = {paths['key']}"] * (not files.together)
    return "\n".join(lines + [f"tls_verify_certificates = {paths['ca']}"] * bool(files.ca))


_EXIM_CONF = f"""\
primary_hostname = {NAME}
exim_path = {{program}}
local_interfaces = {HOST}
daemon_smtp_ports = {{port}}
spool_directory = {{folder}}/spool
log_file_path = {{folder}}/log/%slog
pid_file_path = {{folder}}/spool/exim.pid
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : ^NSS_WRAPPER_
tls_advertise_hosts = *
{{tls}}
"""


@contextmanager
def sendmail(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Sendmail, configured by sendmail.mc and make as on Debian.

    It wants no folder above its files that others may write, so they lie beside the unpacked programs and not in /tmp.
    It offers no STARTTLS without a CA file that holds a certificate, so one has to be given. -D and -d89.20 write into
    a file what it tells syslog.
    """
    with free_port() as port, scratch_folder(guarded(unpacked.folder.parent, Path.home())) as folder:
        environment, paths = unpacked.environment(folder), written(files, folder)
        slots = _sendmail_slots(folder, paths)
        _configure_sendmail(unpacked.folder / "sendmail", folder, port, paths)
        subprocess.run(slots["build"], check=True, env=environment, timeout=COMMAND_SECONDS)
        program = unpacked.folder / "sendmail/usr/libexec/sendmail/sendmail"
        command = [str(program), "-D", str(folder / "log/syslog"), "-d89.20", "-bD", f"-C{slots['cf']}"]
        with started(command, port, folder, environment) as process:
            slots["reload"] = ["kill", "-HUP", str(process.pid)]  # it executes itself anew: a restart
            yield Server("sendmail", port, folder, process, environment, slots, paths["key"])


def _sendmail_slots(folder: Path, paths: Mapping[str, Path]) -> dict[str, Slot]:
    return {
        "config": str(folder / "mail/sendmail.mc"),
        "cf": str(folder / "mail/sendmail.cf"),
        "cert": str(paths["cert"]),
        "ca": str(folder / "intermediates.pem"),
        "build": ["make", "-s", "-C", str(folder / "mail")],
    }


def _configure_sendmail(installed: Path, folder: Path, port: int, paths: Mapping[str, Path]) -> None:
    for name in ("mail", "queue", "cas", "log"):
        (folder / name).mkdir(mode=0o700)
    (folder / "switch").write_text("hosts\tfiles\naliases\tfiles\n", encoding="utf-8")
    text = _SENDMAIL_MC.format(folder=folder, port=port, **paths)
    (folder / "mail/sendmail.mc").write_text(text, encoding="utf-8")
    text = _SENDMAIL_MAKE.format(cf=installed / "usr/share/sendmail/cf")
    (folder / "mail/Makefile").write_text(text, encoding="utf-8")


_SENDMAIL_MC = f"""\
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{NAME}')dnl
define(`QUEUE_DIR', `{{folder}}/queue')dnl
define(`confPID_FILE', `{{folder}}/pid')dnl
define(`STATUS_FILE', `{{folder}}/statistics')dnl
define(`HELP_FILE', `')dnl
define(`ALIAS_FILE', `')dnl
define(`confDEF_USER_ID', `nobody')dnl
define(`confSERVICE_SWITCH_FILE', `{{folder}}/switch')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confSERVER_CERT', `{{cert}}')dnl
define(`confSERVER_KEY', `{{key}}')dnl
define(`confCACERT', `{{ca}}')dnl
define(`confCACERT_PATH', `{{folder}}/cas')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Name=MTA,Addr={HOST},Port={{port}}')dnl
MAILER(`smtp')dnl
"""
_SENDMAIL_MAKE = """\
sendmail.cf: sendmail.mc
\tm4 -D_CF_DIR_={cf}/ {cf}/m4/cf.m4 $< > $@
"""


@contextmanager
def aiosmtpd(_: Unpacked | None, files: Files) -> Iterator[Server]:
    """Run aiosmtpd, out of this Python's packages, under a shell that starts it again on HUP."""
    with free_port() as port, scratch_folder() as folder:
        paths = written(files, folder)
        tls = ["--tlscert", str(paths["cert"]), "--tlskey", str(paths["key"]), "--no-requiretls"]
        program = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "-n", "-l", f"{HOST}:{port}", *tls]
        again = ["sh", "-c", _AGAIN_ON_HUP, "sh", *program, "-c", "aiosmtpd.handlers.Sink"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with started(again, port, folder, environment) as process:
            slots: dict[str, Slot] = {"cert": str(paths["cert"]), "reload": ["kill", "-HUP", str(process.pid)]}
            yield Server("aiosmtpd", port, folder, process, environment, slots, paths["key"])


@contextmanager
def haraka(unpacked: Unpacked, files: Files) -> Iterator[Server]:
    """Run Haraka, under a shell that starts it again on HUP: it reads its files when it starts."""
    with free_port() as port, scratch_folder() as folder:
        paths, config = written(files, folder), folder / "config"
        shutil.copytree(unpacked.folder / "haraka/node_modules/Haraka/config", config)
        for name, text in {
            "me": NAME,
            "plugins": "tls",
            "smtp.ini": f"listen={HOST}:{port}\nnodes=0",
            "tls.ini": f"cert={paths['cert']}\nkey={paths['key']}",
            "dhparams.pem": "",  # absent, it would be computed, which takes minutes
        }.items():
            (config / name).write_text(text + "\n", encoding="utf-8")
        program = str(unpacked.folder / "haraka/node_modules/Haraka/bin/haraka")
        again = ["sh", "-c", _AGAIN_ON_HUP, "sh", "node", program, "-c", str(folder)]
        environment = {**os.environ, "HOME": str(folder)}
        with started(again, port, folder, environment) as process:
            slots: dict[str, Slot] = {"folder": str(folder), "cert": str(paths["cert"])}
            slots["reload"] = ["kill", "-HUP", str(process.pid)]
            yield Server("haraka", port, folder, process, environment, slots, paths["key"])


_AGAIN_ON_HUP = """\
trap 'again=yes; kill $!' HUP
until [ "$again" = no ]; do
  again=no; "$@" & wait $! || wait $! || :
done
"""
