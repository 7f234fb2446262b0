# SPDX-License-Identifier: Apache-2.0
"""What is tried: the steps, the attacks they hold off, the lies, and what the log shall say."""

# Bits of shard_steps[] (vanityd/keeper_start.c), then what else the keeper does; two without a bit
# are in or out by the moment of the attack.
STEPS = {
    'descriptors': (0, '1 descriptors'),
    'session': (1, '2 session'),
    'namespaces': (2, '3 namespaces'),
    'root': (3, '4 empty root'),
    'affinity': (4, '5 affinity'),
    'limits': (5, '6 limits'),
    'uid': (6, '7 own uid'),
    'processes': (7, '8 no processes'),
    'capabilities': (8, '9 no capabilities'),
    'privileges': (9, '10 no_new_privs'),
    'landlock': (10, '11 Landlock'),
    'parent': (11, '12 dies with the keeper'),
    'start': (12, '13 start filter'),
    'read_only': (16, 'read-only descriptors'),
    'pids': (17, 'pid namespace'),
    'bounds': (18, 'bounding set, secure bits'),
    'executed': (19, '14 execute'),
    'init': (20, 'the keeper is pid 1'),
    'sealed': (21, 'sizes sealed'),
    'keyring': (22, 'an empty session keyring'),
    'closed': (None, 'descriptors closed after mapping'),
    'steady': (None, 'steady filter'),
}
BOUNDS = 1 << 18
INIT = 1 << 20
SEALED = 1 << 21  # of setup, which is preloaded something that leaves it out
KEYRING = 1 << 22
WHOLE = BOUNDS | INIT | SEALED | KEYRING  # the whole system has them, or has not


def bits(names):
    mask = 0
    for name in names:
        if STEPS[name][0] is not None:
            mask |= 1 << STEPS[name][0]
    return mask


ALL = bits(STEPS) & ~(INIT | SEALED | KEYRING)  # those only where an attack is about them


class Attack:
    """@stops: steps that hold it off, each alone; 'A+B' is B on top of A, which both runs have."""

    def __init__(self, name, words, stops, dev=None, when='start', alone=False, evidence=None,
                 only=None, expect=None, exits=None):
        self.name = name
        self.expect = expect
        self.words = words
        self.by_mode = {'root': stops, 'dev': stops if dev is None else dev}
        self.when = when
        self.alone = alone  # its success ends or damages the system it is in
        self.evidence = evidence
        self.exits = exits  # what it ends with when it worked
        if only is not None:
            self.by_mode = {m: s if m == only else None for m, s in self.by_mode.items()}


