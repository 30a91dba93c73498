# Whatever a message is about, Slack's own types accept it, and it keeps the
# limits that the types do not know.
#
# The types come from npm into a directory of this test, with the compiler that
# reads them; nothing talks to Slack.

use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WbAutomations::Endpoint;
use WbAutomations::Node;

my @packages = ('@slack/types@3', 'typescript@5');
my $directory = PostgreSQL::Test::Utils::tempdir();

# Run a command for at most so many seconds; returns whether it succeeded, and
# what it printed.
sub run_for
{
	my ($seconds, @command) = @_;
	my $out = '';
	my $ok = eval {
		IPC::Run::run(\@command, '<', \undef, '>&', \$out, IPC::Run::timeout($seconds));
	};
	return ($ok, $out || $@ || 'it failed');
}

sub skip_loudly
{
	my ($reason) = @_;
	plan skip_all => "NOT TESTED: Slack's own types, because $reason";
}

local $ENV{HOME} = $directory;
local $ENV{npm_config_cache} = "$directory/cache";
my ($has_npm) = run_for(30, 'npm', '--version');
skip_loudly('there is no npm') if !$has_npm;
my ($is_installed, $complaint) = run_for(300, 'npm', 'install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts',
	'--fetch-retries=1', '--fetch-timeout=15000', '--prefix', $directory, @packages);
skip_loudly("npm did not give @packages: $complaint") if !$is_installed;

