/* SPDX-License-Identifier: BSD-3-Clause */

/* Rates, for stats --live and top. */

#include "ctl/rates.h"

#include <errno.h>
#include <stdlib.h>

#include "ctl/clock.h"
#include "ctl/counters.h"
#include "ctl/json.h"
#include "devargs/error.h"

/* What the protocol takes. */
#define MIN_MS 100
#define MAX_MS 60000

bool
ctl_rates_next(struct ctl_rates *rates, json_t *mirrors)
{
	json_decref(rates->before);
	rates->before = rates->last;
	rates->before_ns = rates->last_ns;
	rates->last = json_incref(mirrors);
	rates->last_ns = ctl_now_ns();
	return rates->before != NULL;
}

static uint64_t
a_second(const struct ctl_rates *rates, uint64_t before, uint64_t now)
{
	double seconds = (double)(rates->last_ns - rates->before_ns) / 1e9;

	return rates->before != NULL && now > before && seconds > 0
		       ? (uint64_t)((double)(now - before) / seconds + 0.5)
		       : 0;
}

uint64_t
ctl_rates_of(const struct ctl_rates *rates, const json_t *mirror, const char *key)
{
	const json_t *before = ctl_json_named(rates->before, ctl_json_text(mirror, "name"));

	return a_second(rates, ctl_json_number(before, key), ctl_json_number(mirror, key));
}

uint64_t
ctl_rates_lost(const struct ctl_rates *rates, const json_t *mirror)
{
	const json_t *before = ctl_json_named(rates->before, ctl_json_text(mirror, "name"));

	return a_second(rates, ctl_counters_lost(before, NULL, 0),
			ctl_counters_lost(mirror, NULL, 0));
}

void
ctl_rates_fini(struct ctl_rates *rates)
{
	json_decref(rates->before);
	json_decref(rates->last);
	*rates = (struct ctl_rates){0};
}

int
ctl_rates_interval(const char *seconds, int *interval_ms, const char *what,
		   struct vmirror_error *err)
{
	char *end;
	double ms;

	if (seconds == NULL)
		return 0;
	ms = strtod(seconds, &end) * 1000;
	if (end == seconds || *end != '\0' || !(ms >= MIN_MS && ms <= MAX_MS))
		return vmirror_error_set(err, -EINVAL, "%s: '%.64s' are no seconds from 0.1 to 60",
					 what, seconds);
	*interval_ms = (int)ms;
	return 0;
}