F = ['start', 'steady']
CAPABLE = ['uid', 'bounds', 'privileges+capabilities']  # what only root may
ATTACKS = [
    Attack('descriptors', 'every descriptor number: any it was not given',
           ['executed+descriptors', 'descriptors+executed'], when='entry'),
    Attack('file', 'read a file of the operator', ['namespaces', 'uid', 'landlock'] + F,
           ['namespaces', 'landlock'] + F),
    Attack('relative', 'a file by its name alone, in the folder of who started',
           ['namespaces', 'root', 'uid', 'landlock'] + F, ['namespaces', 'root', 'landlock'] + F),
    Attack('chroot', 'out of its root, by a smaller one',
           ['namespaces', 'landlock'] + CAPABLE + F, ['namespaces', 'capabilities', 'landlock'] + F),
    Attack('handle', 'a file by its handle', ['namespaces', 'landlock'] + CAPABLE + F, only='root'),
    Attack('node', 'make a device node', ['namespaces', 'landlock'] + CAPABLE + F, only='root'),
    Attack('proc', '/proc of the host', ['namespaces', 'landlock'] + F),
    Attack('device', 'open a device node', ['namespaces', 'landlock'] + F),
    Attack('network', 'TCP to the host', ['namespaces', 'landlock'] + F),
    Attack('listen', 'a TCP port at an address of the host', ['namespaces', 'landlock'] + F),
    Attack('abstract', 'a local socket of the host by its abstract name',
           ['namespaces', 'landlock'] + F),
    Attack('packet', 'a packet socket', ['uid', 'bounds', 'privileges+capabilities'] + F,
           ['namespaces+capabilities', 'namespaces+start', 'namespaces+steady']),
    Attack('ipc', 'System V memory of the host', ['namespaces', 'uid'] + F, ['namespaces'] + F),
    Attack('queue', 'a POSIX message queue of the host', ['namespaces', 'uid'] + F,
           ['namespaces'] + F),
    Attack('queue_own', 'a POSIX message queue of its own', ['limits'] + F),
    Attack('hostname', "the host's name", ['namespaces'] + F),
    Attack('keyring', 'add a key', F),
    Attack('key', "read the operator's key, in the session keyring that it inherits",
           ['keyring'] + F),
    Attack('group', 'SIGTERM to its process group', ['session', 'uid', 'landlock'] + F,
           ['session', 'landlock'] + F, alone=True),
    Attack('fork', 'a new process', ['uid+processes'] + F, ['processes'] + F),
    Attack('thread', 'a new thread', ['uid+processes'] + F, ['processes'] + F),
    Attack('signal', 'a signal to anybody it can name', ['pids', 'uid', 'landlock'] + F,
           ['pids', 'landlock'] + F),
    Attack('ptrace', 'trace anybody', ['pids', 'uid', 'landlock'] + F, ['pids', 'landlock'] + F),
    Attack('process_vm', "read anybody's memory", ['pids', 'uid', 'landlock'] + F,
           ['pids', 'landlock'] + F),
    Attack('pidfd', "take anybody's descriptor", ['pids', 'uid', 'landlock'] + F,
           ['pids', 'landlock'] + F),
    Attack('setns', "into anybody's network namespace", ['pids', 'landlock'] + CAPABLE + F,
           ['pids', 'capabilities', 'landlock'] + F),
    Attack('outlive', 'to be there still when the keeper was killed', ['parent', 'init'],
           alone=True),
    Attack('affinity', 'move to all cores', F),
    Attack('core', "run on another shard's core", ['affinity'] + F, only='root'),
    Attack('priority', 'a higher priority', ['uid', 'bounds', 'privileges+capabilities'] + F,
           only='root'),
    Attack('realtime', 'a real-time priority', ['uid', 'bounds', 'privileges+capabilities'] + F,
           only='root'),
    Attack('mount', 'a mount namespace of its own',
           ['uid', 'bounds', 'privileges+capabilities'] + F, ['capabilities'] + F),
    Attack('user_namespace', 'a user namespace, in which it is root', F),
    Attack('setuid', "execute a setuid program of root's", ['uid+privileges', 'uid+namespaces'],
           only='root', evidence='written'),
    Attack('clone_user', 'a child that is root in a user namespace', ['uid+processes'] + F,
           ['processes'] + F),
    Attack('program', 'execute code of its own, from memory', ['limits'] + F, exits=42),
    Attack('personality', 'all that is readable executable (personality)', F),
    Attack('dumpable', 'itself dumpable (prctl)', F),
    Attack('words', 'other addresses and arguments in its /proc (prctl)', F),
    Attack('filter', 'a filter of its own (prctl)', F),
    Attack('landlock', 'a Landlock ruleset of its own', F),
    Attack('seal', 'mappings that can never go (mseal)', F),
    Attack('timer', 'a timer of the kernel', F),
    Attack('alarm', 'an alarm, which exec would not stop', F),
    Attack('perf', 'events of a whole core', CAPABLE + F, only='root'),
    Attack('io_uring', 'an io_uring, whose requests no filter sees', F),
    Attack('bpf', 'a BPF map', ['uid', 'bounds', 'privileges+capabilities'] + F, only='root'),
    Attack('userfaultfd', 'faults of the kernel, stopped by hand', F),
    Attack('eat_memory', '16 MiB more of memory', ['limits', 'steady']),
    Attack('eat_addresses', '16 MiB more of addresses', ['limits', 'steady']),
    Attack('eat_stack', '16 MiB more of memory, as a stack', ['limits'] + F),
    Attack('eat_shared', '16 MiB more of memory, shared with nobody', ['limits'] + F),
    Attack('eat_huge', 'a huge page of the machine', F),
    Attack('eat_descriptors', '2,000 descriptors', ['limits'] + F),
    Attack('stack', "a MiB of the kernel's stack", ['limits']),
    Attack('dump', 'a core file of its memory and its neighbours\'',
           ['namespaces', 'limits', 'uid', 'landlock'], ['namespaces', 'limits', 'landlock'],
           alone=True),
    Attack('eat_files', 'memory outside the plan, as a file', ['limits'] + F),
    Attack('execute', 'memory both writable and executable', F),
    Attack('reopen', 'open a region again, for writing', ['namespaces', 'uid', 'start', 'closed'],
           ['namespaces', 'start', 'closed'], when='entry'),
    Attack('resize', 'a region of its own longer, then gone', ['sealed', 'start', 'closed'],
           when='entry'),
    Attack('lengthen', "the victim's frames longer", ['sealed', 'read_only', 'start', 'closed'],
           when='entry'),
    Attack('punch_own', 'a hole in a region of its own, by its descriptor', ['start', 'closed'],
           when='entry'),
    Attack('punch', "a hole in the victim's frames, by their descriptor",
           ['read_only', 'start', 'closed'], when='entry', alone=True),
    Attack('remove_own', 'a hole in memory that neighbours read', F),
    Attack('rewrite', "make the victim's frames writable and write them", ['read_only'] + F,
           alone=True),
    Attack('remove', "remove the pages of the victim's frames", ['read_only'] + F, alone=True),
]


