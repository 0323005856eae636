#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: sdk.sh ROOT
#
# The plugin headers as a plugin's author meets them: strict C11 and C++17, every warning an error,
# and one exported symbol. The BPF header for the BPF target.
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/plugin.c" <<'END'
#include "microseg/plugin.h"
#include "microseg/action.h"
#include "microseg/action_trial.h"
#include "microseg/trial.h"

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	(void)config;
	(void)error;
	*ret_self = NULL;
	return MS_PLUGIN_HAS(host, rule_id) ? 0 : -1;
}

static void destroy(void *self)
{
	(void)self;
}

#ifdef __cplusplus
MS_PLUGIN(MS_PLUGIN_SINK, "teaching", "1", "one line", "MIT", 0, 0, nullptr, create, nullptr,
	  nullptr, nullptr, destroy, nullptr, nullptr, nullptr, 0, 0, nullptr, nullptr);
#else
MS_PLUGIN(MS_PLUGIN_ACTION, .name = "teaching", .version = "1", .summary = "one line",
	  .license = "MIT", .create = create, .destroy = destroy);
#endif
END
cat > "$work/action.bpf.c" <<'END'
#include "microseg/action.bpf.h"

SEC("tc") int teaching(struct __sk_buff *skb)
{
	struct ms_action_ctx ctx;

	if (ms_action_begin(skb, &ctx) < 0)
		return ms_action_next(skb);
	if (ctx.l4_proto == 6)
		return ms_action_end(skb, MS_VERDICT_DENY);
	if (ctx.dir == MS_DIR_OUT)
		return ms_action_taken(skb, TC_ACT_STOLEN);
	return ms_action_next(skb);
}
END

build() {
	compiler=$1
	shift
	"$compiler" "$@" -pedantic-errors -Wall -Wextra -Wno-missing-field-initializers -Werror \
		-fPIC -shared -fvisibility=hidden -I"$root/core/include" -I"$root/bpf/include" \
		"$work/plugin.c" -o "$work/plugin.so"
	symbols=$(nm -D --defined-only "$work/plugin.so" | awk '{ print $3 }')
	if [ "$symbols" != ms_plugin_descriptor ]; then
		echo "$compiler: the plugin exports: $symbols" >&2
		exit 1
	fi
	if ! readelf -n "$work/plugin.so" | grep -q '^  microseg '; then
		echo "$compiler: the plugin has no note" >&2
		exit 1
	fi
}

# Each header has what it needs, whatever is included before it; action.bpf.h is compiled below.
alone() {
	compiler=$1
	shift
	for header in "$root"/core/include/microseg/*.h "$root"/bpf/include/microseg/[!a]*.h \
		"$root/bpf/include/microseg/abi.h"; do
		echo "#include \"microseg/${header##*/}\"" > "$work/alone.c"
		"$compiler" "$@" -pedantic-errors -Wall -Wextra -Wno-missing-field-initializers -Werror \
			-fsyntax-only -I"$root/core/include" -I"$root/bpf/include" "$work/alone.c"
	done
}

alone gcc -std=c11
alone g++ -std=c++17 -x c++
build gcc -std=c11
build clang-14 -std=c11
build g++ -std=c++17 -x c++
build clang++-14 -std=c++17 -x c++
clang-14 -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -I"$root/bpf/include" \
	-idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$work/action.bpf.c" -o "$work/action.bpf.o"
