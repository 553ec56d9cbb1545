"""How a real server runs out of an unpacked folder: in the foreground, in a scratch folder, on a port of its own.

Nothing of the system is changed: ports are high, configuration lies in the scratch folder, and the users that the
programs ask for (postfix, Debian-exim, …) exist for them alone, by nss_wrapper (https://cwrap.org/nss_wrapper.html).
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct, field

HOST = "127.0.0.1"
NAME = "mx.example.test"
START_SECONDS = 30
"""From start to greeting: all need less than one second on an idle machine."""
STOP_SECONDS = 10
COMMAND_SECONDS = 120
PORTS = range(20000, 32000)
"""Below the ports that Linux gives to outgoing connections (ip_local_port_range: from 32768)."""

Slot = str | Sequence[str]
"""What fills a slot of a recipe: a word, or the words of a command."""
USERS = {"Debian-exim": 64201, "postfix": 64202, "smmsp": 64203, "smmta": 64204, "courier": 64206}
GROUPS = {**USERS, "postdrop": 64205}


class Files(Struct, frozen=True):
    """What the administrator put on disk, PEM."""

    certificates: str
    key: str | None
    """None = its file is absent."""
    ca: str = ""
    """The CA file of the configuration, for servers that have one; "" = the setting is absent."""
    together: bool = False
    """The key stands in the file of the certificates, before them."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Name → what lies beside these files."""
    settings: str = ""
    """The TLS settings in the place of the usual ones; FOLDER stands for the folder of the files."""


class NotStarted(Exception):  # noqa: N818  # what one of the servers is expected to do
    """The server ended, or never greeted; the text is what it printed."""

    def __init__(self, text: str, port: int) -> None:
        super().__init__(text)
        self.port = port


class Server(Struct, frozen=True):
    """A server that is running."""

    software: str
    """Id of its recipe."""
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]
    slots: Mapping[str, Slot]
    """What to fill into its recipe; {bundle} is for the test to add."""
    key: Path
    ports: Mapping[str, int] = field(default_factory=dict)
    """Name of a listener → its port, for a server that has several."""

    def log(self) -> str:
        """Return what it printed and logged."""
        found = (self.folder / "output", *sorted(self.folder.glob("log/*")))
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found if path.is_file())

    def run(self, command: str) -> str:
        """Run a line of its recipe as its administrator would, in a shell; AssertionError when it fails."""
        shell = ["sh", "-c", command]
        done = subprocess.run(
            shell, check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS, env=self.environment
        )
        assert done.returncode == 0, (
            f"{command}\nended with {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()}"
        )
        return done.stdout


class Unpacked(Struct, frozen=True):
    """The folder that scripts/fetch-servers fills."""

    folder: Path

    def environment(self, scratch: Path) -> dict[str, str]:
        """Give what a program out of this folder needs to find its libraries, its tools and its users."""
        programs = [self.folder / tree / part for tree in ("postfix", "tools") for part in ("usr/sbin", "usr/bin")]
        libraries = [*self.folder.glob("lib/usr/lib/*-linux-gnu*"), *self.folder.glob("lib/lib/*-linux-gnu*")]
        (wrapper,) = self.folder.glob("tools/usr/lib/*/libnss_wrapper.so")
        return {
            "PATH": _joined([*programs, *os.get_exec_path()]),
            "LD_LIBRARY_PATH": _joined([*libraries, self.folder / "postfix/usr/lib/postfix"]),
            "LC_ALL": "C",
            "LD_PRELOAD": str(wrapper),
            **_accounts(scratch),
        }

    def over_usr(self, tree: str, *more: str) -> list[str]:
        """Begin a command for which a tree, then the system, then the unpacked libraries are one /usr.

        It runs in a mount namespace of its own (mount_namespaces(7)): nobody else sees that. More shell commands may
        prepare the namespace before the program begins.
        """
        lower = f"{self.folder / tree}/usr:/usr:{self.folder}/lib/usr"
        steps = [f"mount -t overlay overlay -o lowerdir={shlex.quote(lower)} /usr", *more, 'exec "$@"']
        return ["unshare", "--mount", "sh", "-c", " && ".join(steps), "sh"]

    def near(self, scratch: Path) -> Unpacked:
        """Give the folder anew inside a scratch folder, by hard links, where every user may reach it."""
        names = [str(path) for path in self.folder.iterdir() if path.is_dir()]
        for option in ("-al", "-a"):  # the second for a scratch folder on another file system
            if not subprocess.run(["cp", option, *names, scratch], check=False, capture_output=True).returncode:
                return Unpacked(scratch)
        raise OSError(f"cannot copy {self.folder} to {scratch}")


