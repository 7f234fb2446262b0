/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue.h: every message the parser and the checks can give, in one table.
 *
 *   M(NAME, id, words, help, near)
 *
 * `id` is what scripts and the tests in tests/topologies/bad go by; it does not change. `words`
 * say what is wrong with the value seen, `help` what to do. `near` takes the place of `help`
 * when an argument is a name that is nearly the one written. %1 to %9 are arguments.
 *
 * scripts/check-messages fails on a message which no file in tests/topologies/bad and no test
 * of a limit provokes.
 */
#ifndef VANITY_TOPOLOGY_CATALOGUE_H
#define VANITY_TOPOLOGY_CATALOGUE_H

/* clang-format off */
#define TOPOLOGY_MESSAGES(M) \
	/* characters and words */ \
	M(BAD_BYTE, "bad-byte", "`%1` (byte %2) has no meaning here", \
	  "text with anything but letters, digits and _ - + . : / stands in quotes", "") \
	M(TEXT_OPEN, "text-open", "this text has no closing quote on its line", \
	  "close it with `\"`; a text cannot hold a quote or a line break", "") \
	M(TEXT_EMPTY, "text-empty", "this text is empty", \
	  "write what is meant, or leave the key out", "") \
	M(TEXT_TOO_LONG, "text-too-long", "%1 bytes of text; the limit is %2", \
	  "shorten it; of a long list, let the shard read a file named by `config`", "") \
	M(TEXT_CONTROL, "text-control", "a control character inside a text", \
	  "remove it; a tab counts as one too", "") \
	M(TEXT_NOT_UTF8, "text-not-utf8", "byte %1 inside a text is no UTF-8", \
	  "save the file as UTF-8, or remove the byte", "") \
	M(UNEXPECTED, "unexpected", "%1 where %2 was expected", \
	  "an item is `key = value` or `key { ... }`; it ends at a comma, at the end of the line or before `}`", \
	  "") \
	M(BAD_VALUE, "bad-value", "`%1` is no value", \
	  "a value is a number, a word, \"text\", a range 2-5, a right packets:ro, a rate 5/10s " \
	  "or a [ list ]", "") \
	M(NUMBER_TOO_LARGE, "number-too-large", "`%1` does not fit into 64 bits", \
	  "the largest number is 18446744073709551615", "") \
	M(NOT_WHOLE, "not-whole", "`%1` is not a whole number in base units", \
	  "choose a smaller unit or fewer decimals", "") \
	M(UNKNOWN_UNIT, "unknown-unit", "`%2` is no unit", \
	  "sizes: B KiB MiB GiB; times: ns us ms s; rates: pps kpps Mpps; counts have none", \
	  "did you mean `%3`?") \
	M(UNIT_APART, "unit-apart", "`%1` and its unit `%2` are two words", \
	  "write them as one: `%1%2`", "") \
	M(RATE_WITHOUT_TIME, "rate-without-time", "`%1` lacks the time behind the slash", \
	  "a count per time looks like this: 5/10s", "") \
	M(RANGE_BACKWARDS, "range-backwards", "the range `%1` ends before it begins", \
	  "write the smaller number first", "") \
	M(PATH_WITHOUT_QUOTES, "path-without-quotes", "`%1` looks like a path", \
	  "a path stands in quotes: \"%1\"", "") \
	M(UNKNOWN_RIGHT, "unknown-right", "`%2` is no right", \
	  "a right is ro (read) or rw (read and write)", "did you mean `%3`?") \
	M(BAD_NAME, "bad-name", "`%1` is no name", \
	  "a name has 1 to 31 characters of a-z 0-9 _ and -, the first a letter", "") \
	M(RESERVED, "reserved", "`%1` is reserved, not built yet", \
	  "this word will get a meaning in a later version; choose another", "") \
	\
	/* blocks and items */ \
	M(UNKNOWN_KIND, "unknown-kind", "`%1` is no kind of block", \
	  "there are: require, host, device, pool, shard, channel, defaults, include", \
	  "did you mean `%2`?") \
	M(UNKNOWN_KEY, "unknown-key", "%1: there is no key `%2`", "the keys here are: %3", \
	  "did you mean `%4`?") \
	M(REPEATED_KEY, "repeated-key", "`%1` is given twice", \
	  "first given at %2; keep one of the two", "") \
	M(REPEATED_BLOCK, "repeated-block", "a second block `%1`", \
	  "put the keys of both into one block", "") \
	M(REPEATED_NAME, "repeated-name", "there is already a %1 named `%2`", \
	  "the first is at %3; give this one another name", "") \
	M(NAME_MISSING, "name-missing", "this %1 has no name", \
	  "write `%1 NAME { ... }`", "") \
	M(NAME_UNWANTED, "name-unwanted", "a block `%1` has no name", "write `%1 { ... }`", "") \
	M(NO_DEFAULTS, "no-defaults", "there are no defaults of `%1`", \
	  "defaults exist for device, pool, shard and channel", "did you mean `%2`?") \
	M(BLOCK_OPEN, "block-open", "this block is not closed", \
	  "a `}` is missing behind its last item", "") \
	M(BRACE_BELOW, "brace-below", "this block opens below the line of its name", \
	  "a line end ends an item: put `{` behind the name", "") \
	M(BLOCK_WANTED, "block-wanted", "`%1` takes a block", "for example `%2`", "") \
	M(BLOCK_UNWANTED, "block-unwanted", "`%1` takes a value, not a block", \
	  "for example `%2`", "") \
	M(LIST_OPEN, "list-open", "this list is not closed before %1", \
	  "a `]` is missing behind its last value", "") \
	M(LIST_UNWANTED, "list-unwanted", "`%1` takes %2, not a list", "for example `%3`", "") \
	M(LIST_TOO_LONG, "list-too-long", "`%1`: a list of %2; the limit is %3", \
	  "name fewer", "") \
	M(LISTED_TWICE, "listed-twice", "`%1` is in this list twice", "keep one of the two", "") \
	M(VALUE_MISSING, "value-missing", "`%1` has no value", \
	  "the value stands on the line of its key; a list may go on over several lines", "") \
	M(WRONG_KIND, "wrong-kind", "`%1` takes %2, not %3", "for example `%4`", "") \
	M(OUT_OF_RANGE, "out-of-range", "`%1` cannot be %2", "it goes from %3 to %4", "") \
	M(ONLY_VALUE, "only-value", "`%1` cannot be %2", "this build knows %3 alone", "") \
	M(NOT_POWER_OF_TWO, "not-power-of-two", "`%1` = %2 is no power of two", \
	  "the nearest are %3 and %4", "") \
	M(NOT_MULTIPLE, "not-multiple", "`%1` = %2 is no multiple of %3", "the next is %4", "") \
	M(UNKNOWN_CHOICE, "unknown-choice", "`%1` cannot be `%2`", "it is one of: %3", \
	  "did you mean `%4`?") \
	M(MISSING_KEY, "missing-key", "%1 `%2` has no `%3`", "for example `%4`", "") \
	M(MISSING_VERSION, "missing-version", "the topology does not say in which version of the language it is", \
	  "put `vanity = 1` at its top", "") \
	M(MISSING_SYSTEM, "missing-system", "the system has no name", \
	  "put `system = NAME` at the top", "") \
	M(TOO_MANY, "too-many", "more than %2 %1", "split the topology into several systems", "") \
	M(TOO_MANY_BLOCKS, "too-many-blocks", "more than %2 blocks `%1`", \
	  "split the topology into several systems", "") \
	\
	/* files */ \
	M(UNREADABLE, "unreadable", "cannot read `%1`: %2", \
	  "a path is relative to the file that names it", "") \
	M(TOO_MUCH_TEXT, "too-much-text", "with `%1` the topology is larger than %2", \
	  "split it into several systems", "") \
	M(PATH_TOO_LONG, "path-too-long", "this path, joined to its file's folder, has more than %1 bytes", \
	  "use shorter folders", "") \
	M(INCLUDE_CIRCLE, "include-circle", "`%1` includes itself", \
	  "remove this include, or the one that leads here", "") \
	M(INCLUDE_DEPTH, "include-depth", "includes are nested more than %1 deep", \
	  "include this file from one further up", "") \
	\
	/* names and cores */ \
	M(UNKNOWN_NAME, "unknown-name", "there is no %1 named `%2`", \
	  "declare it: `%1 %2 { ... }`", "did you mean `%3`?") \
	M(CORE_TWICE, "core-twice", "core %1 belongs to shard `%2` already", \
	  "choose another core, or `cores = shared` for both (first given at %3)", "") \
	M(CORE_HOUSEKEEPING, "core-housekeeping", "core %1 is a housekeeping core", \
	  "housekeeping is at %2; choose a core outside it", "") \
	M(CORE_BEYOND, "core-beyond", "there is no core %1: this machine has %2", \
	  "choose one of 0 to %3, or `cores = shared`", "") \
	M(CORES_MANY, "cores-many", "more than one core for one shard (lanes) is reserved, not built yet", \
	  "give one core, or declare several shards", "") \
	\
	/* devices */ \
	M(DEVICE_KEY_UNWANTED, "device-key-unwanted", "a %1 device has no `%2`", \
	  "it takes: %3", "") \
	M(BAD_MATCH, "bad-match", "`%1` matches no %2 device", "it looks like this: %3", "") \
	M(DEVICE_TWICE, "device-twice", "device `%1` is the same as `%2`", \
	  "one device is declared once (first at %3)", "") \
	M(GRANTED_TWICE, "granted-twice", "device `%1` is granted to shard `%2` already", \
	  "one device, one shard; let the other reach it by a channel (first granted at %3)", "") \
	M(PCAP_IDLE, "pcap-idle", "pcap device `%1` neither reads nor writes", \
	  "give `read = \"in.pcap\"`, `write = \"out.pcap\"` or both", "") \
	M(PCAP_SAME, "pcap-same", "pcap device `%1` writes the file that it reads", \
	  "give `write` another file", "") \
	M(TOO_MANY_GRANTS, "too-many-grants", "shard `%1` has more than %2 devices", \
	  "let a second shard of this program drive some of them", "") \
	M(XDP_POOLS, "xdp-pools", "xdp device `%1` uses more than one pool", \
	  "its socket has one piece of memory: name one pool, `dma = POOL:rw`", "") \
	M(XDP_READ_ONLY, "xdp-read-only", "xdp device `%1` cannot have pool `%2` read-only", \
	  "the kernel pins a socket's memory for writing, and sends only what lies in it: " \
	  "`dma = POOL:rw` with a pool of the shard that drives it", "") \
	M(XDP_FRAME, "xdp-frame", "pool `%1` has frames of %2, which no xdp device takes", \
	  "use `frame = 2KiB` or `frame = 4KiB`", "") \
	M(XDP_NOT_OWNED, "xdp-not-owned", "pool `%1` belongs to `%2`, not to `%3` which drives the xdp device", \
	  "only its owner hands frames out, to a device too: declare a pool of `%3`", "") \
	M(XDP_POOL_TWICE, "xdp-pool-twice", "pool `%1` is used by xdp device `%2` already", \
	  "one pool, one xdp device: declare a second pool (first used at %3)", "") \
	M(DMA_BEYOND_ACCESS, "dma-beyond-access", \
	  "device `%1` gets %2 on pool `%3`, shard `%4` which drives it does not", \
	  "a device may do what its shard may do: give the shard access, or the device less", "") \
	\
	/* pools and channels */ \
	M(TOO_MANY_FRAMES, "too-many-frames", "with pool `%1` the system has %2 frames; the limit is %3", \
	  "use fewer frames, or larger ones", "") \
	M(ACCESS_OF_OWNER, "access-of-owner", "`%1` owns this pool and is in its access list", \
	  "remove it: an owner always reads and writes", "") \
	M(ACCESS_UNUSED, "access-unused", "shard `%1` never receives a frame of pool `%2`", \
	  "remove it: access that nothing needs is authority given away", "") \
	M(ACCESS_MISSING, "access-missing", "shard `%1` receives frames of pool `%2` it may not read", \
	  "add `%1:ro` to the access list of `%2` (%3)", "") \
	M(ENDS_MISSING, "ends-missing", "channel `%1` has no ends", \
	  "its first item names them: `shard.port -> shard.port`", "") \
	M(ENDS_LATE, "ends-late", "the ends of a channel are its first item, given once", \
	  "move them behind the opening brace", "") \
	M(ENDS_UNWANTED, "ends-unwanted", "only a channel has ends", \
	  "write `channel NAME { shard.port -> shard.port }`", "") \
	M(BAD_END, "bad-end", "`%1` is no port of a shard", "a port looks like this: fw.in", "") \
	M(CHANNEL_TO_SELF, "channel-to-self", "channel `%1` leads from shard `%2` to itself", \
	  "a shard needs no channel to itself; name another at one end", "") \
	M(PORT_TWICE, "port-twice", "port `%1` of shard `%2` is bound already", \
	  "it is an end of channel `%3` (%4); a port has one channel", "") \
	M(TOO_MANY_PORTS, "too-many-ports", "shard `%1` has more than %2 ports", \
	  "let a second shard of this program take some of its channels", "") \
	M(SLOT_NOT_FRAME, "slot-not-frame", "channel `%1` carries pools, so its slots are %3, not %2", \
	  "write `slot = %3`, or `pools = []` for a channel of plain slots", "") \
	M(NEEDS_POOLS, "needs-pools", "`%1` means nothing on a channel without pools", \
	  "add `pools = [ ... ]`, or remove it", "") \
	M(COPY_AND_BORROW, "copy-and-borrow", "channel `%1` both copies and borrows", \
	  "keep `copy` (only the copy is judged) or `borrow = trusted`", "") \
	M(COPY_NOT_OWNED, "copy-not-owned", "pool `%1` belongs to `%2`, not to the reader `%3`", \
	  "the reader copies into a pool of its own", "") \
	M(COPY_OF_ITSELF, "copy-of-itself", "channel `%2` carries pool `%1` and copies into it", \
	  "with all its frames in the channel nothing could be taken: copy into another pool", "") \
	M(COPY_TOO_SMALL, "copy-too-small", "pool `%1` has frames of %2, and `%3` of %4", \
	  "a copy must fit: write `frame = %4` in `%1`", "") \
	M(COPY_INTO_DEVICE, "copy-into-device", "device `%2` writes pool `%1`", \
	  "a copy that a device can change is none: copy into a pool of its own", "") \
	M(NOT_IN_CUSTODY, "not-in-custody", "shard `%1` neither owns pool `%2` nor receives its frames", \
	  "remove the pool from this channel, or list it on a channel into `%1`", "") \
	M(COPIED_AWAY, "copied-away", "shard `%1` has only copies of the frames of pool `%2`", \
	  "the originals go back: name the pool it copies into, `%3`", "") \
	M(LENDING_CIRCLE, "lending-circle", "frames of pool `%1` can come back to shard `%2` by this channel", \
	  "a frame's way meets no shard but its owner twice: send a copy from a pool of `%3`", "") \
	M(TRUST_CROSSED, "trust-crossed", "channel `%1` crosses from trust `%2` to trust `%3`", \
	  "say `copy = POOL` (the reader judges its own copy) or `borrow = trusted` (it does not)", "") \
	M(LEND_TOO_MUCH, "lend-too-much", "shard `%1` cannot lend %2 frames here: it has %3 at most", \
	  "lend at most %3, or give the pool more frames", "") \
	M(LEND_NO_RESERVE, "lend-no-reserve", \
	  "with shards behind its other outputs stalled, `%1` has nothing left of %2 frames for this one", \
	  "lend at most %3 over the other outputs together (they have %4)", "") \
	M(LEND_TOO_FEW, "lend-too-few", "shard `%1` has %2 of these frames for %3 outputs", \
	  "each output needs one: lend more to `%1`, or give its pool more frames", "") \
	M(LEND_CIRCLE, "lend-circle", "how much this channel lends depends, round a circle, on itself", \
	  "write `lend = N` here", "") \
	/* end */
/* clang-format on */

#define MESSAGE_NAME(name, id, words, help, near) MESSAGE_##name,
enum message_id {
	MESSAGE_NONE,
	TOPOLOGY_MESSAGES(MESSAGE_NAME) MESSAGE_COUNT
};
#undef MESSAGE_NAME

#endif
