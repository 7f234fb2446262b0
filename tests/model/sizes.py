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
    'custody': {
        'tso': True,
        'sizes': [
            ('2 frames, back in any order', []),
            ('2 frames, x86-64', ['TSO']),
            ('2 frames, a liar gives back', ['LIAR', 'TSO', 'DEPTH=1'], 'collapse'),
        ],
        'large': [],
        'mutants': {
            'SLOT_RELAXED': mutant('slot: release, for the payload behind it'),
            'LOOK_RELAXED': mutant('slot: acquire, for the payload behind it'),
            'LANE_RELAXED': mutant('lane_tail: release'),
            'LANE_LOOK_RELAXED': mutant('lane_tail: acquire'),
            'ENTRY_LATE': mutant('lane_tail is stored after the entry', tso=True),
            'LEDGER': mutant('the lane is checked against the ledger', 'LIAR', 'DEPTH=2', tso=True),
            'LANE_BOUND': mutant('the lane\'s bound', 'LIAR', 'DEPTH=2', tso=True),
        },
    },
    'words': {
        'tso': True,
        'sizes': [
            ('a statement: shard, daemon, successor', []),
            ('a word from end to end', ['DIRECT']),
            ('a log record, written twice', ['LOG']),
        ],
        'large': [],
        'mutants': {
            'WIRE_RELAXED': mutant('joined, detached in the wire: release', 'DIRECT'),
            'WIRE_LOOK_RELAXED': mutant('joined, detached in the wire: acquire', 'DIRECT'),
            'CELL_RELAXED': mutant('detached in the cell: release'),
            'CELL_LOOK_RELAXED': mutant(
                'detached in the cell: acquire',
                superfluous='the order depends on what was loaded, and no machine guesses a store. The acquire '
                            'binds the compiler'),
            'SEQ_RELAXED': mutant('seq, go: release'),
            'SEQ_LOOK_RELAXED': mutant('seq, go: acquire'),
            'DETACHED_FIRST': mutant('detached is stored after its words', tso=True),
            'LOG_RELAXED': mutant('log number, after the record: release', 'LOG'),
            'LOG_UNFENCED': mutant('the fence after log number 0', 'LOG'),
            'LOG_LOOK_RELAXED': mutant('log number, before: acquire', 'LOG'),
            'LOG_LOOK_UNFENCED': mutant('the fence before the second look at it', 'LOG'),
            'LOG_ONCE': mutant('the second look at log number', 'LOG', tso=True),
        },
    },
    'recovery': {
        'tso': False,
        'sizes': [
            ('chain of 3, nobody dies, 4 puts', ['KILLS=0', 'PUTS=4']),
            ('chain of 3, 1 death, 3 puts', ['KILLS=1', 'PUTS=3'], 'collapse'),
            ('chain of 3, 2 deaths, 2 puts', ['KILLS=2', 'PUTS=2'], 'collapse'),
            ('chain of 3, 2 reloads, 2 puts', ['RELOAD', 'KILLS=2', 'PUTS=2'], 'collapse'),
            ('chain of 3, the sink stalls, 1 death, 2 puts', ['STALL', 'KILLS=1', 'PUTS=2'], 'collapse'),
            ('router, 1 death, 2 puts', ['ROUTER', 'KILLS=1', 'PUTS=2'], 'collapse'),
            ('fan-in of two owners, 1 death, 2 puts', ['FANIN', 'KILLS=1', 'PUTS=2'], 'collapse'),
            ('two channels of one pool in a row, 1 death, 3 puts', ['TWIN', 'KILLS=1', 'PUTS=3', 'F=1', 'LEND=1'], 'collapse'),
        ],
        'large': [
            ('chain of 3, 2 deaths, 3 puts', ['KILLS=2', 'PUTS=3'], 'collapse'),
            ('chain of 3, 3 deaths, 2 puts', ['KILLS=3', 'PUTS=2'], 'collapse'),
            ('chain of 3, 3 frames, 1 death, 4 puts', ['F=3', 'KILLS=1', 'PUTS=4'], 'collapse'),
            ('router, 2 deaths, 2 puts', ['ROUTER', 'KILLS=2', 'PUTS=2'], 'collapse'),
            ('fan-in of two owners, 2 deaths, 2 puts', ['FANIN', 'KILLS=2', 'PUTS=2'], 'collapse'),
            ('two channels of one pool in a row, 2 frames, 1 death, 3 puts', ['TWIN', 'KILLS=1', 'PUTS=3'], 'collapse'),
        ],
        'mutants': {
            'STATEMENT': mutant('the borrower\'s statement', 'KILLS=1', 'PUTS=3'),
            'ADOPT': mutant('the successor takes the statement as its ledger', 'KILLS=1', 'PUTS=3'),
            'TAKEN_LATE': mutant('taken is stored before the first effect', 'KILLS=1', 'PUTS=3'),
            'OWN_SLOTS': mutant('the lender keeps its own slots from resume on', 'KILLS=1', 'PUTS=3'),
            'LANE_SEEN': mutant('the lane goes on where the borrower says', 'KILLS=1', 'PUTS=3'),
            'LANE_WORKED': mutant('what came back since the statement is not worked off', 'KILLS=2', 'PUTS=3'),
            'LANE_UNREAD': mutant('the lane is read to its end before resume is stated', 'KILLS=1', 'PUTS=3',
                                  superfluous='what lies there comes home at the join, because nobody states it; '
                                              'only the counts would be wrong'),
            'DOWNSTREAM': mutant('downstream first', 'KILLS=2', 'PUTS=3'),
            'CUT_ZERO': mutant('the producer goes on at the cut', 'KILLS=1', 'PUTS=3'),
            'CUT_UNSEEN': mutant('the last look before the cut', 'KILLS=1', 'PUTS=2'),
            'FORMAT': mutant('free slots are formatted', 'KILLS=2', 'PUTS=2'),
            'RESUME_TAIL': mutant('resume at taken, not at the tail', 'KILLS=1', 'PUTS=3'),
            'NO_JOIN': mutant('an edge is used when both have joined', 'KILLS=2', 'PUTS=3'),
            'KEEP_WORDS': mutant('who has not joined keeps its words', 'KILLS=2', 'PUTS=2',
                                 superfluous='the model is too coarse: here a successor writes its words in one '
                                             'step, so they are never half written'),
            'HEARSAY': mutant('a lane entry by hearsay ends no later loan', 'TWIN', 'KILLS=1', 'PUTS=3', 'F=1', 'LEND=1'),
            'LEND': mutant('lend is a limit', 'KILLS=0', 'PUTS=3', 'LEND=1', 'LANE=1'),
        },
    },
}
