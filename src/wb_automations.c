/*-------------------------------------------------------------------------
 *
 * wb_automations.c
 *		The library's entry point.
 *
 * _PG_init does the same whether the library is preloaded or loaded by the
 * first call of one of its functions; only the launcher needs preloading.
 *
 * IDENTIFICATION
 *		src/wb_automations.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "capture/capture.h"
#include "decide/decide.h"
#include "deliver/deliver.h"
#include "fmgr.h"
#include "support/compat.h"
#include "support/setting.h"

WB_MODULE_MAGIC;

void
_PG_init(void)
{
	wb_setting_define_all();
	wb_met_runs_register_callbacks();
	wb_batch_register_hooks();
	wb_series_cache_register();
	wb_writer_slot_register();
	wb_wake_register_callbacks();
	wb_shared_register();
	wb_launcher_register();
}
