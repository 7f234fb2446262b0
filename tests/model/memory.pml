/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.pml: the memory that the models of channel, custody and bell run on. It is weaker than
 * x86-64, aarch64 and RISC-V: whatever these allow, it allows too. Each word has one writer.
 *
 *      a process        its buffer                    mem[]             what a reader may see
 *      put(w, v)   -->  [w1 v1][w2 v2 release]  -->  one value a word -->  now, or since its last
 *                       leaves in any order                               acquire
 *
 *   1. A store waits in its process's buffer and leaves it at any later time. Relaxed ones overtake
 *      each other and earlier releases, but never an earlier store to the same word. A release
 *      leaves when everything before it has left.
 *   2. A relaxed load gives what the word is, or what it was at any of this process's loads since
 *      its last acquire (`old`). An acquire forgets all that is old.
 *   3. A relaxed load may also be late: the process goes on, and the value is the one that stands
 *      there when it is needed, at the next release at the latest. The models that need this do it
 *      where it matters ("late").
 *   4. A full fence waits until the buffer is empty, and forgets all that is old.
 *
 * With TSO the same models run on x86-64's memory: buffers are first in, first out, and loads are
 * neither old nor late. What fails there needs an instruction there; what fails only on the weak
 * memory needs none on x86-64, and one elsewhere.
 *
 * Before this file: WORDS (all), OLDS (words 0..OLDS-1 may be read relaxed), PROCESSES, DEPTH.
 * Not in here: a load that is satisfied by another core's store before all see it (none of the
 * three machines does that), and values out of thin air.
 */
#define RELAXED 0
#define RELEASE 1
#define NO_WORD 255

typedef stores {
	byte n;
	byte word[DEPTH];
	byte value[DEPTH];
	byte second[DEPTH]; /* of the word behind it, in the same store; NO_WORD: none */
	bit release[DEPTH]
}

typedef olds {
	byte word[OLDS]
}

byte mem[WORDS];
stores buffer[PROCESSES];
olds old[PROCESSES];
byte at_i, at_j;

#define BUFFER_EMPTY(me) (buffer[me].n == 0)

/* --- stores -------------------------------------------------------------------------------- */

inline put_both(me, w, v, v2, order)
{
	atomic {
		buffer[me].n < DEPTH ->
		d_step {
			at_i = buffer[me].n;
			buffer[me].word[at_i] = w;
			buffer[me].value[at_i] = v;
			buffer[me].second[at_i] = v2;
			buffer[me].release[at_i] = order;
			buffer[me].n++
		}
	}
}

inline put(me, w, v, order)
{
	put_both(me, w, v, NO_WORD, order)
}

/* The store at place k of the buffer is seen by all from now on. */
inline leave(me, k)
{
	mem[buffer[me].word[k]] = buffer[me].value[k];
	if
	:: buffer[me].second[k] != NO_WORD ->
		mem[buffer[me].word[k] + 1] = buffer[me].second[k]
	:: else
	fi;
	buffer[me].n--;
	at_j = k;
	do
	:: at_j < DEPTH - 1 ->
		buffer[me].word[at_j] = buffer[me].word[at_j + 1];
		buffer[me].value[at_j] = buffer[me].value[at_j + 1];
		buffer[me].second[at_j] = buffer[me].second[at_j + 1];
		buffer[me].release[at_j] = buffer[me].release[at_j + 1];
		at_j++
	:: else ->
		buffer[me].word[at_j] = 0;
		buffer[me].value[at_j] = 0;
		buffer[me].second[at_j] = 0;
		buffer[me].release[at_j] = 0;
		break
	od;
	at_i = 0;
	at_j = 0
}

#define MAY_OVERTAKE(me, k) (buffer[me].n > (k) && !buffer[me].release[k])
#define OTHER_WORD(me, k, j) \
	(buffer[me].word[k] != buffer[me].word[j] && \
	 (buffer[me].second[k] == NO_WORD || buffer[me].word[k] + 1 != buffer[me].word[j]) && \
	 (buffer[me].second[j] == NO_WORD || buffer[me].word[j] + 1 != buffer[me].word[k]))

/* One for each process: lets its stores out. */
proctype memory(byte me)
{
end:	do
	:: d_step { buffer[me].n > 0 -> leave(me, 0) }
#ifndef TSO
	:: d_step { MAY_OVERTAKE(me, 1) && OTHER_WORD(me, 1, 0) -> leave(me, 1) }
#if DEPTH > 2
	:: d_step { MAY_OVERTAKE(me, 2) && OTHER_WORD(me, 2, 0) && OTHER_WORD(me, 2, 1) ->
		leave(me, 2) }
#endif
#if DEPTH > 3
	:: d_step { MAY_OVERTAKE(me, 3) && OTHER_WORD(me, 3, 0) && OTHER_WORD(me, 3, 1) &&
		OTHER_WORD(me, 3, 2) -> leave(me, 3) }
#endif
#endif
	od
}

/* --- loads --------------------------------------------------------------------------------- */

inline forget_old(me)
{
#ifndef TSO
	d_step {
		at_i = 0;
		do
		:: at_i < OLDS -> old[me].word[at_i] = mem[at_i]; at_i++
		:: else -> break
		od;
		at_i = 0
	}
#else
	skip
#endif
}

inline load_acquire(me, w, ret)
{
	atomic {
		ret = mem[w];
		forget_old(me)
	}
}

inline load_relaxed(me, w, ret)
{
#ifndef TSO
	atomic {
		if
		:: ret = old[me].word[w]
		:: old[me].word[w] = mem[w]; ret = mem[w]
		fi
	}
#else
	ret = mem[w]
#endif
}

inline fence(me)
{
	atomic {
		BUFFER_EMPTY(me) -> forget_old(me)
	}
}
