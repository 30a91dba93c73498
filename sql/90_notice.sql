-- CREATE EXTENSION silences notices while its script runs; this one is meant to
-- be read, and the setting ends with the script.
SET LOCAL client_min_messages = notice;
DO $$
BEGIN
	RAISE NOTICE 'wb_automations is installed; now run SELECT wb.setup(); to make its tables';
END $$;
