"""All key names and lifetimes. Callers check or quote the account, lane and id parts of a name."""

from __future__ import annotations


def stem(name: str) -> str:
    """Return the part of a name before its first variable part. Scripts add the rest."""
    return name.partition("{")[0]


PREFIX = "tc:"

# Longer than the five days for which X can replay events. Also covers repeats of an id by CCM.
SEEN_SECONDS = 7 * 86400
# The most typing indicators that wait for a worker. The oldest ones are dropped.
TYPING_MAX = 500
# How long a typed number counts as an answer to a numbered question.
QUESTION_SECONDS = 86400
# A position in X's window of 15 minutes is of no use later.
BUDGETS_SECONDS = 900
LOCK_SECONDS = 300
# Longer than any limit of X's.
ENDPOINT_PAUSES_SECONDS = 25 * 3600
# A month and some days: the counts of a whole month can be compared with X's bill.
USAGE_SECONDS = 40 * 86400
# X bills a profile once a day.
NAME_SECONDS = 86400
# The notice of one day must not come again on the next one, for a message that arrives late.
CHAT_NOTICED_SECONDS = 2 * 86400
# Encrypted conversations of an account whose keys are kept. X gives those of the others again.
CHAT_CONVERSATIONS_MAX = 50_000
# A reply that comes later than this takes the ordinary way.
ROAD_SECONDS = 365 * 86400
# X replays events of the last 24 hours.
REPLAY_SECONDS = 86400
# Ids that X billed on a day are of no use after it.
BILLED_SECONDS = 25 * 3600
# Longer than a step of the broker's clock, which may end it early.
MEASURED_SECONDS = 60 * 86400
# An entry waits for a day at most, and with it the doubt whether it was sent before a failover.
FAILOVERS_SECONDS = 25 * 3600
FAILOVERS_MAX = 10
# Uncertain sends are settled within minutes. The rest is a margin for an outage, and for a broker whose clock is put
# forward by an hour or two: it would delete them all at once.
ECHO_SECONDS = 4 * 3600
ECHOES_PER_CUSTOMER = 100
# The send records of a message are kept longer than any retry of it.
LEDGER_SECONDS = 7 * 86400
# A field of the send ledger: the quote above a reply, which is the same at each try. Deleted with settling.
LEDGER_QUOTE = "quote"
# Another one: the message goes encrypted, at each try.
LEDGER_ENCRYPTED = "encrypted"
# Another one: the post that a message answers in public, which is the same at each try.
LEDGER_TARGET = "target"
# The shortest time between two requests to CCM for the credentials of one account.
PULL_SECONDS = 600
# CCM is asked about so many unregistered accounts in that time: invented ids must not flood CCM or the broker.
ENQUIRIES_MAX = 50
# How long the wrong passwords of a name of the console are counted.
LOGIN_SECONDS = 3600
# Longer than our own challenge takes.
TRIAL_SECONDS = 20
# How long the progress of a group of dead letters can be looked at.
GROUP_WORK_SECONDS = 3600
# A replaced consumer secret stays valid for this long after X first used the new one. X repeats events that it signed
# before for minutes, or for hours by its older documentation.
RETIRED_SECONDS = 86400
# Which DM belongs to which CIM message, for read receipts. Customers rarely read older messages for the first time.
SENT_SECONDS = 7 * 86400
SENT_PER_CUSTOMER = 500
# How long a comment can be answered that the agent's message does not name.
COMMENT_SECONDS = 30 * 86400
# CCM's scheduling data for reports is an id or two. Larger data is not stored for the READ report.
SCHEDULING_MAX_CHARS = 2_000
# Events in the history of one account.
HISTORY_MAX = 1000

