# The lint of what is written in PL/pgSQL: plpgsql_check, Debian's package of
# that name, reads each function with the tables that wb.setup() makes, and
# what it warns of is an error.  A trigger function is read once for each table
# that it is on.
#
# What to do: say the type of what is cast, remove what is not used.  Hints
# about speed alone ("performance") are not asked for.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $node = WbAutomations::Node->new('plpgsql', conf => 'wb_automations.worker = off');
plan skip_all => 'PL/pgSQL is not checked: the extension plpgsql_check is not installed (Debian: postgresql-NN-plpgsql-check)'
  if $node->sql(q(SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check')) == 0;

$node->sql('CREATE EXTENSION plpgsql_check');
my $functions = q(
	SELECT p.oid AS function, coalesce(t.tgrelid, 0) AS relation FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		LEFT JOIN (SELECT DISTINCT tgfoid, tgrelid FROM pg_trigger) t ON t.tgfoid = p.oid
	WHERE l.lanname = 'plpgsql' AND p.pronamespace = 'wb'::regnamespace
		AND (p.prorettype <> 'trigger'::regtype OR t.tgrelid IS NOT NULL));
my $complaints = qq(
	SELECT concat_ws(' ', f.function::regprocedure, 'line ' || c.lineno, c.level || ':', c.message, c.detail, c.context)
	FROM ($functions) f, plpgsql_check_function_tb(f.function, f.relation, fatal_errors => false,
		other_warnings => true, extra_warnings => true, security_warnings => true, performance_warnings => false) c ORDER BY 1);

cmp_ok($node->sql("SELECT count(*) FROM ($functions) f"), '>', 100, 'the functions are found');
is($node->sql($complaints), '', 'no function has an error or a warning');

# It does complain, of a variable that nothing reads among others.
$node->sql(q(CREATE FUNCTION wb.careless() RETURNS void LANGUAGE plpgsql AS 'DECLARE unused text; BEGIN END'));
like($node->sql($complaints), qr/wb\.careless\(\) line 1 warning: unused variable "unused"/, 'a careless function is noticed');

done_testing();
