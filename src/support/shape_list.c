/*-------------------------------------------------------------------------
 *
 * shape_list.c
 *		What our tables look like.
 *
 * A column that C does not read may be of another type, but of one that comes
 * with PostgreSQL: a superuser who calls a function of ours must not run what
 * an owner of the tables made for a type of his own.
 *
 * Rule: every column stands here, as 20_tables.sql has it.  The test
 * table_shape compares the two.
 *
 * IDENTIFICATION
 *		src/support/shape_list.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "support/shape.h"

#define REQUIRED(name, type)	{name, type, true, false}
#define OPTIONAL(name, type)	{name, type, false, false}
#define UNREAD(name, type)		{name, type, false, true}

const WbShape wb_shapes[WB_TABLE_COUNT] = {
	[WB_TABLE_ARTIFACT_ALIASES] = {false, {
			REQUIRED("collection_id", INT8OID), REQUIRED("alias", TEXTOID),
			REQUIRED("artifact_id", INT8OID), OPTIONAL("created_by", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"artifact_id"}}
	},
	[WB_TABLE_ARTIFACT_LINKS] = {false, {
			REQUIRED("collection_id", INT8OID), REQUIRED("artifact_id", INT8OID),
			REQUIRED("version", INT4OID), REQUIRED("aliases", TEXTARRAYOID),
			OPTIONAL("created_by", TEXTOID),
			UNREAD("id", INT8OID), UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"artifact_id"}}
	},
	[WB_TABLE_ARTIFACT_TAGS] = {false, {
			REQUIRED("artifact_id", INT8OID), REQUIRED("tag", TEXTOID),
			OPTIONAL("created_by", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"artifact_id"}}
	},
	[WB_TABLE_ARTIFACTS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("collection_id", INT8OID),
			REQUIRED("version", INT4OID), REQUIRED("state", TEXTOID),
			REQUIRED("metadata", JSONBOID), OPTIONAL("created_by", TEXTOID),
			UNREAD("digest", TEXTOID), UNREAD("run_id", INT8OID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_AUTOMATIONS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("name", TEXTOID),
			REQUIRED("enabled", BOOLOID), REQUIRED("scope_type", TEXTOID),
			REQUIRED("scope_id", INT8OID), REQUIRED("event_type", TEXTOID),
			REQUIRED("event_filter", JSONBOID),
			REQUIRED("action_type", TEXTOID),
			REQUIRED("action_config", JSONBOID),
			OPTIONAL("cooldown", INTERVALOID), REQUIRED("once_per", TEXTOID),
			OPTIONAL("updated_at", TIMESTAMPTZOID),
			REQUIRED("event_source", TEXTOID), REQUIRED("event_key", TEXTOID),
			UNREAD("description", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID),
			UNREAD("created_by", TEXTOID)
	}, {{"event_source", "event_key", "enabled", "scope_type", "scope_id"}}
	},
	[WB_TABLE_COLLECTION_TAGS] = {false, {
			REQUIRED("collection_id", INT8OID), REQUIRED("tag", TEXTOID),
			OPTIONAL("created_by", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}
	},
	[WB_TABLE_COLLECTIONS] = {false, {
			REQUIRED("id", INT8OID), OPTIONAL("project_id", INT8OID),
			OPTIONAL("registry_id", INT8OID), REQUIRED("name", TEXTOID),
			REQUIRED("type", TEXTOID),
			UNREAD("next_version", INT4OID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_DELIVERIES] = {true, {
			REQUIRED("execution_id", INT8OID),
			REQUIRED("integration_id", INT8OID),
			REQUIRED("installation_id", UUIDOID),
			REQUIRED("due_at", TIMESTAMPTZOID), REQUIRED("attempts", INT2OID),
			REQUIRED("crashes", INT2OID), OPTIONAL("last_error", TEXTOID)
	}
	},
	[WB_TABLE_DELIVERY_ATTEMPTS] = {true, {
			REQUIRED("execution_id", INT8OID), REQUIRED("attempt", INT2OID),
			REQUIRED("started_at", TIMESTAMPTZOID),
			REQUIRED("milliseconds", FLOAT8OID),
			OPTIONAL("status_code", INT4OID), OPTIONAL("error", TEXTOID),
			UNREAD("dns_ms", FLOAT4OID), UNREAD("connect_ms", FLOAT4OID),
			UNREAD("tls_ms", FLOAT4OID), UNREAD("first_byte_ms", FLOAT4OID)
	}
	},
	[WB_TABLE_DELIVERY_CLAIMS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("worker_pid", INT4OID),
			REQUIRED("execution_ids", INT8ARRAYOID),
			REQUIRED("claimed_at", TIMESTAMPTZOID)
	}
	},
	[WB_TABLE_ENTITIES] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("name", TEXTOID),
			REQUIRED("kind", TEXTOID), OPTIONAL("organization_id", INT8OID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_EXECUTIONS] = {true, {
			REQUIRED("id", INT8OID), REQUIRED("automation_id", INT8OID),
			REQUIRED("automation_name", TEXTOID), REQUIRED("origin", TEXTOID),
			REQUIRED("triggered_at", TIMESTAMPTZOID),
			OPTIONAL("cooldown", INTERVALOID),
			REQUIRED("cooldown_key", TEXTOID), REQUIRED("event_type", TEXTOID),
			OPTIONAL("project_id", INT8OID), OPTIONAL("run_id", INT8OID),
			OPTIONAL("artifact_id", INT8OID), REQUIRED("why", TEXTOID),
			REQUIRED("event", JSONBOID), REQUIRED("action_type", TEXTOID),
			OPTIONAL("scope_type", TEXTOID), OPTIONAL("scope_id", INT8OID),
			REQUIRED("state", TEXTOID), OPTIONAL("settled_at", TIMESTAMPTZOID),
			REQUIRED("action", JSONBOID), OPTIONAL("result", JSONBOID)
	}
	},
	[WB_TABLE_INSTALLATION] = {false, {
			REQUIRED("only_row", BOOLOID), REQUIRED("id", UUIDOID),
			REQUIRED("system_identifier", INT8OID),
			REQUIRED("database_oid", OIDOID),
			REQUIRED("schema_version", INT4OID),
			UNREAD("armed_at", TIMESTAMPTZOID)
	}, {{"only_row"}}
	},
	[WB_TABLE_INTEGRATION_STATES] = {false, {
			REQUIRED("integration_id", INT8OID),
			OPTIONAL("resumed_at", TIMESTAMPTZOID),
			OPTIONAL("paused_until", TIMESTAMPTZOID),
			REQUIRED("pauses", INT4OID), REQUIRED("failures", INT4OID),
			REQUIRED("refusals", INT4OID),
			OPTIONAL("breaker_opened_at", TIMESTAMPTZOID),
			REQUIRED("breaker_openings", INT4OID),
			OPTIONAL("probe_at", TIMESTAMPTZOID),
			UNREAD("delivered", INT8OID), UNREAD("retried", INT8OID),
			UNREAD("failed", INT8OID), UNREAD("held", INT8OID),
			UNREAD("throttled", INT8OID),
			UNREAD("last_success_at", TIMESTAMPTZOID),
			UNREAD("last_error", TEXTOID),
			UNREAD("last_error_at", TIMESTAMPTZOID)
	}
	},
	[WB_TABLE_INTEGRATIONS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("entity_id", INT8OID),
			REQUIRED("kind", TEXTOID), REQUIRED("name", TEXTOID),
			REQUIRED("team_name", TEXTOID), OPTIONAL("url", TEXTOID),
			OPTIONAL("url_secret", TEXTOID), OPTIONAL("access_token", TEXTOID),
			OPTIONAL("signing_secret", TEXTOID),
			REQUIRED("max_attempts", INT4OID),
			REQUIRED("signature_encoding", TEXTOID),
			OPTIONAL("previous_secret", TEXTOID), REQUIRED("ordered", BOOLOID),
			REQUIRED("state", TEXTOID), OPTIONAL("resumed_at", TIMESTAMPTZOID),
			UNREAD("state_reason", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_PROJECTS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("entity_id", INT8OID),
			REQUIRED("name", TEXTOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_REGISTRIES] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("entity_id", INT8OID),
			REQUIRED("name", TEXTOID),
			REQUIRED("protected_aliases", TEXTARRAYOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}, {{"id"}}
	},
	[WB_TABLE_RUN_METRICS] = {true, {
			REQUIRED("run_id", INT8OID), REQUIRED("name", TEXTOID),
			REQUIRED("step", INT8OID), REQUIRED("value", FLOAT8OID),
			UNREAD("logged_at", TIMESTAMPTZOID)
	}, {{"run_id", "name", "step"}}
	},
	[WB_TABLE_RUNS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("project_id", INT8OID),
			REQUIRED("name", TEXTOID), OPTIONAL("display_name", TEXTOID),
			OPTIONAL("username", TEXTOID), REQUIRED("state", TEXTOID),
			OPTIONAL("job_type", TEXTOID), OPTIONAL("group_name", TEXTOID),
			REQUIRED("config", JSONBOID), REQUIRED("summary", JSONBOID),
			REQUIRED("tags", TEXTARRAYOID),
			REQUIRED("created_at", TIMESTAMPTZOID),
			OPTIONAL("heartbeat_at", TIMESTAMPTZOID),
			OPTIONAL("finished_at", TIMESTAMPTZOID),
			OPTIONAL("exit_code", INT4OID)
	}, {{"id"}, {"project_id", "id"}}
	},
	[WB_TABLE_SECRETS] = {false, {
			REQUIRED("id", INT8OID), REQUIRED("entity_id", INT8OID),
			REQUIRED("name", TEXTOID), REQUIRED("key_id", TEXTOID),
			REQUIRED("sealed", BYTEAOID),
			UNREAD("created_at", TIMESTAMPTZOID)
	}
	},
};
