/*-------------------------------------------------------------------------
 *
 * relation.h
 *		Our tables, as every stage reaches them: by OID, as their owner, and
 *		without leaving a trace in the user's transaction.
 *
 * Reads of the write path go through WbScan and never through SPI: a scan
 * sees what is committed now at every isolation level, and leaves no
 * predicate lock behind in a SERIALIZABLE transaction.
 *
 * IDENTIFICATION
 *		src/support/relation.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_RELATION_H
#define WB_RELATION_H

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef enum WbTable
{
	WB_TABLE_ARTIFACT_ALIASES,
	WB_TABLE_ARTIFACT_LINKS,
	WB_TABLE_ARTIFACT_TAGS,
	WB_TABLE_ARTIFACTS,
	WB_TABLE_AUTOMATIONS,
	WB_TABLE_COLLECTIONS,
	WB_TABLE_DELIVERIES,
	WB_TABLE_ENTITIES,
	WB_TABLE_EXECUTIONS,
	WB_TABLE_INSTALLATION,
	WB_TABLE_INTEGRATIONS,
	WB_TABLE_PROJECTS,
	WB_TABLE_REGISTRIES,
	WB_TABLE_RUN_METRICS,
	WB_TABLE_RUNS,
	WB_TABLE_COUNT
} WbTable;

/* What a caller had before it became the owner of our tables. */
typedef struct WbIdentity
{
	Oid			user_id;
	int			security_context;
} WbIdentity;

/* An index scan in progress; see wb_scan_begin. */
typedef struct WbScan
{
	Relation	table;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	Snapshot	snapshot;		/* decides what is visible */
	bool		is_filtered;	/* the scan itself runs under SnapshotAny */
	bool		owns_snapshot;
	bool		owns_table;
	ScanDirection direction;
} WbScan;

#define WB_ALL_COMMANDS		(~(CommandId) 0)
#define WB_SCAN_MAX_KEYS	4

extern Oid	wb_relation_oid(WbTable table);
extern bool wb_relation_is_ours(Relation relation);
extern bool wb_relation_become_owner(WbIdentity *before);
extern void wb_relation_restore_identity(const WbIdentity *before);
extern void wb_relation_require_setup(void);

/* support/lookup.c */
extern Oid	wb_relation_index(Relation table, const char *column1,
							  const char *column2, const char *column3);
extern AttrNumber wb_relation_attribute(Relation relation, const char *column);

extern Snapshot wb_scan_take_snapshot(CommandId before);
extern void wb_scan_begin(WbScan *scan, Relation table, Oid index_oid,
						  ScanKey keys, int key_count, Snapshot snapshot,
						  ScanDirection direction);
extern void wb_scan_begin_versions(WbScan *scan, Relation table,
								   Oid index_oid, ScanKey keys, int key_count,
								   Snapshot snapshot, ScanDirection direction);
extern bool wb_scan_next_version(WbScan *scan);
extern bool wb_scan_version_is_visible(WbScan *scan);
extern bool wb_scan_next(WbScan *scan);
extern void wb_scan_end(WbScan *scan);
extern bool wb_scan_begin_by_id(WbTable table, const char *column, int64 id,
								WbScan *scan);
extern bool wb_scan_row_by_id(WbTable table, int64 id, WbScan *scan);
extern Datum wb_scan_column(WbScan *scan, const char *column, bool *is_null);
extern char *wb_scan_text(WbScan *scan, const char *column);
extern int64 wb_scan_id(WbScan *scan, const char *column);

/* support/partition.c */
extern Oid	wb_partition_root(Relation table);
extern Relation wb_partition_open(Oid root, int64 run_id, const char *name);

#endif							/* WB_RELATION_H */
