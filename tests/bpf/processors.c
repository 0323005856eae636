/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/processors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES (256 * 1024)
#define BUFFERED 4
#define TURN_ONE_IN 6   /* accesses, till another's turn */
#define STOP_ONE_IN 512 /* turns, till one is stopped */
#define STOP_TURNS 3000 /* at most, for */

struct store {
	volatile void *at;
	size_t size;
	uint64_t value;
};

struct processor {
	ucontext_t context;
	char *stack;
	bool is_done, is_in_program;
	uint64_t programs;    /* ended */
	uint64_t stopped_for; /* until that turn */
	struct store stores[BUFFERED];
	size_t n_stores;
};

static struct processor processors[MS_PROCESSORS];
static ucontext_t outside;
static void (*todo)(unsigned processor);
static unsigned self;
static bool is_running;
static uint64_t dice, turns;

static uint32_t roll(void)
{
	/* xorshift64* */
	dice ^= dice >> 12;
	dice ^= dice << 25;
	dice ^= dice >> 27;
	return (uint32_t)(dice * 0x2545f4914f6cdd1dull >> 32);
}

uint32_t ms_processors_die(uint32_t bound)
{
	return (uint32_t)((uint64_t)roll() * bound >> 32);
}

unsigned ms_processors_self(void)
{
	return self;
}

/* ---- stores ---- */

static void write_out(struct processor *own)
{
	struct store store = own->stores[0];

	own->n_stores--;
	memmove(own->stores, own->stores + 1, own->n_stores * sizeof(own->stores[0]));
	if (store.size == 8)
		*(volatile uint64_t *)store.at = store.value;
	else if (store.size == 4)
		*(volatile uint32_t *)store.at = (uint32_t)store.value;
	else if (store.size == 1)
		*(volatile uint8_t *)store.at = (uint8_t)store.value;
	else
		abort();
}

static void write_all_out(struct processor *own)
{
	while (own->n_stores)
		write_out(own);
}

/* ---- turns ---- */

/* The next one to go on; false = all are done. */
static bool choose(unsigned *ret_next)
{
	unsigned start = ms_processors_die(MS_PROCESSORS), stopped = MS_PROCESSORS;

	for (unsigned i = 0; i < MS_PROCESSORS; i++) {
		unsigned next = (start + i) % MS_PROCESSORS;

		if (processors[next].is_done)
			continue;
		if (processors[next].stopped_for <= turns) {
			*ret_next = next;
			return true;
		}
		stopped = next;
	}
	*ret_next = stopped;
	return stopped != MS_PROCESSORS;
}

static void give_away(void)
{
	unsigned before = self, next;

	turns++;
	if (ms_processors_die(STOP_ONE_IN) == 0)
		processors[self].stopped_for = turns + ms_processors_die(STOP_TURNS);
	if (!choose(&next) || next == before)
		return;
	self = next;
	swapcontext(&processors[before].context, &processors[next].context);
}

void ms_processors_turn(void)
{
	struct processor *own = &processors[self];

	if (!is_running)
		return;
	if (own->n_stores && ms_processors_die(4) == 0)
		write_out(own);
	if (ms_processors_die(TURN_ONE_IN) == 0)
		give_away();
}

uint64_t ms_processors_load(const volatile void *at, size_t size)
{
	const volatile char *first = at;
	struct processor *own;

	ms_processors_turn();
	own = &processors[self];
	for (size_t i = own->n_stores; i-- > 0;) {
		const volatile char *other = own->stores[i].at;

		if (other >= first + size || first >= other + own->stores[i].size)
			continue;
		if (other == first && own->stores[i].size >= size)
			return own->stores[i].value;
		/* A part of what is read: a processor waits until it is in memory. */
		write_all_out(own);
		break;
	}
	switch (size) {
	case 1:
		return *(const volatile uint8_t *)at;
	case 2:
		return *(const volatile uint16_t *)at;
	case 4:
		return *(const volatile uint32_t *)at;
	default:
		return *(const volatile uint64_t *)at;
	}
}

void ms_processors_store(volatile void *at, size_t size, uint64_t value)
{
	struct processor *own;

	ms_processors_turn();
	own = &processors[self];
	if (own->n_stores == BUFFERED)
		write_out(own);
	if (size < 8)
		value &= (1ull << 8 * size) - 1;
	own->stores[own->n_stores++] = (struct store) { at, size, value };
	if (!is_running)
		write_all_out(own);
}

void ms_processors_fence(void)
{
	ms_processors_turn();
	write_all_out(&processors[self]);
}

/* ---- programs ---- */

void ms_processors_enter(void)
{
	processors[self].is_in_program = true;
}

void ms_processors_leave(void)
{
	write_all_out(&processors[self]);
	processors[self].is_in_program = false;
	processors[self].programs++;
}

void ms_processors_wait_grace(void)
{
	uint64_t seen[MS_PROCESSORS];

	for (unsigned i = 0; i < MS_PROCESSORS; i++)
		seen[i] = processors[i].programs;
	for (unsigned i = 0; i < MS_PROCESSORS; i++)
		while (processors[i].is_in_program && processors[i].programs == seen[i])
			give_away();
}

/* ---- runs ---- */

static void begin(int processor)
{
	unsigned next;

	todo((unsigned)processor);
	processors[self].is_done = true;
	write_all_out(&processors[self]);
	if (!choose(&next)) {
		is_running = false;
		self = 0;
		setcontext(&outside);
	}
	self = next;
	setcontext(&processors[next].context);
}

static void prepare(int index)
{
	struct processor *processor = &processors[index];

	if (!processor->stack)
		processor->stack = malloc(STACK_BYTES);
	if (!processor->stack || getcontext(&processor->context) < 0)
		abort();
	processor->context.uc_stack.ss_sp = processor->stack;
	processor->context.uc_stack.ss_size = STACK_BYTES;
	processor->context.uc_link = NULL;
	makecontext(&processor->context, (void (*)(void))begin, 1, index);
	processor->is_done = processor->is_in_program = false;
	processor->stopped_for = 0;
}

void ms_processors_run(void (*work)(unsigned processor), uint64_t seed)
{
	dice = seed * 2 + 1;
	todo = work;
	for (int i = 0; i < MS_PROCESSORS; i++)
		prepare(i);
	is_running = true;
	self = 0;
	if (swapcontext(&outside, &processors[0].context) < 0)
		abort();
}
