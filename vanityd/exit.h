/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit.h: what the commands return. Scripts go by these numbers; they do not change.
 */
#ifndef VANITYD_EXIT_H
#define VANITYD_EXIT_H

#define EXIT_OK 0
#define EXIT_FAILED 1 /* the reason is on stderr */
#define EXIT_USAGE 2 /* no such verb, flag or argument */
#define EXIT_TOPOLOGY 3 /* the topology is invalid, or wants what this build lacks */
#define EXIT_MACHINE 4 /* the machine is not ready: pages, cores, devices, rights of the kernel */
#define EXIT_NOT_RUNNING 5
#define EXIT_DENIED 6
#define EXIT_TIMEOUT 7
#define EXIT_DEGRADED 8 /* running, but not as the topology says */
#define EXIT_ROLLED_BACK 10 /* a reload went back to the old program */

#endif
