"""What several hosts of one domain said about one message, and what that comes to for each recipient.

Pure. Called by mx.py, which tells it what happened at each host.
"""

from collections.abc import Mapping, Sequence

from pillarbox.delivery.outcome import Deferred, Delivered, Outcome, Refused
from pillarbox.delivery.transport.smtp_dial import Broken

# A second opinion helps where the first host is overloaded; a third would only be a burden to all.
_MOST_CONVERSATIONS = 2


class Verdicts:
    """Collects what is said until nothing is left to ask.

    What is delivered or refused is final. Who is told to come again may be asked about at one more host.
    """

    def __init__(self, recipients: Sequence[str]) -> None:
        self._final: dict[str, Outcome] = {}
        self._deferred: dict[str, Deferred] = {}
        self._faults: list[Broken] = []
        self._conversations = 0
        self.left = list(recipients)

    @property
    def are_in(self) -> bool:
        """Whether no further host is to be asked."""
        return not self.left or self._conversations >= _MOST_CONVERSATIONS

    def add(self, decided: Mapping[str, Outcome]) -> None:
        """Take what one conversation decided."""
        self._conversations += 1
        for address, outcome in decided.items():
            if isinstance(outcome, Delivered | Refused):
                self._final[address] = outcome
            elif isinstance(outcome, Deferred):
                self._deferred.setdefault(address, outcome)
        self.left = [address for address in self.left if address not in self._final]

    def add_fault(self, broken: Broken) -> None:
        """Take why a conversation broke or was never held; if the message may have been taken, ask nobody else."""
        self._faults.append(broken)
        if broken.in_doubt:
            self._conversations = _MOST_CONVERSATIONS

    def outcomes(self) -> dict[str, Outcome]:
        """Return the final outcomes, and for the others the most telling reason why there is none."""
        open_ = {address: self._deferred.get(address) or self._fault() for address in self.left}
        return {**self._final, **open_}

    def _fault(self) -> Outcome:
        """What a host said tells more than that another one did not answer."""
        speaking = [broken for broken in self._faults if broken.reply is not None]
        # Hosts that say they take no mail at all, all of them: https://www.rfc-editor.org/rfc/rfc7504#section-3
        if speaking and speaking == self._faults and all((broken.reply or "").startswith("521") for broken in speaking):
            return Refused(speaking[0].reply, remote_ip=speaking[0].remote_ip)
        if speaking:
            first = speaking[0]
            return Deferred(first.why, first.reply, first.remote_ip, first.ours)
        ours = all(broken.ours for broken in self._faults)
        reached = [broken.remote_ip for broken in self._faults if broken.remote_ip]
        why = "; ".join(dict.fromkeys(broken.why for broken in self._faults))
        return Deferred(why, None, reached[-1] if reached else None, ours)
