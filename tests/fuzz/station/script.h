/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h: what an input of fuzz_station means, byte by byte.
 *
 *      setup   4 bytes: frames of the router's pool, their size, how many may wait, ICMP rate
 *      step    1 byte, and what it needs:
 *              a frame for an input, made of addresses that matter and then spoilt, or as it is
 *              time that passes      room of an output      frames that come home, or do not
 *              a byte of a frame that waits, changed by who wrote it
 *              a turn of the router
 *
 * Read past its end, an input is zeroes, and a zero step is a turn.
 */
#ifndef TESTS_FUZZ_STATION_SCRIPT_H
#define TESTS_FUZZ_STATION_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_FRAME_BYTES 1600u

enum script_step {
	STEP_TURN,
	STEP_TIME,
	STEP_FRAME,
	STEP_BYTES,
	STEP_ROOM,
	STEP_HOME,
	STEP_SCRIBBLE,
	STEP_FREEZE,
	STEPS,
};

struct script {
	const uint8_t *data;
	size_t bytes;
	size_t at;
};

/** script_u8(), script_u16() - the next bytes; 0 behind the end */
uint8_t script_u8(struct script *script);
uint16_t script_u16(struct script *script);
bool script_ended(const struct script *script);

/** script_frame() - a frame that is nearly right; Return: its length, below SCRIPT_FRAME_BYTES */
uint32_t script_frame(struct script *script, uint8_t *to);

/** script_bytes() - up to 255 bytes as they are */
uint32_t script_bytes(struct script *script, uint8_t *to);

#endif
