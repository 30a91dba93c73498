-- wb_automations: code only.  Tables are made by wb.setup(), so that they belong
-- to the user: a dump keeps them whole, and DROP EXTENSION cannot take them away.

-- complain if the script is sourced in psql, rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION wb_automations" to load this file. \quit
