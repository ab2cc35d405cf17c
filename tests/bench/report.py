"""Figures into Markdown tables, one for each rival, and the tables into doc/BENCHMARKS.md."""
import os
import platform
import re
import statistics

BEGIN, END = '<!-- compare, {}: begin -->', '<!-- compare, {}: end -->'
US = 'posthornd'
LATE_US = 10
LOSSES = ('lost', 'dup', 'bad', 'refused', 'closed')


def figure(run, metric):
    """The metric of one run, or None where the run has none."""
    value = run
    for key in metric.field.split('.'):
        value = value.get(key) if isinstance(value, dict) else None
    return value * metric.scale if value else None


def is_clean(run):
    return not any(run.get(fault) for fault in ('fail', *LOSSES))


def is_disturbed(run):
    """The generator itself came late: other work took its processor, and latency says nothing about the server."""
    return run.get('gen_late_us', {}).get('p50', 0) > LATE_US


def median(values):
    return statistics.median(values) if values else None


def number(value):
    if value is None:
        return '-'
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}' if value >= 10 else f'{value:.2f}' if value >= 1 else f'{value:.3f}'


def ratios(runs, rival, metric):
    """Our figure over the rival's, run by run: what disturbs the machine disturbs both runs of a pair."""
    pairs = [(figure(a, metric), figure(b, metric)) for a, b in zip(runs.get(US, []), runs.get(rival, []))]
    return [a / b for a, b in pairs if a and b]


def verdict(goal, value):
    return '-' if value is None else 'yes' if goal.met(value) else '**no**'


def faults(runs):
    """Which servers had runs that lost, doubled or spoiled messages, were cut off, failed or were disturbed."""
    words = []
    for name, list_ in runs.items():
        late = sum(map(is_disturbed, list_))
        if late:
            words.append(f'{name}: generator late in {late} of {len(list_)} runs')
        bad = [run for run in list_ if not is_clean(run)]
        if bad:
            counts = ', '.join(f'{key} {max(run.get(key) or 0 for run in bad)}' for key in LOSSES
                               if any(run.get(key) for run in bad))
            why = next((run['fail'] for run in bad if run.get('fail')), '')
            words.append(f'{name}: {len(bad)} of {len(list_)} runs ({"; ".join(filter(None, (counts, why)))})')
    return ', '.join(words).replace('|', '/').replace('\n', ' ')


def comparison(shape, goal, runs):
    """(each server's median, the ratio with its range in words, whether the goal is met)"""
    metric = goal.metric
    medians = {name: median([value for value in (figure(run, metric) for run in list_) if value]) for name, list_ in runs.items()}
    ours = ratios(runs, shape.rival, metric)
    words = f'{number(median(ours))} ({number(min(ours))} - {number(max(ours))})' if ours else '-'
    return medians, words, verdict(goal, medians.get(US) if goal.absolute else median(ours))


def row(shape, goal, runs):
    medians, ratio, met = comparison(shape, goal, runs)
    others = '; '.join(f'{name} {number(value)}' for name, value in medians.items() if name not in (US, shape.rival))
    cells = [shape.name, f'{goal.metric.title}, {goal.metric.unit}', number(medians[shape.rival]), number(medians[US]), ratio,
             goal.text(), met, others or '-', faults(runs) or '-']
    return '| ' + ' | '.join(cells) + ' |'


def line(shape, goal, runs):
    """The same for a person who watches."""
    medians, ratio, met = comparison(shape, goal, runs)
    return (f'{shape.name}: {goal.metric.title} {number(medians[shape.rival])} {number(medians[US])} {goal.metric.unit}, '
            f'ratio {ratio}, goal {goal.text()}: {met.strip("*")} {faults(runs)}').rstrip()


def table(rival, results):
    """results: [(shape, {server name: [run, ...]})] of one rival"""
    head = ('shape', 'figure', rival, US, 'ratio (range)', 'goal', 'met', 'others', 'not clean')
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + [row(shape, goal, runs) for shape, runs in results for goal in shape.goals])


def first_match(path, pattern):
    try:
        with open(path) as file:
            found = re.search(pattern, file.read(), re.M)
        return found.group(1).strip() if found else 'unknown'
    except OSError:
        return 'unknown'


def machine():
    processor = first_match('/proc/cpuinfo', r'^model name\s*:\s*(.*)')
    memory_kib = first_match('/proc/meminfo', r'^MemTotal:\s+(\d+)')
    memory = f'{int(memory_kib) / (1 << 20):.0f} GiB' if memory_kib.isdigit() else 'unknown memory'
    system = first_match('/etc/os-release', r'^PRETTY_NAME="?([^"\n]*)')
    kernel = platform.release().split('-')[0]
    return f'{processor}, {len(os.sched_getaffinity(0))} processors, {memory}, Linux {kernel}, {system}'


def keep(path, rival, text):
    """Puts text between the rival's two marks on the page; what stands around them is written by hand."""
    with open(path) as file:
        page = file.read()
    begin_mark, end_mark = BEGIN.format(rival), END.format(rival)
    before, begin, rest = page.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise SystemExit(f'{path}: the marks {begin_mark} and {end_mark} are missing')
    with open(path, 'w') as file:
        file.write(f'{before}{begin}\n{text}\n{end}{after}')
