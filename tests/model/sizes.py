# SPDX-License-Identifier: Apache-2.0
"""What is checked: the sizes of each model, what each mutant takes away, and what is known to fail.

A size: (words, defines), 'collapse' behind it where memory asks for it (compressed, and still all
of it). A mutant: what it takes away; whether x86-64 shows it too (`tso`; else the barrier is for
the compiler and for other machines); and if nothing shows it, why it may stay (`superfluous`).
"""


def mutant(takes, *defines, tso=False, superfluous=None):
    return {'takes': takes, 'defines': list(defines), 'tso': tso, 'superfluous': superfluous}


MODELS = {
    'channel': {
        'tso': True,
        'sizes': [
            ('2 slots', []),
            ('2 slots, both words in one store', ['PAIR']),
            ('2 slots, x86-64', ['TSO']),
            ('1 slot, an observer of tail', ['OBSERVER', 'SLOTS=1', 'TELL=1']),
            ('1 slot', ['SLOTS=1', 'TELL=1']),
        ],
        'large': [
            ('4 slots, room told by two, bursts of 2', ['SLOTS=4', 'TELL=2'], 'collapse'),
        ],
        'mutants': {
            'SLOT_RELAXED': mutant('slot, word 0: release'),
            'LAP_FIRST': mutant('slot: word 0 is stored last', tso=True),
            'LOOK_RELAXED': mutant('slot, word 0: acquire'),
            'ROOM_RELAXED': mutant('room: release'),
            'ROOM_UNORDERED': mutant('room: acquire, as C11 has it'),
            'NO_ROOM': mutant('the producer asks for room', tso=True),
            'NO_LAP': mutant('the lap bit', tso=True),
            'ROOM_UNREAD': mutant('room is told after the slots were read', tso=True),
            'IDLE_SILENT': mutant('all room is told when there is nothing to take', tso=True),
            'TAIL_RELAXED': mutant('tail: release', 'OBSERVER', 'SLOTS=1', 'TELL=1'),
            'TAIL_LOOK_RELAXED': mutant('tail: acquire (observers)', 'OBSERVER', 'SLOTS=1', 'TELL=1'),
        },
    },
    'bell': {
        'tso': True,
        'sizes': [
            ('1 producer, 3 items', ['ITEMS=3']),
            ('1 producer, x86-64', ['ITEMS=3', 'TSO']),
            ('1 producer, dozing', ['DOZE'], 'collapse'),
            ('1 producer, no eventfd', ['WORD', 'ITEMS=3']),
            ('1 producer, a forger', ['FORGE=1'], 'collapse'),
            ('2 producers, 1 item each', ['N=2', 'ITEMS=1', 'DEPTH=2'], 'collapse'),
            ('2 producers, no eventfd', ['N=2', 'ITEMS=1', 'DEPTH=2', 'WORD'], 'collapse'),
        ],
        'known': [
            ('2 producers, no eventfd, 2 items each', ['N=2', 'ITEMS=2', 'DEPTH=2', 'WORD'],
             'two ringers store one bell word: it can go back to the value the sleeper compares with. Costs '
             'a doze its budget and a sleep without eventfd its deadline; Linux sleeps on the eventfd'),
        ],
        'large': [
            ('2 producers, 2 items each', ['N=2', 'ITEMS=2', 'DEPTH=2'], 'collapse'),
            ('1 producer, dozing, 3 items', ['DOZE', 'ITEMS=3'], 'collapse'),
        ],
        'mutants': {
            'SLEEPER_FENCE': mutant('the fence between asleep and the second look', tso=True),
            'RINGER_FENCE': mutant('the fence between the store and the look at asleep', tso=True),
            'NO_SECOND_LOOK': mutant('the second look', tso=True),
            'LOOK_THEN_ARM': mutant('arm first, then look', tso=True),
            'SAME_NUMBER': mutant('each sleep has a number of its own', 'ITEMS=3', tso=True),
            'NO_RING': mutant('ring before going to sleep', tso=True),
            'NO_COUNT': mutant('the eventfd counts', tso=True),
            'BELL_LATE': mutant('the bell is read before the second look', 'WORD', tso=True),
            'DOZE_NUMBER': mutant('the sleep after a doze has its own number', 'DOZE', tso=True),
            'DOZE_NO_LOOK': mutant('the sleep after a doze looks again', 'DOZE', tso=True),
            'NO_DEADLINE': mutant('the deadline, where bells are forged', 'FORGE=1', tso=True),
            'BELL_RELAXED': mutant(
                'bell: release and acquire',
                superfluous='the fence orders what was stored; after a wake the channels are looked at '
                            'with their own acquires. Both are free on x86-64'),
        },
    },
}
