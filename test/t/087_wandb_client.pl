# What W&B's own client makes of every event, condition and action that we have
# is imported, fires here, and is exported as the same document.
#
# The client comes from PyPI into a directory of this test, and talks to nobody:
# wandb_automations.py only prints what it would send.

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Node;

my $version = '0.31.*';
my $python = $ENV{PYTHON} || 'python3';
my $directory = PostgreSQL::Test::Utils::tempdir();

# Run a command for at most so many seconds; returns whether it succeeded, its
# output, and its last words of complaint.
sub run_for
{
	my ($seconds, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = eval {
		IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($seconds));
	};
	return ($ok, $out, $ok ? '' : (split /\n/, $err || $@ || "it failed")[-1]);
}

sub skip_loudly
{
	my ($reason) = @_;
	plan skip_all => "NOT TESTED: the documents of W&B's own client, because $reason";
}

my ($has_pip) = run_for(30, $python, '-m', 'pip', '--version');
skip_loudly("$python has no pip; name another Python in PYTHON") if !$has_pip;
my ($is_installed, undef, $complaint) = run_for(300, $python, '-m', 'pip', 'install', '--quiet', '--no-input',
	'--disable-pip-version-check', '--retries', '1', '--timeout', '15', '--target', $directory, "wandb==$version");
skip_loudly("PyPI did not give wandb $version: $complaint") if !$is_installed;

my $node = WbAutomations::Node->new('client', conf => 'wb_automations.delivery = off');
my $run = $node->new_run('my-team/my-project');
my $scope = $node->sql(q(SELECT project_id FROM wb.runs));
$node->sql("SELECT wb.log_artifact($scope, 'model', 'model')");
my $collection = $node->sql(q(SELECT id FROM wb.collections));
my $slack = $node->sql(q(SELECT wb.create_slack_integration('my-team', 'https://127.0.0.1/slack')));
my $webhook = $node->sql(q(SELECT wb.create_webhook_integration('my-team', 'hook', 'https://127.0.0.1/hook')));

local $ENV{PYTHONPATH} = $directory;
local $ENV{PYTHONIOENCODING} = 'utf-8';
my ($is_printed, $output, $error) = run_for(120, $python, "$FindBin::Bin/../perl/wandb_automations.py",
	$scope, $collection, $slack, $webhook);
ok($is_printed, 'the client prints its documents') or diag $error;
my @lines = split /\n/, $output;
cmp_ok(scalar @lines, '>=', 40, 'the client printed as many as there are');

# Each document is imported, and the row compared with what came in.
$node->sql(join "\n", 'CREATE TABLE carried (n int, document jsonb, filter jsonb, id bigint);',
	(map { my $n = $_; "INSERT INTO carried (n, document, filter) SELECT $n, d->0, d->1 FROM (SELECT \$wb\$$lines[$n]\$wb\$::jsonb) t(d);" } 0 .. $#lines),
	'UPDATE carried SET id = wb.import_automation(document);');
is($node->sql('SELECT count(DISTINCT id) FROM carried'), scalar @lines, 'every document is imported');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ' ORDER BY n) FROM carried
	WHERE (wb.export_automation(id)->>'eventFilter')::jsonb IS DISTINCT FROM filter)), '',
	'every filter is exported as it came');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ' ORDER BY n) FROM carried
	WHERE wb.export_automation(id)->>'eventFilter' <> document->>'eventFilter')), 'metric lte',
	'even to the letter, but for 1e-7, which jsonb writes out');
is($node->sql(q(
	SELECT string_agg(document->>'name', ', ' ORDER BY n) FROM carried, wb.export_automation(id) e(e)
	WHERE e #- '{eventFilter}' #- '{scopeID}' #- '{triggeredActionConfig,notificationActionInput,integrationID}'
			#- '{triggeredActionConfig,genericWebhookActionInput,integrationID}'
		<> document #- '{eventFilter}' #- '{scopeID}' #- '{triggeredActionConfig,notificationActionInput,integrationID}'
			#- '{triggeredActionConfig,genericWebhookActionInput,integrationID}')), '',
	'all else, but for the form of ids, as well');
is($node->sql(q(SELECT count(*) FROM wb.automation_list WHERE event = '' OR action = '' OR scope = '')), '0',
	'all are listed');

# And they fire, each on what it is about.
$node->sql(qq(
	UPDATE wb.runs SET display_name = 'bert-7' WHERE id = $run;
	INSERT INTO wb.run_metrics (run_id, name, step, value)
	SELECT $run, name, step, value FROM (VALUES ('m_gt', 11), ('m_gte', 0.25), ('m_lt', -1), ('m_lte', 0), ('m_avg', 2), ('m_mean', 1),
		('m_min', 0.5), ('m_max', 5), ('m_re', 2), ('m_or', 2), ('m_not', 2), ('m_in', 2)) m(name, value), generate_series(1, 3) step;
	INSERT INTO wb.run_metrics (run_id, name, step, value)
	SELECT $run, name, step, CASE WHEN step < 40 THEN 10 + step % 2 ELSE last END
	FROM (VALUES ('m_inc', 100), ('m_dec', -1000), ('m_chg', 20), ('m_mchg', 20), ('m_z', 20), ('m_za', 20), ('m_zb', 20)) m(name, last), generate_series(1, 40) step;
	UPDATE wb.runs SET state = 'failed' WHERE id = $run;
	SELECT wb.add_alias(id, alias) FROM wb.artifacts, unnest('{prod,prod-1,staging,v-next}'::text[]) alias;));
is($node->sql(q(
	SELECT string_agg(DISTINCT split_part(automation_name, ' ', 2), ' ' ORDER BY split_part(automation_name, ' ', 2))
	FROM wb.executions WHERE automation_name ~ '^metric \w+$')),
	'avg changes decreases gt gte increases lte max min zscore', 'conditions on metrics fire, and only those that hold');
is($node->sql(q(SELECT string_agg(DISTINCT automation_name, ', ' ORDER BY automation_name) FROM wb.executions WHERE automation_name ~ '^metric (name|zscore |max )')),
	'metric max changes, metric name not, metric name regex, metric zscore above', 'so do those with a filter on runs');
is($node->sql(q(SELECT string_agg(DISTINCT automation_name, ', ' ORDER BY automation_name) FROM wb.executions WHERE automation_name ~ '^state')),
	'state failed, state two states', 'conditions on states fire');
is($node->sql(q(SELECT string_agg(DISTINCT automation_name, ', ' ORDER BY automation_name) FROM wb.executions WHERE automation_name ~ '^alias.*project$')),
	'alias and not in project, alias eq in project, alias in in project, alias not in in project, alias or in project, alias regex in project',
	'conditions on aliases fire');
is($node->sql(q(SELECT count(DISTINCT automation_name) FROM wb.executions WHERE automation_name ~ '^action')), '5',
	'every action is asked for');

done_testing();
