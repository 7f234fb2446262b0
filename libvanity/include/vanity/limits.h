/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a system, all checked when a topology is read (DESIGN section 15).
 * A topology that stays inside them can always be planned in tables of constant size, which
 * is what lets the parser, the policy and the bare-metal builder run without allocation.
 */
#ifndef VANITY_LIMITS_H
#define VANITY_LIMITS_H

#define VANITY_SHARDS_MAX 256u
#define VANITY_CHANNELS_MAX 1024u
#define VANITY_POOLS_MAX 256u
#define VANITY_DEVICES_MAX 256u
#define VANITY_GRANTS_MAX 8u /* devices of one shard */
#define VANITY_PORTS_MAX 64u /* of one shard, both directions together */
#define VANITY_OPTIONS_MAX 1024u /* of a whole system */
#define VANITY_COUNTERS_MAX 64u /* named counters and reasons of one program */

#define VANITY_NAME_MAX 31u /* bytes, without the closing NUL */
#define VANITY_TEXT_MAX 255u /* bytes of a path, a match or an option's text, without the NUL */

#define VANITY_SLOT_BYTES_MIN 8u
#define VANITY_SLOT_BYTES_MAX 4096u
#define VANITY_SLOTS_MIN 2u
#define VANITY_SLOTS_MAX (1u << 24)
#define VANITY_FRAME_BYTES_MIN 256u
#define VANITY_FRAME_BYTES_MAX (1u << 20)
#define VANITY_FRAMES_MAX (1u << 24) /* of a whole system: frame numbers are system-wide */

#define VANITY_BURST_MAX 64u /* items one call may take; bounds what is in doubt at a death */

#define VANITY_TOPOLOGY_BYTES_MAX (1u << 20)
#define VANITY_TOPOLOGY_DEPTH_MAX 8u

#endif
