# A training curve whose run goes on from a checkpoint, and what must fire.
#
#   resumed_curve.py CURVE.csv FROM_STEP SHIFT DIRECTORY
#
# writes the rows from a step on once more, with other values and their steps
# shifted, to DIRECTORY/rows as COPY reads them; and to DIRECTORY/fired, for
# each rule, the steps at which it holds with these rows, in their order.

import csv
import os
import sys

from arrival_oracle import Automation, Rule, World

RULES = {
    'is NaN': Rule('loss', 'nan'),
    'last > 10': Rule('loss', 'threshold', agg='last', word='>', amount=10.0),
    'average of 5 < 1': Rule('loss', 'threshold', size=5, agg='avg', word='<', amount=1.0),
    'maximum of 5 >= 5': Rule('loss', 'threshold', size=5, agg='max', word='>=', amount=5.0),
    'average, 10 against the 50 before, relative increase >= 0.25':
        Rule('loss', 'change', size=10, prior=50, agg='avg', word='increase', amount=0.25, is_relative=True),
    'the same, decrease': Rule('loss', 'change', size=10, prior=50, agg='avg', word='decrease', amount=0.25, is_relative=True),
    'last against the one before, absolute, either way, >= 2': Rule('loss', 'change', size=1, prior=1, word='any', amount=2.0),
    'z-score over the 30 before, either way, >= 3': Rule('loss', 'zscore', prior=30, word='any', amount=3.0),
    'the same, increase': Rule('loss', 'zscore', prior=30, word='increase', amount=3.0),
    'plateau, best of 10 against best of the 50 before, min_delta 0.01, minimize':
        Rule('loss', 'plateau', size=10, prior=50, agg='min', amount=0.01),
}


def main(curve, first, shift, directory):
    world = World()
    with open(curve) as file:
        rows = [(int(step), float(value)) for step, name, value in list(csv.reader(file))[1:] if name == 'loss']
    for step, value in rows:
        world.set(1, 'loss', step, value)
    for name, rule in RULES.items():
        world.create(Automation(name, rule, 0))
    again = [(step + shift, value * (1.5 if step % 7000 < 1000 else 0.9)) for step, value in rows if step >= first]
    with open(os.path.join(directory, 'rows'), 'w') as out:
        for step, value in again:
            out.write('%d\t%r\n' % (step, value))
            world.write(1, 'loss', step, value)
    with open(os.path.join(directory, 'fired'), 'w') as out:
        for n, (name, _, step, _, _) in enumerate(world.executions):
            out.write('%d\t%s\t%d\n' % (n + 1, name, step))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
