/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h: which packets belong together, for spreading them over outputs.
 *
 * The hash is the same in both directions of a conversation, so that whoever keeps state on an
 * output sees all of it. Taken into account:
 *
 *      IP, whole            addresses, protocol, ports of TCP and UDP
 *      IP, any fragment     addresses: all parts of a packet go one way
 *      everything else      Ethernet addresses
 *
 * Not a defence: whoever sends can choose which output its packets meet.
 */
#ifndef SHARDS_NIC_FLOW_H
#define SHARDS_NIC_FLOW_H

#include <stdint.h>

/** nic_flow_hash() - of a packet that may change while we look: then some hash */
uint32_t nic_flow_hash(const void *bytes, uint32_t length);

/** nic_flow_pick() - 0..@count-1, each as often as the others, without a division */
static inline uint32_t nic_flow_pick(uint32_t hash, uint32_t count)
{
	return (uint32_t)((uint64_t)hash * count >> 32);
}

#endif