my $odd = qq(<!channel> & "co" \\ * _ ~ ` | \t \x{1} \x{fc} \x{1F600}\nsecond line);
utf8::encode($odd);
my $node = WbAutomations::Node->new('types', conf => 'wb_automations.delivery = off');
my $endpoint = WbAutomations::Endpoint->new(answers => [ { status => 200, body => 'ok' } ]);
$node->sql(sprintf q(
	SELECT wb.create_project('ml', 'types'), wb.create_registry('org', 'models');
	UPDATE wb.entities SET organization_id = (SELECT id FROM wb.entities WHERE name = 'org') WHERE name = 'ml';
	SELECT wb.create_slack_integration('ml', '%s');
	SELECT wb.start_run((SELECT id FROM wb.projects), display_name => $odd$%s$odd$, name => 'odd', username => repeat('u', 5000));
	SELECT wb.start_run((SELECT id FROM wb.projects), name => 'plain', username => '');),
	$endpoint->url('/slack'), $odd);

# Each event, with the least and with the most that a message can say.
my %events = (
	metric => q(wb.on_run_metric(wb.project('ml', 'types'), wb.avg('loss', '>', 1, 2))),
	change => q(wb.on_run_metric(wb.project('ml', 'types'), wb.increases_by('loss', diff => 1, agg => NULL))),
	nan => q(wb.on_run_metric(wb.project('ml', 'types'), wb.is_nan('nan'))),
	state => q(wb.on_run_state(wb.project('ml', 'types'), '{failed}')),
	silent => q(wb.on_run_silent(wb.project('ml', 'types'), '10 minutes')),
	schedule => q(wb.on_schedule(wb.project('ml', 'types'), '1 day', metrics => '{loss}')),
	created => q(wb.on_create_artifact(wb.project('ml', 'types'))),
	linked => q(wb.on_link_artifact(wb.registry('org', 'models'))),
	unlinked => q(wb.on_unlink_artifact(wb.registry('org', 'models'))),
	alias => q(wb.on_add_artifact_alias(wb.project('ml', 'types'))),
	tag => q(wb.on_add_artifact_tag(wb.project('ml', 'types'))),
	untag => q(wb.on_remove_artifact_tag(wb.project('ml', 'types'))),
	'collection tag' => q(wb.on_add_collection_tag(wb.project('ml', 'types'))),
	'collection untag' => q(wb.on_remove_collection_tag(wb.project('ml', 'types'))));
for my $name (sort keys %events)
{
	$node->sql(sprintf q(
		SELECT wb.create_automation('least %1$s', %2$s, wb.send_notification(wb.slack_integration('ml')), cooldown => '0');
		SELECT wb.create_automation(rpad('most %1$s', 255, 'x'), %2$s, wb.send_notification(wb.slack_integration('ml'),
			title => repeat('${run_name} ', 100) || $odd$%3$s$odd$, message => repeat('&', 9000), severity => 'ERROR'), cooldown => '0');),
		$name, $events{$name}, $odd);
}
$node->sql(q(
	INSERT INTO wb.run_metrics SELECT r.id, 'loss', s, s * 5 FROM wb.runs r, generate_series(1, 2) s;
	INSERT INTO wb.run_metrics SELECT id, 'nan', 1, 'NaN' FROM wb.runs;
	SELECT wb.sweep(now() + interval '3 days');
	SELECT wb.finish_run(id, 1) FROM wb.runs;
	SELECT wb.log_artifact((SELECT id FROM wb.projects), 'detector', 'model', aliases => '{prod}', tags => '{good}');
	SELECT wb.link_artifact(a.id, r.id, 'detector') FROM wb.artifacts a, wb.registries r;
	SELECT wb.unlink_artifact(a.id, r.id, 'detector') FROM wb.artifacts a, wb.registries r;
	SELECT wb.remove_tag(id, 'good') FROM wb.artifacts;
	SELECT wb.add_collection_tag(id, 'big'), wb.remove_collection_tag(id, 'big') FROM wb.collections WHERE project_id IS NOT NULL;));

# Send all of that, once with a link and once without, and a digest.
$node->set('wb_automations.delivery', 'on');
$node->wait_until_settled;
$node->set('wb_automations.run_url', q('https://wb.example/${run_path}?q=${run_name}|x>'));
$node->sql(q(INSERT INTO wb.run_metrics SELECT id, 'nan', 2, 'NaN' FROM wb.runs));
$node->wait_until_settled;
$node->set('wb_automations.delivery', 'off');
$node->sql(q(INSERT INTO wb.run_metrics SELECT id, 'nan', s, 'NaN' FROM wb.runs, generate_series(3, 33) s));
$node->set('wb_automations.delivery', 'on');
$node->wait_until_settled;

is($node->sql(q(SELECT count(DISTINCT automation_name) FROM wb.executions WHERE state = 'FINISHED')), 2 * keys %events,
	'every event has fired twice');
my @bodies = map { $_->{body} } $endpoint->requests;
is(scalar(grep { /fired 62 times/ } @bodies), 2, 'there are two digests');

# What the compiler says of messages.
sub complaints
{
	my (@texts) = @_;
	my $number = 0;

	open my $out, '>', "$directory/messages.ts" or die $!;
	print $out "import type { KnownBlock, MessageAttachment } from '\@slack/types';\n",
	  "type Attachment = Omit<MessageAttachment, 'blocks'> & { blocks: KnownBlock[] };\n",
	  "type Message = { text: string; attachments: Attachment[] };\n";
	print $out 'export const m', $number++, ": Message = $_;\n" for @texts;
	close $out;
	my ($ok, $said) = run_for(300, "$directory/node_modules/.bin/tsc", '--noEmit', '--strict', '--skipLibCheck',
		'--module', 'nodenext', '--moduleResolution', 'nodenext', "$directory/messages.ts");
	return $ok ? '' : $said;
}

is(complaints(@bodies), '', sprintf q(Slack's types accept all of %d messages), scalar @bodies);
like(complaints($bodies[0] =~ s/mrkdwn/markdown/r), qr/is not assignable/, 'and do not accept everything');
like(complaints($bodies[0] =~ s/"fields"/"feilds"/r), qr/feilds/, 'nor a part that they do not know');

# Limits that are in Slack's manual only.
my %too_much;
for my $message (map { JSON::PP->new->utf8->decode($_) } @bodies)
{
	my @blocks = map { @{ $_->{blocks} } } @{ $message->{attachments} };
	$too_much{blocks}++ if @blocks > 50;
	$too_much{title}++ if $message->{text} =~ /[\n<]/ && $message->{text} !~ /^\*<https:[^<>|\s]+\|[^<>\n]*>\*$/;
	for my $block (@blocks)
	{
		my @fields = map { $_->{text} } @{ $block->{fields} // [] };
		my @texts = map { $_->{text} } @{ $block->{elements} // [] }, $block->{text} // ();
		$too_much{fields}++ if @fields > 10 || grep { length > 2000 || !length } @fields;
		$too_much{texts}++ if @texts > 10 || grep { length > 3000 || !length } @texts;
		$too_much{markup}++ if grep { /<(?!https:)/ } @fields, @texts;
	}
}
is_deeply(\%too_much, {}, 'no message is longer than Slack takes, and no name is markup');

done_testing();
