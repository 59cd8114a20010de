"""Every key name and lifetime, on one page. Account, lane and id parts arrive already checked or quoted."""

from __future__ import annotations

PREFIX = "tc:"

# Longer than the five days over which Twitter can replay events; also how long CCM may repeat an id.
SEEN_SECONDS = 7 * 86400
# A lane is handed to somebody else when its holder has not been heard of for this long.
LEASE_MS = 10_000
# A doorbell that was rung and answered by nobody may be rung again after this long.
BELL_MS = 1_000
# Uncertain sends are settled within a minute; the rest is margin for an outage in between.
ECHO_SECONDS = 3600
ECHOES_PER_CUSTOMER = 100
# Steps already done for an outbound message outlive every retry of it.
LEDGER_SECONDS = 7 * 86400
# Which DM belongs to which CIM message, for read receipts; Twitter marks far older ones rarely.
SENT_SECONDS = 7 * 86400
SENT_PER_CUSTOMER = 500

DUE = PREFIX + "due:{direction}:{account}"  # ZSET lane -> ms when it may be worked on (waiting, leased or ready)
TURN = PREFIX + "turn:{direction}"  # ZSET account -> ms when it is looked at next
QUEUE = PREFIX + "q:{direction}:{account}:{lane}"  # ZSET order|id, all of score 0: sorted as text, exactly
MESSAGES = PREFIX + "m:{direction}:{account}:{lane}"  # HASH order|id -> accepted ms, space, payload
STATE = PREFIX + "st:{direction}:{account}:{lane}"  # HASH owner, n:<member> claims, a:<member> tries
SEEN = PREFIX + "seen:{direction}:{account}:{id}"  # mark of an accepted id
GATE = PREFIX + "gate:{direction}:{account}"  # HASH until (ms), reason, detail: the account waits
BELL = PREFIX + "bell:{direction}"  # a doorbell nobody has answered yet
FENCE = PREFIX + "fence"  # INCR: fencing tokens
SEQUENCE = PREFIX + "seq"  # INCR: order of acceptance
ECHOES = PREFIX + "echo:{account}:{customer}"  # LIST of JSON, newest first
LEDGER = PREFIX + "ledger:{account}:{id}"  # HASH step -> JSON
SENT = PREFIX + "sent:{account}:{customer}"  # ZSET padded dm id|cim id, score 0
ACCOUNTS = PREFIX + "accounts"  # HASH account id -> JSON, credentials encrypted
SIGNS = PREFIX + "signs:{account}"  # HASH last_event_at, last_crc_at, ...
DEAD = PREFIX + "dead"  # ZSET dead letter id -> failed ms
DEAD_LETTER = PREFIX + "dead:letters"  # HASH dead letter id -> JSON
WORKERS = PREFIX + "workers"  # ZSET worker name -> ms of its last sign of life
KEY_CHECK = PREFIX + "key-check"  # a known text under the credentials key: tells a wrong key at start
