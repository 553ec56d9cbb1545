"""What a run asks of DNS: mail hosts, addresses, TLSA and TXT records. Nothing is judged here.

No method raises for what the network does. Whatever comes from DNS is text of strangers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from probe.model import Dnssec, Domain, Failure, Mx, Observation, Protocol, Stage, TlsaAnswer, Trouble
from probe.net.resolve import THIS_COMPUTER, Resolved, address_of, host_name, in_hosts_file, resolve, unresolved
from probe.net.servers import DnsOptions
from probe.pki.names import is_host_name

if TYPE_CHECKING:
    from probe.net.answers import Answers
    from probe.net.servers import Answer

MOST_HOSTS = 20
"""Mail hosts of a domain that are looked at, the preferred ones first; Postfix tries five addresses and stops."""
MOST_RECORDS = 50
"""TLSA or TXT records of one name that are kept."""
MX_TIMEOUT = 5.0
"""Seconds for the MX of a name that gave no connection; the answer only refines the word for the trouble."""
KINDS: Mapping[int, tuple[str, ...]] = {0: ("AAAA", "A"), 4: ("A",), 6: ("AAAA",)}
_WORST_FIRST = (Dnssec.BOGUS, Dnssec.UNKNOWN, Dnssec.INSECURE, Dnssec.SECURE)


class Dns:
    """The questions of one run; the same question is asked once in a while.

    A run of many questions takes it as a context, and then its sockets stay open from the first one to the end.
    Otherwise a socket is open only while somebody waits for an answer.
    """

    def __init__(self, options: DnsOptions | None = None) -> None:
        self.options = options or DnsOptions()
        self._hosts: dict[str, tuple[str, ...]] | None = None

    @cached_property
    def answers(self) -> Answers:
        """What servers said; without a question, as for an address, nothing of it is even imported."""
        from probe.net.answers import Answers

        return Answers(self.options)

    async def __aenter__(self) -> Self:
        """Keep sockets open between questions."""
        self.answers.resolvers.kept = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the questions that are on their way, and close the sockets."""
        await self.answers.end()
        self.close()

    def close(self) -> None:
        """Keep no socket open any longer; each is closed once nobody waits there."""
        self.answers.resolvers.close()

    async def alive(self, seconds: float) -> bool:
        """Whether any server answers at all, whatever it says."""
        return await self.answers.alive(seconds)

    @property
    def heard(self) -> bool:
        """Whether any server has answered so far, whatever it said."""
        return self.answers.heard

    def _clock(self, seconds: float) -> Callable[[], float]:
        """Tell how many of these seconds are left; in a sweep each question has all of them, from its turn on."""
        if self.options.direct:
            return lambda: seconds
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        return lambda: max(until - loop.time(), 0)

    async def mail_hosts(self, domain: str, seconds: float) -> Domain:
        """The mail hosts of a domain (RFC 5321 §5.1), or why there are none."""
        clock, started = self._clock(seconds), datetime.now(UTC)
        if domain.rpartition(".")[2] == THIS_COMPUTER:
            return Domain(domain, started, (Mx(0, domain),), implicit=True)
        answer = await self.answers.of(domain, "MX", seconds)
        known = Domain(domain, started, dnssec=answer.dnssec, resolver=answer.resolver)
        if failure := answer.failure or _no_such_name(answer, domain):
            return replace(known, failure=failure)
        if not answer.records:
            return await self._implicit(known, clock())
        every = _ranked(answer)
        if [mx.host for mx in every] == [""]:
            return replace(known, mx=every, failure=Failure(Trouble.NULL_MX, f"the null MX, says {known.resolver}"))
        return replace(known, mx=every[:MOST_HOSTS], left_out=len(every[MOST_HOSTS:]))

    async def aliases(self, domain: Domain, seconds: float) -> Domain:
        """Note where mail hosts that are a CNAME lead. It takes as long as the slowest of them."""
        aliased = await asyncio.gather(*(self._aliased(mx, seconds) for mx in domain.mx))
        return replace(domain, mx=tuple(aliased))

    async def _implicit(self, known: Domain, seconds: float) -> Domain:
        """Without MX the domain itself is its mail host, if it has an address."""
        answers = await self.answers.each(known.name, KINDS[0], seconds)
        if any(answer.records for answer in answers):
            return replace(known, mx=(Mx(0, known.name),), implicit=True)
        none = Failure(Trouble.NO_MX, f"no MX and no address, says {known.resolver}")
        return replace(known, failure=_first_failure(answers) or none)

    async def _aliased(self, mx: Mx, seconds: float) -> Mx:
        """Say where the CNAME of a mail host leads; what is no host name is never asked for."""
        if not is_host_name(mx.host):
            return mx
        return replace(mx, alias_of=_canonical(await self.answers.each(mx.host, KINDS[0], seconds)))

    async def addresses(self, host: str, family: int, seconds: float) -> Resolved:
        """Addresses of a host; ``family`` is 0 (any), 4 or 6.

        The system is asked, so that its hosts file counts; where a resolver was named, that one alone.
        With ``direct`` the hosts file is read once, and a name that is not in it is asked of the system's servers.
        """
        clock = self._clock(seconds)
        if listed := self._listed(host, family):
            return Resolved(listed)
        if not (self.options.resolver or self.options.direct) or not _askable(host):
            found = await resolve(host, family=family, seconds=seconds)
            if found.failure and found.absent:
                return await self._nowhere(host_name(host), found.failure, clock())
            return found
        answers = await self.answers.each(host, KINDS[family], seconds)
        if every := {address for answer in answers for address in answer.records}:
            ordered = tuple(sorted(every, key=lambda address: (":" not in address, address)))
            return Resolved(ordered, partly=_first_failure(answers))
        if failure := _first_failure(answers):
            return Resolved(failure=failure)
        none = _no_such_name(answers[0], host) or unresolved(f"no address for {host}, says {answers[0].resolver}")
        return await self._nowhere(host, none, clock())

    def _listed(self, host: str, family: int) -> tuple[str, ...]:
        """What the hosts file says, where it is ours to read."""
        if self.options.resolver or not self.options.direct:
            return ()
        if self._hosts is None:
            self._hosts = in_hosts_file()
        versions = {0: (4, 6)}.get(family, (family,))
        return tuple(known for known in self._hosts.get(host, ()) if (6 if ":" in known else 4) in versions)

    async def _nowhere(self, name: str, failure: Failure, seconds: float) -> Resolved:
        """Say of a name without address that it wants no mail: one MX, the root (RFC 7505 §3); else note its hosts."""
        hosts = await self.other_mail_hosts(name, min(MX_TIMEOUT, seconds))
        if hosts == ("",):
            failure = Failure(Trouble.NULL_MX, f"{failure.text}; its MX is the null MX")
        return Resolved(failure=_noted(failure, hosts))

    async def other_mail_hosts(self, name: str, seconds: float) -> tuple[str, ...]:
        """Where the mail of ``name`` goes: the hosts of its MX records by preference, "" for the null MX.

        () where it has none, where it takes its mail itself, and where nobody knows.
        """
        hosts = dict.fromkeys(mx.host for mx in _ranked(await self.answers.of(name, "MX", seconds)))
        return () if name in hosts else tuple(hosts)[:MOST_HOSTS]

    async def txt(self, name: str, seconds: float) -> tuple[tuple[str, ...], Failure | None, Dnssec]:
        """TXT records, each as one text whose characters are its octets; that there is none is no failure."""
        answer = await self.answers.of(name, "TXT", seconds)
        texts = sorted(set(answer.records))
        return tuple(texts[:MOST_RECORDS]), answer.failure, answer.dnssec

    async def tlsa(self, host: str, port: int, mx_dnssec: Dnssec | None, seconds: float) -> TlsaAnswer:
        """TLSA records of a mail host as a sender looks for them (RFC 7672 §2.2.2), and how far each step is signed.

        Unlike a sender we look in an unsigned zone, too. That an answer fails there is no failure: no sender asks.
        """
        clock = self._clock(seconds)
        known = TlsaAnswer(f"_{port}._tcp.{host}", mx_dnssec=mx_dnssec)
        if not is_host_name(host) or not _askable(host):
            return known
        looked = await self.answers.each(host, KINDS[0], seconds)
        known = replace(known, address_dnssec=_weakest(looked), resolver=looked[0].resolver)
        if failure := _first_failure(looked):
            return replace(known, failure=failure)
        base = _canonical(looked)
        if base and known.address_dnssec is Dnssec.INSECURE:  # the alias may be signed, and what it leads to not
            cname = await self.answers.of(host, "CNAME", clock())
            known, base = replace(known, address_dnssec=cname.dnssec), None
        if base:
            behind = await self._owned(replace(known, name=f"_{port}._tcp.{base}", base=base), clock())
            if behind.records or behind.failure:
                return behind
        return await self._owned(known, clock())

    async def _owned(self, known: TlsaAnswer, seconds: float) -> TlsaAnswer:
        """The records of this one owner."""
        answer = await self.answers.of(known.name, "TLSA", seconds)
        records = sorted(set(answer.records), key=lambda record: record.text)
        failure = None if known.address_dnssec is Dnssec.INSECURE else answer.failure
        return replace(known, records=tuple(records[:MOST_RECORDS]), dnssec=answer.dnssec, failure=failure)