DUE = PREFIX + "due:{direction}:{account}"  # ZSET lane -> ms when it may be worked on (waiting, leased or ready)
TURN = PREFIX + "turn:{direction}"  # ZSET account -> ms when it is looked at next
QUEUE = PREFIX + "q:{direction}:{account}:{lane}"  # ZSET order|id, all of score 0: sorted as text, exactly
MESSAGES = PREFIX + "m:{direction}:{account}:{lane}"  # HASH order|id -> accepted ms, space, payload
STATE = PREFIX + "st:{direction}:{account}:{lane}"  # HASH owner, n:<member> claims, a:<member> tries
SEEN = PREFIX + "seen:{direction}:{account}:{id}"  # mark of an accepted id
GATE = PREFIX + "gate:{direction}:{account}"  # HASH until (ms), reason, detail: the account waits
ENDPOINT_PAUSES = PREFIX + "pauses:{account}"  # HASH endpoint -> JSON until (ms), reason, detail
BREAKER = PREFIX + "brk:{direction}:{account}"  # HASH strikes, until (ms): the other side is probed by one message
# A wake-up that no worker has received yet. A channel of the same name says that one was sent.
WAKEUP = PREFIX + "bell:{direction}"
AWAKE = PREFIX + "awake:{direction}"  # until when (ms) a worker waits for a notice
NOTICE = PREFIX + "notice:{direction}"  # LIST of one value at most: work is due, for the worker that waits
FENCE = PREFIX + "fence"  # INCR: fencing tokens
SEQUENCE = PREFIX + "seq"  # INCR: order of acceptance
CLOCK = PREFIX + "clock"  # HASH latest: ms, shift: ms beside the server's clock, steps: see queue/lua/names.lua
CLOCKS = PREFIX + "clocks"  # HASH worker name -> seconds by which its clock differs, if they are many
ECHOES = PREFIX + "echo:{account}:{customer}"  # LIST of JSON, newest first
LAST_ECHO = PREFIX + "echo:{account}"  # id of the account's own message that came back last
LEDGER = PREFIX + "ledger:{account}:{id}"  # HASH step -> JSON, and LEDGER_QUOTE -> text
SENT = PREFIX + "sent:{account}:{customer}"  # ZSET padded dm id|cim id, score 0
SCHEDULING = PREFIX + "sent:{account}:{customer}:scheduling"  # HASH cim id -> JSON that its reports carry
UNFINISHED = (
    PREFIX + "sent:{account}:{customer}:unfinished"
)  # HASH cim id of a message whose last step is not sent -> 1
READ_UP_TO = PREFIX + "sent:{account}:{customer}:read"  # newest DM id that the customer has read, space, ms
ACCOUNTS = PREFIX + "accounts"  # HASH account id -> JSON, credentials encrypted
REPLACED_GRANTS = PREFIX + "oauth2-replaced"  # SET of such digests, of grants that gave way to another of the account
ACCOUNT_CHANGES = PREFIX + "accounts-changed"  # a channel: account ids, published when their rows change
ACCOUNTS_FORM = PREFIX + "accounts-form"  # how their rows are written; missing on a broker of 0.1.0
TOKEN_PAIRS = PREFIX + "oauth2-pairs"  # HASH digest of a grant's first refresh token -> sealed JSON of its last pair
ACCOUNT_STATUS = PREFIX + "signs:{account}"  # HASH last_event_at, last_crc_at, ...
TYPING_INDICATOR = PREFIX + "flash:{direction}:{account}:{customer}"  # mark: one was accepted lately
TYPING_INDICATORS = PREFIX + "flashes"  # LIST of moment (ms), space, JSON; oldest last
LINK = PREFIX + "link:{account}:{id}"  # CIM id -> X event id
THREAD = PREFIX + "thread:{account}:{post}"  # first post of the thread that a post is in
LAST_COMMENT = PREFIX + "comment:{account}:{customer}"  # ZSET post id -> ms: the customer's newest comment
NAME = PREFIX + "name:{account}:{customer}"  # JSON name, screen name of a customer
ASKED = PREFIX + "asked:{account}:{id}"  # JSON: the options of one BUTTON message
QUESTION = PREFIX + "question:{account}:{customer}"  # CIM id of the numbered question a typed answer belongs to
DEAD = PREFIX + "dead"  # ZSET dead letter id -> failed ms
DEAD_LETTER = PREFIX + "dead:letters"  # HASH dead letter id -> JSON
HISTORY = PREFIX + "history:{account}"  # ZSET JSON of ms, event, detail, since ms, nonce -> ms
REFUSED_SIGNATURES = PREFIX + "refused:{account}:{day}"  # HASH epoch minute -> count
LOG = PREFIX + "log"  # ZSET "record customer" -> ms when the message was written: the message log
LOG_RECORD = PREFIX + "log:{direction}:{account}:{id}"  # lines, see queue/log_lines.py; the id is the entry's
LOG_LOOKUP = PREFIX + "log-id:{id}"  # id of X, CIM or a dead letter -> record, where the record's own id is another one
LOG_ACCOUNTS = PREFIX + "log-accounts"  # ZSET account -> ms of a message in the log
LOG_NAMES = PREFIX + "log-names"  # ZSET "screen name in lower case, customer id" -> ms when X last named it so
CHAT_KEYS = PREFIX + "xchat-keys"  # HASH account -> sealed JSON version, private keys
CHAT_CONVERSATIONS = PREFIX + "xchat-conversations:{account}"  # HASH customer -> sealed JSON keys of the conversation
ROAD = PREFIX + "xchat-road:{account}:{customer}"  # ZSET "dm" or "chat", "|", ms -> ms: how the customer wrote last
CHAT_NOTICED = PREFIX + "xchat-noticed:{account}:{customer}"  # last day on which the agent was told of X Chat messages
CHAT_COUNTS = PREFIX + "xchat:{account}:{day}"  # HASH outcome -> encrypted messages of that day, counted like USAGE
BUDGETS = PREFIX + "budgets:{account}"  # HASH endpoint -> JSON limit, remaining, reset
USAGE = PREFIX + "usage:{account}:{day}"  # HASH kind -> units that X bills; day: number of days since 1970
REPLAY = PREFIX + "replay:{account}"  # JSON id, since, until, started (ms), tries, state of a replay job
APP_SENDS = PREFIX + "app-sends:{app}"  # HASH limit, remaining, began, reset (ms), of:<account> -> messages sent
BILLED = PREFIX + "billed:{account}:{day}:{kind}"  # SET of ids that a look-up returned on this day
LOCK = PREFIX + "chore:{chore}"  # lock: one replica at a time
LOGIN = PREFIX + "login:{name}"  # number of wrong passwords of a name of the console, and a mark while it waits
GROUP_WORK = PREFIX + "group-work:{id}"  # HASH: progress of replaying or discarding a group of dead letters
MEASURED = PREFIX + "measured:{boot}"  # the steady clock of a machine, space, the time of the service (both ms)
TRIAL = PREFIX + "trial:{account}"  # sealed consumer secret of an account whose address is being tried
WORKERS = PREFIX + "workers"  # ZSET worker name -> ms of its last heartbeat
PULLED = PREFIX + "pulled:{account}"  # CCM was asked for the account's configuration lately
ENQUIRIES = PREFIX + "pulled-unknown"  # HASH account id -> until (ms), space, state: result of asking CCM about it
UNREGISTERED = PREFIX + "unregistered"  # SET of account ids an operator took out of service
CHANNEL_TYPE = PREFIX + "channel-type"  # the channel type id an operator named
KEY_CHECK = PREFIX + "key-check"  # a known text, encrypted: detects a wrong key at start
PRIMARY = PREFIX + "primary"  # replication id of the server that took writes last
FAILOVERS = PREFIX + "failovers"  # LIST of since, space, until (ms); newest first
INSTALLATION = PREFIX + "installation"  # a random id: the mark of this broker's data
PROBE = PREFIX + "probe"  # written to see whether the broker stores anything
