"""The shapes of traffic that are measured, and what is asked of posthornd in each.

A shape is one row here: what the generator is told, beside whom posthornd stands, what is taken from the generator's
answer, and the goals. Everything else reads this table.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    """One figure of a run: which field of the generator's answer, and how it is written."""
    title: str
    field: str
    unit: str
    scale: float = 1.0


CPU_PUBLISHED = Metric('CPU per message', 'cpu_s_per_m_pub', 'us')
CPU_POSTED = Metric('CPU per request', 'cpu_s_per_m_pub', 'us')
CPU_DELIVERED = Metric('CPU per delivery', 'cpu_s_per_m_recv', 'us')
CPU_ANSWERED = Metric('CPU per request', 'cpu_s_per_m_recv', 'us')
LATENCY = Metric('median latency', 'lat_us.p50', 'us')
RATE = Metric('deliveries a second', 'recv_rate', 'M/s', 1e-6)
ACKNOWLEDGED = Metric('acknowledged a second', 'recv_rate', 'k/s', 1e-3)
CPU_ACKNOWLEDGED = Metric('CPU per message', 'cpu_s_per_m_pub', 'us')
CONSUMED = Metric('acknowledged a second', 'recv_rate', 'k/s', 1e-3)
READ = Metric('bytes a second', 'byte_rate', 'GB/s', 1e-9)
DELIVERED = Metric('requests a second', 'recv_rate', 'k/s', 1e-3)
MEMORY = Metric('memory per idle connection', 'rss_per_kb', 'KiB')


@dataclass(frozen=True)
class Goal:
    """What posthornd's figure is to be: at most (or at least) limit times its rival's, or limit itself."""
    metric: Metric
    limit: float
    at_least: bool = False
    absolute: bool = False

    def text(self):
        words = f'{self.limit:g}' + (f' {self.metric.unit}' if self.absolute else '')
        return f'{words} or {"more" if self.at_least else "less"}'

    def met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit


# What a shape's clients speak: servers.py knows the words for each.
LINE, EVENTS, POLLS = 'line', 'events', 'polls'
STREAMS, PAST = 'streams', 'past'    # on the line, and over HTTP too: streamload's part
HOOKS = 'hooks'                      # to a receiver of webhooks: hooks.py


@dataclass(frozen=True)
class Shape:
    name: str                       # what --only looks in
    arguments: list                 # for the generator: mode, publishers, subscribers, ...; none: natsload cannot do it
    goals: list
    size: int = 256                 # bytes of payload
    guess: int = 0                  # messages of the first run, which finds out how many fill the time; 0: no such run
    peers: tuple = ()               # besides the rival
    rival: str = 'nats-server'      # whose figure posthornd's is divided by
    speaks: str = LINE
    messages_min: int = 100
    settings: dict = field(default_factory=dict)    # of posthornd
    pinned: bool = True
    fresh: bool = False             # a new server for every run: memory that a run gives back is not seen twice
    runs_max: int = 99
    bench: tuple = ()               # the same for "posthorn bench", where it can do it


