/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard.h: what a platform (linux/, metal/, sim/) does to raise a shard.
 *
 *      map the regions of the bind block, find private memory of shard_footprint() bytes
 *        |
 *        v
 *      shard_format()        private state in that memory; nothing shared is touched
 *        |
 *        v
 *      shard_park()          cell says CELL_PARKED; returns when orders.go names a generation
 *        |                   that is not the cell's (sleeps through shard_platform.wait)
 *        v
 *      shard_adopt()         takes the neighbours' words, formats free slots, writes its own
 *        |
 *        v
 *      vanity_main()         ... vanity_ready() calls shard_platform.ready, then joins
 *        |
 *        v
 *      shard_done()          cell says CELL_DONE
 *
 * The platform is one small struct of calls, handed over; core calls nothing else.
 */
#ifndef VANITY_CORE_SHARD_H
#define VANITY_CORE_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

#include "core/bind.h"
#include "core/cell.h"
#include "core/wire.h"

struct shard_platform {
	void *context;
	/* Sleep while *bell == old, at most until arch_cycles() reaches deadline. May return early. */
	void (*wait)(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline);
	/* Asked over and over while the shard spins. 1: a device has something that it had not when
	 * this was asked last; 0: none has; -1: only wait can tell. NULL where no device is. */
	int (*news)(void *context);
	/* Wake a neighbour that said it is asleep; its bell word was changed before. Never blocks. */
	void (*wake)(void *context, uint32_t neighbour);
	/* vanity_ready: give up what setup needed. */
	void (*ready)(void *context);
	/* End this generation with a fault; last words are written. Does not return. */
	void (*fault)(void *context);
};

/* Bytes of private memory a shard of this bind and this carry needs, 128-byte aligned. */
uint64_t shard_footprint(const struct bind *bind, const struct vanity_carry_info *carry);

/**
 * shard_format() - make a shard's private state
 * @memory: shard_footprint() zeroed bytes, aligned to WIRE_LINE
 * @base: start of each region, in the order of bind_regions()
 * @config, @config_bytes: sealed copy of the config file, NULL without one
 * Owner: all arguments must outlive the shard.
 */
struct vanity_shard *shard_format(void *memory, const struct bind *bind, void *const *base,
				  const struct vanity_carry_info *carry, const void *config,
				  size_t config_bytes, const struct shard_platform *platform);

/**
 * shard_grants() - the devices, before shard_park()
 * @grant: one for each bind_grants(), in that order. The platform fills facts, data, windows, calls
 *         and context; core fills name, keep and pool from the bind block.
 * Owner: must outlive the shard.
 */
void shard_grants(struct vanity_shard *self, struct vanity_grant *grant);

void shard_park(struct vanity_shard *self);
void shard_adopt(struct vanity_shard *self);
void shard_done(struct vanity_shard *self);

/**
 * shard_last_words() - the crash record, for the platform's fault handler
 * @reg: up to 32 general registers
 * Async-signal-safe: plain stores only.
 */
void shard_last_words(struct vanity_shard *self, uint32_t signal, uint32_t code, uint64_t address,
		      uint64_t pc, uint64_t sp, const uint64_t *reg, uint32_t reg_count);

#endif
