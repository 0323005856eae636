/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real traffic between namespaces. Addresses are texts of either family. Everything has a deadline
 * and nothing sleeps; what the network refuses comes back as -errno, what the test itself cannot
 * do fails the test.
 */
#ifndef MS_TESTS_HARNESS_TRAFFIC_H
#define MS_TESTS_HARNESS_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MS_TRAFFIC_ANSWER 65536 /* bytes of body a server gives to each GET */

/* A process in namespace `ns` (NULL = the test's): on every address, TCP `port` answers one HTTP
 * GET a connection, or echoes what does not begin with "GET "; UDP `port` echoes. Listening when
 * this returns. End it with ms_proc_end(). */
pid_t ms_traffic_server(const char *ns, uint16_t port);

/* A connected TCP socket, or -ETIMEDOUT, -ECONNREFUSED ... after at most `ms`. */
int ms_traffic_connect(const char *ns, const char *address, uint16_t port, unsigned int ms);
/* Whether such a connection comes about: 0 or -errno. */
int ms_traffic_reach(const char *ns, const char *address, uint16_t port, unsigned int ms);
/* One whole HTTP request on its own connection: bytes of the answer's body, or -errno. */
int ms_traffic_get(const char *ns, const char *address, uint16_t port, unsigned int ms);
/* Sends `byte` on a connected socket and waits for its echo. 0 or -errno. */
int ms_traffic_echo(int fd, uint8_t byte, unsigned int ms);

/* A UDP socket connected to address:port, from `sport` if not 0. */
int ms_traffic_udp(const char *ns, const char *address, uint16_t port, uint16_t sport);
/* So many datagrams from the test's namespace, one and then a thousand a second: what the timer was
 * late for is made up for. What the other end says to them is no matter. */
void ms_traffic_flow(const char *address, uint16_t port, unsigned int count);
/* ICMP echo, either family: 0, or -ETIMEDOUT. */
int ms_traffic_ping(const char *ns, const char *address, unsigned int ms);

/* A flow that goes on by itself while the test looks elsewhere: one byte there and back, again and
 * again, over one connection. In shared memory; written by its process alone. */
struct ms_traffic_pump {
	pid_t pid;
	volatile uint64_t rounds; /* bytes that came back */
	volatile uint64_t
		stalls;     /* times nothing came for 300 ms, be it that the machine was busy */
	volatile int error; /* errno that ended the connection, 0 = none */
};

enum ms_traffic_kind { MS_TRAFFIC_TCP, MS_TRAFFIC_UDP };

/* Connected when this returns. `pause_ms` between two rounds. */
struct ms_traffic_pump *ms_traffic_pump_start(const char *ns, enum ms_traffic_kind kind,
					      const char *address, uint16_t port,
					      unsigned int pause_ms);
/* Waits for at least `rounds` more; false = they did not come. */
bool ms_traffic_pump_advances(struct ms_traffic_pump *pump, unsigned int rounds);
/* Waits until two stalls follow each other with no round between; false = they never did. */
bool ms_traffic_pump_stops(struct ms_traffic_pump *pump);
void ms_traffic_pump_end(struct ms_traffic_pump *pump);

/* Frames as they are, on one interface; what is sent passes its egress hook. */
int ms_traffic_raw(const char *ns, const char *interface);
/* One Ethernet frame with an IPv4 UDP datagram, in an 802.1Q tag if `vlan` is not 0. */
void ms_traffic_raw_udp(int fd, const char *from, uint16_t sport, const char *to, uint16_t dport,
			uint16_t vlan);

#endif