def window(size, subscribers):
    """Messages in flight: so few that no server has to drop or to stall a publisher."""
    return max(64, min(65536, (16 << 20) // size, (256 << 20) // (size * max(1, subscribers))))


def stream(publishers, subscribers, size, topics=1):
    return ['--pubs', publishers, '--subs', subscribers, '--subjects', topics, '--window', window(size, subscribers)]


def events(subscribers, *more):
    return ['--mode', 'sse', '--pubs', 1, '--subs', subscribers, *more]


def cpu(limit, metric=CPU_DELIVERED):
    return [Goal(metric, limit)]


def faster(limit, metric=ACKNOWLEDGED):
    return Goal(metric, limit, at_least=True)


def acknowledged(connections, in_flight):
    return ['--mode', 'ack', '--pubs', connections, '--window', in_flight]


DIRECTORY = '{directory}'            # in a setting: the server's own
CONFIG = 'a file'                    # no setting: a configuration file, for sections that have names
RECEIVER = '{receiver}'              # the URL of the receiver of webhooks
REDIS = ('redis-server',)
BARE = 'posthornd, recent off'
OPEN = 'posthornd, no users'
PLAIN = (BARE, 'redis-server')
KEPT = ('posthornd, recent on', 'redis-server')
NOT_KEPT = {'recent.enabled': 'no'} # so that a message to nobody is received by nobody: the stream too is a receiver
MANY = ['--mode', 'subs', '--nsubs', 100000, '--hold', 0.1]
STEADY = ['--mode', 'latency', '--rate', 100000, '--secs', 1.5]
BURST = ['--window', 50]            # messages that not all readers have yet

LINE_SHAPES = [
    Shape('1 to 0, 16 B, recent off', stream(1, 0, 16), cpu(0.35, CPU_PUBLISHED), 16, 400000, KEPT, settings=NOT_KEPT,
          bench=('pub',)),
    Shape('1 to 0, 256 B, recent off', stream(1, 0, 256), cpu(0.45, CPU_PUBLISHED), 256, 400000, KEPT, settings=NOT_KEPT,
          bench=('pub',)),
    Shape('1 to 1, 256 B', stream(1, 1, 256), cpu(0.45), 256, 200000, PLAIN, bench=('fanout', '--subscribers', 1)),
    Shape('1 to 1, 4 KiB', stream(1, 1, 4096), cpu(0.7), 4096, 30000, PLAIN, bench=('fanout', '--subscribers', 1)),
    Shape('1 to 100, 256 B', stream(1, 100, 256), cpu(0.4), 256, 4000, PLAIN, bench=('fanout', '--subscribers', 100)),
    Shape('1 to 100, 4 KiB', stream(1, 100, 4096), cpu(0.55), 4096, 600, PLAIN, bench=('fanout', '--subscribers', 100)),
    Shape('4 to 4 on four topics, 256 B', stream(4, 4, 256, 4), cpu(0.45), 256, 200000, PLAIN),
    Shape('request-reply, 10 requesters with 10 in flight, 256 B', ['--mode', 'reqrep', '--pubs', 10, '--window', 10],
          cpu(0.45, CPU_ANSWERED), 256, 20000),
    Shape('100,000 subscriptions, all topics in turn', MANY, cpu(0.3), 16, 100000),
    Shape('100,000 subscriptions, 500 hot topics', MANY + ['--hot', 500], cpu(0.25), 16, 200000),
    Shape('steady 100k/s, 256 B', STEADY, [Goal(LATENCY, 1.1), Goal(CPU_DELIVERED, 0.9)], peers=REDIS),
    Shape('steady 100k/s, 256 B, server.spin', STEADY, [Goal(LATENCY, 0.8)], settings={'server.spin': '100us'}),
    Shape('4 to 4, two workers, both cores free, 256 B', stream(4, 4, 256, 4), [Goal(RATE, 1.3, at_least=True)],
          guess=200000, settings={'server.workers': '2'}, pinned=False),
    Shape('10,000 idle connections', ['--mode', 'idle', '--subs', 10000], [Goal(MEMORY, 1.0, absolute=True)],
          size=64, peers=('redis-server', 'mosquitto'), fresh=True, runs_max=3),
]

RECENT_SHAPES = [
    Shape('recent: 1 to 1, 256 B', stream(1, 1, 256), cpu(1.3), 256, 200000, rival=BARE,
          bench=('fanout', '--subscribers', 1)),
]

# The generator is "posthorn bench" (--posthorn PATH), which can say who it is. The rival is the same daemon, where nobody is asked.
ENTERING = ('--token', 'bench', '--topic', 'orders.new.a')
RIGHTS = {CONFIG: """[user bench]
token = bench
publish = a.>, b.>, c.>, orders.>
publish_deny = orders.secret.>
subscribe = a.>, b.>, orders.>, _INBOX.>
subscribe_deny = orders.*.a.secret
"""}
RIGHTS_SHAPES = [
    Shape('users with rights: 1 to 1, 256 B', [], cpu(1.1), 256, 200000, rival=OPEN, settings=RIGHTS,
          bench=('fanout', '--subscribers', 1, *ENTERING)),
    Shape('users with rights: 1 to 100, 256 B', [], cpu(1.1), 256, 4000, rival=OPEN, settings=RIGHTS,
          bench=('fanout', '--subscribers', 100, *ENTERING)),
]

HTTP_SHAPES = [
    Shape('SSE to 100 readers, 256 B', events(100, *BURST), cpu(0.5), guess=500, rival='nginx', speaks=EVENTS),
    Shape('SSE to 1,000 readers, 256 B', events(1000, *BURST), cpu(0.2), guess=50, rival='nginx', speaks=EVENTS),
    Shape('SSE to 10,000 readers, 256 B', events(10000, *BURST), cpu(0.2), guess=5, rival='nginx', speaks=EVENTS,
          messages_min=60, runs_max=3),
    Shape('SSE to 1,000 readers, steady 20/s, 256 B', events(1000, '--rate', 20, '--secs', 2.5),
          [Goal(CPU_DELIVERED, 0.75), Goal(LATENCY, 0.8)], rival='nginx', speaks=EVENTS),
    Shape('long poll by 100 readers, 256 B', ['--mode', 'longpoll', '--pubs', 1, '--subs', 100, '--window', 20], cpu(0.7),
          guess=300, rival='nginx', speaks=POLLS),
    Shape('POST by 10 connections, 256 B', ['--mode', 'post', '--pubs', 10], cpu(0.7, CPU_POSTED), guess=5000,
          rival='nginx', speaks=EVENTS),
    Shape('10,000 idle SSE readers', ['--mode', 'idle', '--subs', 10000], [Goal(MEMORY, 0.15)], size=64, rival='nginx',
          speaks=EVENTS, fresh=True, runs_max=3),
]

JETSTREAM, REDIS_SYNCED = 'nats-server, JetStream', 'redis-server, synced'
KEPT_ON_DISK = {'server.data_dir': DIRECTORY}    # sync = always, the default
STREAM_SHAPES = [
    Shape('acknowledged, 1,000 in flight, 256 B', acknowledged(1, 1000), [faster(3), Goal(CPU_ACKNOWLEDGED, 0.25)], guess=20000,
          rival=JETSTREAM),
    Shape('acknowledged, 1,000 in flight, 4 KiB', acknowledged(1, 1000), [faster(1.5)], 4096, guess=10000, rival=JETSTREAM),
    Shape('durable pull consumer, batches of 100, 256 B', ['--mode', 'consume', '--batch', 100], [faster(2, CONSUMED)], guess=20000,
          rival=JETSTREAM, speaks=STREAMS),
    Shape('acknowledged, 1,000 in flight, 256 B, beside redis', acknowledged(1, 1000), [faster(6)], guess=20000, rival=REDIS_SYNCED),
    Shape('acknowledged, 50 connections with one in flight, 256 B', acknowledged(50, 1), [faster(2)], guess=10000,
          rival=REDIS_SYNCED),
    Shape('acknowledged, one in flight, 256 B, one core', acknowledged(1, 1), [faster(0.5)], guess=500, peers=(REDIS_SYNCED, JETSTREAM),
          rival='disk'),
    Shape('acknowledged, one in flight, 256 B, two cores', acknowledged(1, 1), [faster(0.8)], guess=500,
          peers=(REDIS_SYNCED, JETSTREAM), rival='disk', pinned=False),
    Shape('reader of the past over NDJSON, 4 KiB', ['--mode', 'read', '--messages', 65536], [Goal(READ, 0.5, at_least=True)], 4096,
          rival='loopback', speaks=PAST),
]
for shape in STREAM_SHAPES:
    shape.settings.update(KEPT_ON_DISK)

# Its whole way: published, kept on disk, read, signed, sent, answered, its position stored.
HOOK_CONFIG = f'''[stream BENCH]
topics = bench.>
[webhooks]
allow_networks = 127.0.0.1
[webhook bench]
url = {RECEIVER}
pattern = bench.>
mode = parallel
concurrency = 64
'''
HOOK_SHAPES = [
    Shape('one webhook, 64 connections, 256 B', ['bench.a', 64], [faster(0.4, DELIVERED)], guess=4000, rival='wrk', speaks=HOOKS,
          settings={**KEPT_ON_DISK, CONFIG: HOOK_CONFIG}, messages_min=1000),
]

SHAPES = LINE_SHAPES + RECENT_SHAPES + RIGHTS_SHAPES + HTTP_SHAPES + STREAM_SHAPES + HOOK_SHAPES
