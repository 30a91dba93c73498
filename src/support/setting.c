/*-------------------------------------------------------------------------
 *
 * setting.c
 *		Defines the settings wb_automations.*, as tables.
 *
 * Units are flags, never part of a name.  What decides where the server may
 * connect to is for superusers and the configuration file only.  The lists
 * are sorted by name; docs/reference.md has the same list, and a lint
 * compares them.
 *
 * IDENTIFICATION
 *		src/support/setting.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "deliver/deliver.h"
#include "miscadmin.h"
#include "support/setting.h"
#include "utils/guc.h"

bool		wb_setting_allow_http = false;
bool		wb_setting_capture = true;
bool		wb_setting_worker = true;
char	   *wb_setting_allowed_networks = NULL;
char	   *wb_setting_run_url = NULL;
char	   *wb_setting_secret_key_file = NULL;
int			wb_setting_clock_offset = 0;
int			wb_setting_connect_timeout = 5000;
int			wb_setting_crash_timeout = 300;
int			wb_setting_delivery = WB_DELIVERY_ON;
int			wb_setting_max_in_flight = 128;
int			wb_setting_queue_limit = 1000000;
int			wb_setting_request_timeout = 15000;
int			wb_setting_retention = 0;
int			wb_setting_series_memory = 16384;
int			wb_setting_writer_slots = 65536;

static const struct config_enum_entry delivery_modes[] = {
	{"off", WB_DELIVERY_OFF, false},
	{"on", WB_DELIVERY_ON, false},
	{"dry_run", WB_DELIVERY_DRY_RUN, false},
	{NULL, 0, false}
};

static const struct
{
	const char *name;
	GucContext	context;
	bool	   *variable;
	bool		start;
	const char *text;
}			bool_settings[] =

{
	{"wb_automations.allow_http", PGC_SIGHUP, &wb_setting_allow_http, false,
	"Allows webhooks over http as well as https."},
	{"wb_automations.capture", PGC_USERSET, &wb_setting_capture, true,
	"Judges the rows that this session writes."},
	{"wb_automations.worker", PGC_SIGHUP, &wb_setting_worker, true,
	"Starts a delivery worker in every database that ran wb.setup()."},
};

static const struct
{
	const char *name;
	GucContext	context;
	int			flags;
	int		   *variable;
	int			start;
	int			least;
	int			most;
	const char *text;
}			int_settings[] =

{
	{"wb_automations.clock_offset", PGC_SUSET, GUC_UNIT_S,
		&wb_setting_clock_offset, 0, INT_MIN / 2, INT_MAX / 2,
	"Shifts the clock of automations, for tests."},
	{"wb_automations.connect_timeout", PGC_SIGHUP, GUC_UNIT_MS,
		&wb_setting_connect_timeout, 5000, 10, 30000,
	"Longest time to connect to a receiver."},
	{"wb_automations.crash_timeout", PGC_SIGHUP, GUC_UNIT_S,
		&wb_setting_crash_timeout, 300, 1, 30 * 24 * 3600,
	"Silence after which a run that sent heartbeats counts as crashed."},
	{"wb_automations.max_in_flight", PGC_SIGHUP, 0,
		&wb_setting_max_in_flight, 128, 1, 1000,
	"Requests that a worker has open at one time."},
	{"wb_automations.queue_limit", PGC_SIGHUP, 0,
		&wb_setting_queue_limit, 1000000, 1000, INT_MAX,
	"Deliveries that may wait; beyond, the oldest of the busiest automation are skipped."},
	{"wb_automations.request_timeout", PGC_SIGHUP, GUC_UNIT_MS,
		&wb_setting_request_timeout, 15000, 10, 30000,
	"Longest time from the start of a request to the end of its answer."},
	{"wb_automations.retention", PGC_SIGHUP, GUC_UNIT_MIN,
		&wb_setting_retention, 0, 0, INT_MAX,
	"Age at which the worker deletes settled executions; 0 keeps them."},
	{"wb_automations.series_memory", PGC_USERSET, GUC_UNIT_KB,
		&wb_setting_series_memory, 16384, 0, 1024 * 1024,
	"Memory for the metrics that a session keeps from one statement to the next."},
	{"wb_automations.writer_slots", PGC_POSTMASTER, 0,
		&wb_setting_writer_slots, 65536, 1, 16 * 1024 * 1024,
	"Places in shared memory in which sessions tell each other which metrics they write."},
};

static const struct
{
	const char *name;
	GucContext	context;
	int			flags;
	char	  **variable;
	const char *start;
	GucStringCheckHook check;
	const char *text;
}			string_settings[] =

{
	{"wb_automations.allowed_networks", PGC_SIGHUP, GUC_LIST_INPUT,
		&wb_setting_allowed_networks, "", wb_address_check_networks,
	"Networks that are not public and may be connected to, as CIDR blocks."},
	{"wb_automations.run_url", PGC_SIGHUP, 0,
		&wb_setting_run_url, "", NULL,
	"Template of the link to a run in messages."},
	{"wb_automations.secret_key_file", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
		&wb_setting_secret_key_file, "wb_automations.key", NULL,
	"File with the key that seals secrets, relative to the data directory."},
};

/*
 * Define every setting.  Called once, from _PG_init; the same whether or not
 * the library is preloaded, because a child under EXEC_BACKEND defines them
 * anew.
 */
void
wb_setting_define_all(void)
{
	for (size_t i = 0; i < lengthof(bool_settings); i++)
		DefineCustomBoolVariable(bool_settings[i].name, bool_settings[i].text,
								 NULL, bool_settings[i].variable,
								 bool_settings[i].start,
								 bool_settings[i].context, 0,
								 NULL, NULL, NULL);
	for (size_t i = 0; i < lengthof(int_settings); i++)
	{
		/* what sizes shared memory has no meaning without it */
		if (int_settings[i].context == PGC_POSTMASTER &&
			!process_shared_preload_libraries_in_progress)
			continue;
		DefineCustomIntVariable(int_settings[i].name, int_settings[i].text,
								NULL, int_settings[i].variable,
								int_settings[i].start, int_settings[i].least,
								int_settings[i].most, int_settings[i].context,
								int_settings[i].flags, NULL, NULL, NULL);
	}
	for (size_t i = 0; i < lengthof(string_settings); i++)
		DefineCustomStringVariable(string_settings[i].name,
								   string_settings[i].text, NULL,
								   string_settings[i].variable,
								   string_settings[i].start,
								   string_settings[i].context,
								   string_settings[i].flags,
								   string_settings[i].check, NULL, NULL);
	DefineCustomEnumVariable("wb_automations.delivery",
							 "Whether the worker sends what automations ask for.",
							 NULL, &wb_setting_delivery, WB_DELIVERY_ON,
							 delivery_modes, PGC_SIGHUP, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("wb_automations");
}
