"""The shapes of traffic that are measured, and what is asked of posthornd in each.

A shape is one row here: what the generator is told, what is taken from its answer, and the goals. Everything else
reads this table.
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
CPU_DELIVERED = Metric('CPU per delivery', 'cpu_s_per_m_recv', 'us')
CPU_ANSWERED = Metric('CPU per request', 'cpu_s_per_m_recv', 'us')
LATENCY = Metric('median latency', 'lat_us.p50', 'us')
RATE = Metric('deliveries a second', 'recv_rate', 'M/s', 1e-6)
MEMORY = Metric('memory per idle connection', 'rss_per_kb', 'KiB')


@dataclass(frozen=True)
class Goal:
    """What posthornd's figure is to be: at most (or at least) limit times nats-server's, or limit itself."""
    metric: Metric
    limit: float
    at_least: bool = False
    absolute: bool = False

    def text(self):
        words = f'{self.limit:g}' + (f' {self.metric.unit}' if self.absolute else '')
        return f'{words} or {"more" if self.at_least else "less"}'

    def met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Shape:
    name: str                       # what --only looks in
    arguments: list                 # for the generator: mode, publishers, subscribers, ...
    goals: list
    size: int = 256                 # bytes of payload
    guess: int = 0                  # messages of the first run, which finds out how many fill the time; 0: no such run
    peers: tuple = ()               # besides nats-server
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


def cpu(limit, metric=CPU_DELIVERED):
    return [Goal(metric, limit)]


REDIS = ('redis-server',)
MANY = ['--mode', 'subs', '--nsubs', 100000, '--hold', 0.1]
STEADY = ['--mode', 'latency', '--rate', 100000, '--secs', 1.5]

SHAPES = [
    Shape('1 to 0, 16 B', stream(1, 0, 16), cpu(0.35, CPU_PUBLISHED), 16, 400000, REDIS, bench=('pub',)),
    Shape('1 to 0, 256 B', stream(1, 0, 256), cpu(0.45, CPU_PUBLISHED), 256, 400000, REDIS, bench=('pub',)),
    Shape('1 to 1, 256 B', stream(1, 1, 256), cpu(0.45), 256, 200000, REDIS, bench=('fanout', '--subscribers', 1)),
    Shape('1 to 1, 4 KiB', stream(1, 1, 4096), cpu(0.7), 4096, 30000, REDIS, bench=('fanout', '--subscribers', 1)),
    Shape('1 to 100, 256 B', stream(1, 100, 256), cpu(0.4), 256, 4000, REDIS, bench=('fanout', '--subscribers', 100)),
    Shape('1 to 100, 4 KiB', stream(1, 100, 4096), cpu(0.55), 4096, 600, REDIS, bench=('fanout', '--subscribers', 100)),
    Shape('4 to 4 on four topics, 256 B', stream(4, 4, 256, 4), cpu(0.45), 256, 200000, REDIS),
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