# What is no row of the list: memory that is not mapped. Under both filters.
SEARCHES = [
    Attack('search',
           'foreign memory: where the victim has its own, beside each mapping, 10^6 others', [],
           expect='nothing found'),
    Attack('touch', 'a page beside a mapping', [], expect='signal 11'),
    Attack('store', 'a store into memory mapped read-only', [], expect='signal 11'),
]


class Lie:
    """In shared memory: no step of the list, but a check of the library or the policy holds it off.
    @says are patterns of lines of the log; {x}, {gen}, {sink} are attacker and neighbours."""

    def __init__(self, name, words, *says, last=None, when='ready'):
        self.name, self.words, self.says, self.last = name, words, says, last
        self.when = when


def broke(who, port, fault, bound):
    """Who refused it, what of whom it was, and what it was held against."""
    return (f'{who}.1: port {port} broke: fault {fault}, value 0x[0-9a-f]+: {{x}} claims '
            f'[a-z, `]+, {bound}')


# Of whom, and how much is lent to him at most.
REFUSED = r'{gen}.1: port out: \d+ give-backs by {x} refused: not lent to it, of at most 32'


FAULT = '{x}.2: fault: '
SLOTS = 'at most 64 slots'
LEND = 32
LIES = [
    Lie('room_beyond', 'room beyond the tail', broke('{gen}', 'out', 2, SLOTS)),
    Lie('room_back', 'room behind that which was seen', broke('{gen}', 'out', 2, SLOTS)),
    Lie('taken', 'a wild `taken`, and then death',
        r'{gen}.1: port out: taken \d+ cannot be, at most \d+'),
    Lie('lane_beyond', 'a lane tail beyond the lane',
        broke('{gen}', 'out', 8, r'at most \d+ entries')),
    Lie('give_unknown', 'giving back a frame that does not exist', REFUSED),
    Lie('give_early', 'giving back frames it was never lent', REFUSED),
    Lie('give_twice', 'giving a frame back twice', REFUSED),
    Lie('hoard', 'keeping all frames it can get: no more than `lend`', 'HELD'),
    Lie('tail_beyond', 'a tail beyond the slots: nobody believes a tail'),
    Lie('tail_back', 'a tail behind what was published: likewise'),
    Lie('gap', 'slots marked as written behind a gap: they wait for their turn'),
    Lie('frame_unknown', 'a frame that does not exist',
        broke('{sink}', 'in', 4, 'of 128 frames')),
    Lie('frame_bounds', 'offset and length beyond the frame',
        broke('{sink}', 'in', 5, 'at most 256 bytes')),
    Lie('frame_twice', 'a frame twice', broke('{sink}', 'in', 6, 'of 128 frames')),
    Lie('lend', 'more frames than `lend`', broke('{sink}', 'in', 7, 'at most 32 frames')),
    Lie('forged', "a frame that is the owner's at this moment"),
    Lie('wires', 'random words in all of its own wires, 50 times',
        broke('({gen}|{sink})', '(in|out)', r'\d', '(of|at most) [0-9a-z ]+')),
    Lie('asleep', 'its own asleep flag forged and cleared, 10^5 times'),
    Lie('asleep_of_others', "clearing a neighbour's asleep flag", FAULT + 'signal, signal 11',
        r'{x}.2: last words: code \d+, address 0x[0-9a-f]+'),
    Lie('bell', "neighbours' bells forged and set back, 10^5 times"),
    Lie('saturate', "neighbours' eventfds saturated"),
    Lie('drain', "stealing a neighbour's wake", FAULT + 'signal, signal 31'),
    Lie('cell', 'nonsense in its cell, the daemon reads it',
        # Between two generations nobody knows whose words they are.
        r'{x}.[23]: cell: [a-z ]+ \d+ cannot be, (at most|it is) \d+'),
    Lie('log', '10^5 lines of log with control bytes and forged records',
        r'{x}.2: \d+ log records lost'),
    Lie('stall', 'never coming back', r'{x}.2: killed: stuck'),
    Lie('spin', 'an endless loop', r'{x}.2: killed: (starved|stuck)'),
    Lie('no_filter', 'no steady filter', r'{x}.2: deviates from the plan: filters: ',
        '{x}.2: killed: deviates', when='start'),
    Lie('own_filter', 'a filter that allows all in place of the steady one: not seen; '
        'the start filter stays', '{x}.2: mapped a page', FAULT + 'signal, signal 31', when='start'),
    Lie('split', 'ten thousand mappings and more',
        r'{x}.2: deviates from the plan: mappings: ', '{x}.2: killed: deviates', when='start'),
    Lie('stop', 'stopping itself', FAULT + 'signal, signal 31'),
    Lie('fault', 'a fault as soon as it is up, again and again',
        '{x}: restart intensity exceeded, next start in 10 ms',
        '{x}: restart intensity exceeded, next start in 40 ms', last=10),
]
SWEEPS = [
    Lie('native', 'every system call from 0 to 511'),
    Lie('x32', 'every x32 call'),
    Lie('int80', 'every call through the 32-bit entry'),
]

CALLS = 512
LAST = (15, 231)
ANYWAY = (335, 336)  # recent kernels ask no filter: they fail, or are an illegal instruction

# No call is made, so no filter sees it.
NO_CALL = ('stack', 'dump', 'outlive')

# What a kernel may lack, or its operator switched off for all: then there is nothing to hold off.
MAYBE = ('io_uring', 'userfaultfd', 'user_namespace', 'bpf', 'ipc', 'queue', 'queue_own', 'key',
         'clone_user', 'handle', 'landlock', 'seal', 'perf', 'dump', 'words', 'eat_huge')
# The Landlock ABI from which it governs these.
LANDLOCK = {'network': 4, 'listen': 4, 'abstract': 6, 'group': 6, 'signal': 6}
