-- The worker keeps a plan for a while, and often makes it while the queue is
-- empty; so even then only the right index may look cheap.
\set SHOW_CONTEXT never
CREATE DATABASE regression_queue_plan TEMPLATE template0;
\connect regression_queue_plan
SET client_min_messages = error;
CREATE EXTENSION wb_automations;
SELECT wb.setup() \gset
VACUUM ANALYZE wb.deliveries;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
-- an index is what this is about; majors sort what it gives by other means
SET enable_incremental_sort = off;

-- a delivery is found by its key
PREPARE remove (bigint[]) AS DELETE FROM wb.deliveries WHERE execution_id = ANY ($1);
EXPLAIN (COSTS OFF) EXECUTE remove ('{1}');

-- the oldest of a receiver by the other index
PREPARE oldest (bigint, timestamptz) AS
SELECT execution_id FROM wb.deliveries WHERE integration_id = $1 AND due_at <= $2 ORDER BY due_at, execution_id LIMIT 10;
EXPLAIN (COSTS OFF) EXECUTE oldest (1, now());
\connect postgres
DROP DATABASE regression_queue_plan;
