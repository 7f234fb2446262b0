/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_verbs.h: what may be asked over the control socket, and with which right.
 *
 * One list for the daemon, who answers (daemon_verb.c), and for the test that tries every verb as
 * everybody (tests/world/roles.c). What each means stands in control.h.
 */
#ifndef VANITYD_CONTROL_VERBS_H
#define VANITYD_CONTROL_VERBS_H

#define CONTROL_VERBS(VERB)                                                                        \
	VERB(status, CONTROL_READ)                                                                 \
	VERB(stats, CONTROL_READ)                                                                  \
	VERB(devices, CONTROL_READ)                                                                \
	VERB(log, CONTROL_READ)                                                                    \
	VERB(ready, CONTROL_READ)                                                                  \
	VERB(item, CONTROL_READ)                                                                   \
	VERB(restart, CONTROL_ACT)                                                                 \
	VERB(verify, CONTROL_ACT)                                                                  \
	VERB(stop, CONTROL_ACT)

#endif