async def with_mail_hosts(seen: Observation, dns: Dns, seconds: float) -> Observation:
    """Where a bare name gave no connection on the way of mail, note in the failure to which hosts its mail goes."""
    endpoint, failure = seen.endpoint, seen.failure
    wanted = seen.stage is Stage.CONNECT and endpoint.protocol is Protocol.SMTP and endpoint.host
    if not (wanted and failure) or endpoint.mx_preference is not None:
        return seen
    return replace(seen, failure=_noted(failure, await dns.other_mail_hosts(wanted, seconds)))


def _noted(failure: Failure, hosts: tuple[str, ...]) -> Failure:
    """The same failure; its symptoms say to which hosts the mail of the name goes, "mx:mx1.example.com"."""
    return replace(failure, symptoms=(*failure.symptoms, *(f"mx:{host}" for host in hosts if host)))


def hosts_of(domain: Domain) -> tuple[Mx, ...]:
    """The mail hosts that a sender looks up: host names, no addresses, each once."""
    first = {mx.host: mx for mx in reversed(domain.mx)}
    return tuple(mx for mx in domain.mx if first[mx.host] is mx and is_host_name(mx.host))


def _askable(name: str) -> bool:
    from probe.net.answers import unaskable

    return address_of(name) is None and not unaskable(name)


def _ranked(answer: Answer) -> tuple[Mx, ...]:
    """Each once, by preference; those of one preference by name, since servers turn their order."""
    return tuple(sorted(set(answer.records), key=lambda mx: (mx.preference, mx.host)))


def _no_such_name(answer: Answer, name: str) -> Failure | None:
    text = f"NXDOMAIN for {name}, says {answer.resolver}"
    return unresolved(text, "rcode:NXDOMAIN") if answer.unknown_name else None


def _first_failure(answers: Sequence[Answer]) -> Failure | None:
    return next((answer.failure for answer in answers if answer.failure), None)


def _canonical(answers: Sequence[Answer]) -> str | None:
    """Where the CNAME records of a host end."""
    return next((answer.aliases[-1] for answer in answers if answer.aliases), None)


def _weakest(answers: Sequence[Answer]) -> Dnssec:
    return min((answer.dnssec for answer in answers), key=_WORST_FIRST.index)
