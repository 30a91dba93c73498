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
#include "support/invalidation.h"
#include "support/setting.h"

WB_MODULE_MAGIC;

static const WbEndingFunction endings[WB_ENDING_COUNT] = {
	[WB_ENDING_SERIES] = wb_series_cache_end,
	[WB_ENDING_MARKS] = wb_writer_slot_end,
	[WB_ENDING_WAKE] = wb_wake_end,
};

void
_PG_init(void)
{
	wb_setting_define_all();
	wb_invalidation_register(endings);
	wb_batch_register_hooks();
	wb_writer_slot_register();
	wb_shared_register();
	wb_launcher_register();
}