def _joined(paths: Sequence[Path | str]) -> str:
    return os.pathsep.join(map(str, paths))


def _accounts(scratch: Path) -> dict[str, str]:
    """Write users, groups and hosts that exist for the programs of one test."""
    users = {"root": 0, "daemon": 1, **USERS, "nobody": 65534}
    groups = {"root": 0, "daemon": 1, **GROUPS, "nogroup": 65534}
    texts = {
        "PASSWD": "".join(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n" for name, number in users.items()),
        "GROUP": "".join(f"{name}:x:{number}:\n" for name, number in groups.items()),
        # nss_wrapper does not know an address of IPv6 by itself, as the system's resolver does
        "HOSTS": f"{HOST} {NAME} localhost {socket.gethostname()}\n::1 ::1\n",
    }
    for name, text in texts.items():
        (scratch / name.lower()).write_text(text, encoding="utf-8")
    return {f"NSS_WRAPPER_{name}": str(scratch / name.lower()) for name in texts} | {"NSS_WRAPPER_HOSTNAME": NAME}


@contextmanager
def free_port() -> Iterator[int]:
    """Lend a port that no other process of these tests has, and nobody else uses.

    The lock is an abstract Unix address (unix(7)): the kernel drops it with the process that holds it.
    """
    for number in range(os.getpid() * 97, os.getpid() * 97 + 500):
        port = PORTS[number % len(PORTS)]
        with socket.socket(socket.AF_UNIX) as lock, socket.socket() as trial:
            try:
                lock.bind(f"\0smtp-chaincheck-tests-{port}")
                trial.bind((HOST, port))
            except OSError:
                continue
            trial.close()
            yield port
            return
    raise OSError("no free port among 500")


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that every user may enter, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="smtp-chaincheck-", dir=parent) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def guarded(*folders: Path) -> Path:
    """Return the first of these folders that nobody but its owner may write, nor any folder above it."""
    for folder in folders:
        if not any(above.stat().st_mode & 0o022 for above in (folder.resolve(), *folder.resolve().parents)):
            return folder
    raise OSError(f"others may write into {', '.join(map(str, folders))}, or into a folder above")


@contextmanager
def started(
    command: Sequence[str | Path], port: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a mail server until the block ends; NotStarted when it does not greet."""
    with running(command, folder, environment) as process:
        if not _greets(process, port):
            raise NotStarted((folder / "output").read_text(encoding="utf-8", errors="replace"), port)
        yield process


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own until the block ends; what it prints is in the file ``output``."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _greets(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port), START_SECONDS) as client:
            if client.recv(4) == b"220 ":
                client.sendall(b"QUIT\r\n")
                return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and all that came of it; Postfix's master leaves our process group, so the family is asked for."""
    family = _family(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while any(map(_alive, family)) and time.monotonic() < deadline:
            process.poll()
            time.sleep(0.02)
    process.wait()


def _family(pid: int) -> tuple[int, ...]:
    """Return the process and all its descendants (proc(5), /proc/PID/task/TID/children)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return ()
    return (pid, *(descendant for child in children for descendant in _family(int(child))))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def written(files: Files, folder: Path, group: int = 0) -> dict[str, Path]:
    """Write certificates, key and CA file, the key for root and that group; return "cert", "key" and "ca" (paths)."""
    paths = {"cert": folder / "server.pem", "key": folder / "server.key", "ca": folder / "ca.pem"}
    if files.together:
        paths["key"] = paths["cert"]
    if files.key is not None:
        paths["key"].touch(0o640 if group else 0o600)
        os.chown(paths["key"], -1, group)
        paths["key"].write_text(files.key, encoding="utf-8")
    with paths["cert"].open("a", encoding="utf-8") as file:
        file.write(files.certificates)
    paths["ca"].write_text(files.ca, encoding="utf-8")
    for name, text in files.others.items():
        (folder / name).write_text(text.replace("FOLDER", str(folder)), encoding="utf-8")
        os.chown(folder / name, -1, group)
    return paths
