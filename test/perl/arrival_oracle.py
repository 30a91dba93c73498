# What automations on metrics must do, worked out row by row, apart from the
# server and from its code: a dictionary of points, and plain arithmetic.
#
# A row is put in its place among the points, and every enabled automation on
# its metric is judged from the points up to that place, as many as it looks
# at.  NaN is one of them, and left out of what is computed of several.
# Python's floats are IEEE doubles, and each sum here is made in
# the order of step, as PostgreSQL's avg and stddev_samp make it, so what is
# observed must come out equal to the last bit.
#
# Rule: nothing here is quick.  No window is kept, no sum is carried on.

import bisect
import functools
import math
import operator
import struct

INFINITY = math.inf
NAN = math.nan


def bits(value):
    return struct.pack('>d', value)


def divide(a, b):
    """IEEE division, which Python refuses for zero."""
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return NAN
    return math.copysign(INFINITY, a) * math.copysign(1.0, b)


def numbers(values):
    return [value for value in values if not math.isnan(value)]


# Each of these takes at least one number, and no NaN.

def average(values):
    if all(value == values[0] for value in values):
        return values[0]
    # not sum(): newer Pythons compensate
    return functools.reduce(operator.add, values, 0.0) / len(values)


def deviation(values):
    """The sample deviation by Youngs and Cramer, of at least two."""
    if not all(map(math.isfinite, values)):
        return NAN
    if all(value == values[0] for value in values):
        return 0.0
    total = squares = 0.0
    for n, value in enumerate(values, 1):
        total += value
        if n > 1:
            g = value * n - total
            squares += g * g / (n * (n - 1.0))
    return math.sqrt(squares / (len(values) - 1))


AGGREGATES = {'avg': average, 'min': min, 'max': max}
COMPARISONS = {'>': operator.gt, '>=': operator.ge, '<': operator.lt, '<=': operator.le, '=': operator.eq, '<>': operator.ne}


def reaches(direction, difference, amount):
    if direction == 'increase':
        return difference >= amount
    if direction == 'decrease':
        return difference <= -amount
    return abs(difference) >= amount


class Rule:
    """A condition: kind, aggregate, sizes of the newer and the older window, and the rest by kind."""

    def __init__(self, metric, kind, size=1, prior=0, agg='last', word='', amount=0.0, is_relative=False):
        self.metric, self.kind, self.size, self.prior = metric, kind, size, prior
        self.agg, self.word, self.amount, self.is_relative = agg, word, amount, is_relative

    def observe(self, values):
        """What is observed of a full window, and whether the rule holds."""
        older, newer = values[:self.prior], values[self.prior:]
        if self.kind == 'nan':
            return newer[-1], math.isnan(newer[-1])
        if self.kind == 'notfinite':
            return newer[-1], not math.isfinite(newer[-1])
        if self.kind == 'zscore':
            older = numbers(older)
            if len(older) < 2:
                return NAN, False
            mean, spread = average(older), deviation(older)
            seen = 0.0 if spread == 0 and newer[-1] == mean else divide(newer[-1] - mean, spread)
            return seen, reaches(self.word, seen, self.amount)
        if self.agg == 'last':
            before, now = older[-1] if older else NAN, newer[-1]
        else:
            older, newer = numbers(older), numbers(newer)
            if not newer or (self.prior > 0 and not older):
                return NAN, False
            aggregate = AGGREGATES[self.agg]
            before, now = aggregate(older) if older else NAN, aggregate(newer)
        if self.kind == 'threshold':
            return now, COMPARISONS[self.word](now, self.amount)
        if self.kind == 'plateau':
            seen = now - before if self.agg == 'max' else before - now
            return seen, seen < self.amount * abs(before)
        seen = now - before
        if self.is_relative:
            seen = 0.0 if now == before else divide(seen, abs(before))
        return seen, reaches(self.word, seen, self.amount)


class Automation:
    """cooldown is in hours."""

    def __init__(self, name, rule, cooldown):
        self.name, self.rule, self.cooldown, self.is_enabled = name, rule, cooldown, True


class World:
    """All points, automations and executions, and how to take back the newest changes of them."""

    def __init__(self):
        self.steps = {}         # (run, metric) -> steps in order
        self.values = {}        # (run, metric) -> {step: value}
        self.automations = {}   # name -> Automation, in the order of creation
        self.executions = []    # (automation, run, step, state, observed)
        self.spoken = {}        # (automation, run) -> [(hour, state)]
        self.hour = 0
        self.undo = []
        self.judged = 0

    # Everything that changes says how to take it back.

    def rollback_to(self, mark):
        while len(self.undo) > mark:
            function, *arguments = self.undo.pop()
            function(*arguments)

    def commit(self):
        self.undo.clear()

    def assign(self, thing, field, value):
        self.undo.append((setattr, thing, field, getattr(thing, field)))
        setattr(thing, field, value)

    def create(self, automation):
        self.assign(self, 'automations', {**self.automations, automation.name: automation})

    def drop(self, name):
        self.assign(self, 'automations', {n: a for n, a in self.automations.items() if n != name})

    # Points.

    def lay(self, series, step, value):
        """A point, or None for none."""
        steps, values = self.steps.setdefault(series, []), self.values.setdefault(series, {})
        if value is None:
            steps.pop(bisect.bisect_left(steps, step))
            del values[step]
            return
        if step not in values:
            bisect.insort(steps, step)
        values[step] = value

    def set(self, run, metric, step, value):
        """Change the table, and nothing else."""
        series = (run, metric)
        self.undo.append((self.lay, series, step, self.get(run, metric, step)))
        self.lay(series, step, value)

    def get(self, run, metric, step):
        return self.values.get((run, metric), {}).get(step)

    def write(self, run, metric, step, value):
        """A row of an INSERT or UPDATE: change the table and judge."""
        before = self.get(run, metric, step)
        if before is not None and bits(before) == bits(value):
            return
        self.set(run, metric, step, value)
        self.judge(run, metric, step)

    # Judging.

    def judge(self, run, metric, step):
        steps, values = self.steps[run, metric], self.values[run, metric]
        end = bisect.bisect_right(steps, step)
        for automation in self.automations.values():
            rule = automation.rule
            size = rule.size + rule.prior
            if not automation.is_enabled or rule.metric != metric or end < size:
                continue
            self.judged += 1
            observed, holds = rule.observe([values[s] for s in steps[end - size:end]])
            if holds:
                self.fire(automation, run, step, observed)

    def fire(self, automation, run, step, observed):
        spoken = self.spoken.setdefault((automation.name, run), [])
        state, is_noted = 'PENDING', False
        for hour, earlier in reversed(spoken):
            if automation.cooldown == 0 or hour <= self.hour - automation.cooldown:
                break
            if earlier == 'PENDING':
                state = 'SKIPPED'
                break
            is_noted = True
        if state == 'SKIPPED' and is_noted:
            return
        spoken.append((self.hour, state))
        self.executions.append((automation.name, run, step, state, observed))
        self.undo.append((spoken.pop,))
        self.undo.append((self.executions.pop,))
