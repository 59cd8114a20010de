"""How long leases, wake-ups, probes and typing indicators last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QueueTimings:
    """The lengths of time that the scripts of the lanes work with. All in milliseconds, except `strikes` and
    `log_most`.

    lease: another worker gets a lane when its owner has not renewed the lease for this long.
    wakeup: a wake-up that no worker received counts as lost after this long.
    awake: a worker that said that it waits for notices counts as awake for this long.
    strikes: after this many failures in a row to reach the other side, an account sends only probes.
    first_probe, longest_probe: wait before the first probe; the wait doubles with each probe that fails.
    strikes_remembered: failures are forgotten when none followed for this long.
    log: how long the message log keeps a message; 0 keeps none. log_most: the number of messages it keeps.
    typing: a customer sees "typing" for about three seconds, an agent for five.
    """

    lease: int = 10_000
    wakeup: int = 1_000
    awake: int = 2_000
    strikes: int = 5
    first_probe: int = 1_000
    longest_probe: int = 15_000
    strikes_remembered: int = 3_600_000
    typing: int = 3_000
    log: int = 7 * 86_400_000
    log_most: int = 200_000
